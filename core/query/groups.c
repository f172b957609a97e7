/* Grouping: the inner loop of statistics and comparisons. */
#include "groups.h"
#include <stdlib.h>
#include <sys/random.h>

static uint64_t hash_frames(const struct tm_groups *g, const struct tm_frame *f, uint32_t n)
{
	uint64_t h = g->secret + n;
	for (uint32_t i = 0; i < n; i++) {
		tm_u128 m = (tm_u128)(h ^ ((uint64_t)g->ranks[f[i].filename] << 32 | f[i].lineno)) * 0x9e3779b97f4a7c15u;
		h = (uint64_t)m ^ (uint64_t)(m >> 64);
	}
	return h;
}

static uint64_t first_of(const struct tm_groups *g, const struct tm_frame *f, uint32_t n)
{
	return n ? (uint64_t)g->ranks[f->filename] << 32 | f->lineno : 0;
}

/* All rows' frames lie far apart in memory: where the first one differs nothing else is looked at. */
static bool same_frames(const struct tm_groups *g, uint64_t row, const struct tm_frame *f, uint32_t n)
{
	const struct tm_statistic *r = &g->rows[row];
	if (g->firsts[row] != first_of(g, f, n) || r->nframe != n)
		return false;
	for (uint32_t i = 1; i < n; i++)
		if (g->ranks[r->frames[i].filename] != g->ranks[f[i].filename] || r->frames[i].lineno != f[i].lineno)
			return false;
	return true;
}

static bool rehash(struct tm_groups *g)
{
	size_t n = g->nslots ? g->nslots * 2 : 4096;
	uint32_t *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	for (uint64_t i = 0; i < g->n; i++) {
		size_t k = (size_t)hash_frames(g, g->rows[i].frames, g->rows[i].nframe) & (n - 1);
		while (slots[k])
			k = (k + 1) & (n - 1);
		slots[k] = (uint32_t)i + 1;
	}
	free(g->slots);
	g->slots = slots;
	g->nslots = n;
	return true;
}

/* The row for these frames, which must stay where they are; NULL: out of memory. */
static struct tm_statistic *row_for(struct tm_groups *g, const struct tm_frame *f, uint32_t n)
{
	if ((g->n + 1) * 2 > g->nslots && !rehash(g))
		return NULL;
	size_t k = (size_t)hash_frames(g, f, n) & (g->nslots - 1);
	for (; g->slots[k]; k = (k + 1) & (g->nslots - 1))
		if (same_frames(g, g->slots[k] - 1, f, n))
			return &g->rows[g->slots[k] - 1];
	if (g->n >= UINT32_MAX - 1)
		return NULL;
	if (g->n == g->cap) {
		uint64_t cap = g->cap ? g->cap * 2 : 1024;
		struct tm_statistic *rows = realloc(g->rows, (size_t)cap * sizeof *rows);
		if (!rows)
			return NULL;
		g->rows = rows;
		uint64_t *firsts = realloc(g->firsts, (size_t)cap * sizeof *firsts);
		if (!firsts)
			return NULL;
		g->firsts = firsts;
		g->cap = cap;
	}
	g->slots[k] = (uint32_t)g->n + 1;
	g->firsts[g->n] = first_of(g, f, n);
	g->rows[g->n] = (struct tm_statistic) { .frames = f, .nframe = n };
	return &g->rows[g->n++];
}

static bool add(struct tm_groups *g, const struct tm_frame *f, uint32_t n, const struct tm_tally *t)
{
	struct tm_statistic *r = row_for(g, f, n);
	if (!r)
		return false;
	r->count += t->count;
	r->size += tm_tally_size(t);
	return true;
}

static bool add_tally(struct tm_groups *g, const struct tm_tally *t)
{
	const struct tm_traceback *tb = &g->s->tracebacks[t->traceback];
	const struct tm_frame *f = g->s->frames + tb->first;
	if (g->key == TM_BY_TRACEBACK || (!g->cumulative && !tb->nframe))
		return add(g, f, tb->nframe, t);
	/* Cumulative: every occurrence of a frame counts, as in Lib/tracemalloc.py. */
	uint32_t n = g->cumulative ? tb->nframe : 1;
	bool ok = true;
	for (uint32_t k = 0; ok && k < n; k++)
		ok = add(g, g->key == TM_BY_LINENO ? &f[k] : &g->keys[f[k].filename], 1, t);
	return ok;
}

struct tm_error *tm_groups_add(struct tm_groups *g, uint64_t first, uint64_t n, const struct tm_poll *poll)
{
	uint64_t work = 0; /* frames: one traceback may have as many as all others together */
	for (uint64_t i = 0; i < n; i++) {
		const struct tm_tally *t = &g->s->tallies[first + i];
		if (!add_tally(g, t))
			return tm_error_nomem();
		work += 1 + (g->key == TM_BY_TRACEBACK || g->cumulative ? g->s->tracebacks[t->traceback].nframe : 0);
		if (work < 65536)
			continue;
		work = 0;
		struct tm_error *err = tm_poll(poll, "grouping", i, n);
		if (err)
			return err;
	}
	return NULL;
}

struct tm_error *tm_groups_init(struct tm_groups *g, const struct tm_snapshot *s, enum tm_key key, bool cumulative)
{
	*g = (struct tm_groups) { .s = s, .key = key, .cumulative = cumulative };
	if (getrandom(&g->secret, sizeof g->secret, GRND_NONBLOCK) < 0)
		g->secret = (uintptr_t)g; /* only while the system boots */
	if (cumulative && key == TM_BY_TRACEBACK)
		return tm_error_new(TM_ERR_USAGE, "cumulative statistics go by lineno or filename, not by traceback");
	struct tm_error *err = tm_name_ranks(s, &g->ranks);
	if (!err && key == TM_BY_FILENAME && !(g->keys = calloc(s->nnames ? (size_t)s->nnames : 1, sizeof *g->keys)))
		err = tm_error_nomem();
	for (uint32_t i = 0; !err && g->keys && i < s->nnames; i++)
		g->keys[i].filename = i;
	return err;
}

void tm_groups_deinit(struct tm_groups *g)
{
	free(g->ranks);
	free(g->keys);
	free(g->rows);
	free(g->firsts);
	free(g->slots);
}
