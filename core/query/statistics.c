/* Snapshot.statistics(): tallies grouped under a key and put in order. */
#include "tm/query.h"
#include <stdlib.h>
#include <string.h>

/* Groups in an open hash table: the rows themselves, found by their frames. */
struct groups {
	struct tm_statistic *rows;
	uint64_t n, cap;
	uint32_t *slots; /* row + 1 */
	size_t nslots;
	const uint32_t *same; /* name → the first name with the same text */
};

static uint64_t hash_frames(const struct groups *g, const struct tm_frame *f, uint32_t n)
{
	uint64_t h = 0x9e3779b97f4a7c15u * (n + 1);
	for (uint32_t i = 0; i < n; i++) {
		h = (h ^ ((uint64_t)g->same[f[i].filename] << 32 | f[i].lineno)) * 0xff51afd7ed558ccdu;
		h ^= h >> 32;
	}
	return h;
}

static bool same_frames(const struct groups *g, const struct tm_statistic *r, const struct tm_frame *f, uint32_t n)
{
	if (r->nframe != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (g->same[r->frames[i].filename] != g->same[f[i].filename] || r->frames[i].lineno != f[i].lineno)
			return false;
	return true;
}

static bool rehash(struct groups *g)
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
static struct tm_statistic *row_for(struct groups *g, const struct tm_frame *f, uint32_t n)
{
	if ((g->n + 1) * 2 > g->nslots && !rehash(g))
		return NULL;
	size_t k = (size_t)hash_frames(g, f, n) & (g->nslots - 1);
	for (; g->slots[k]; k = (k + 1) & (g->nslots - 1))
		if (same_frames(g, &g->rows[g->slots[k] - 1], f, n))
			return &g->rows[g->slots[k] - 1];
	if (g->n >= UINT32_MAX - 1)
		return NULL;
	if (g->n == g->cap) {
		uint64_t cap = g->cap ? g->cap * 2 : 1024;
		struct tm_statistic *rows = realloc(g->rows, (size_t)cap * sizeof *rows);
		if (!rows)
			return NULL;
		g->rows = rows;
		g->cap = cap;
	}
	g->slots[k] = (uint32_t)g->n + 1;
	g->rows[g->n] = (struct tm_statistic) { .frames = f, .nframe = n };
	return &g->rows[g->n++];
}

static bool add(struct groups *g, const struct tm_frame *f, uint32_t n, const struct tm_tally *t)
{
	struct tm_statistic *r = row_for(g, f, n);
	if (!r)
		return false;
	r->count += t->count;
	r->size += tm_tally_size(t);
	return true;
}

/* For "filename", a frame {name, 0} per name stands for all lines of it. */
static struct tm_error *group(const struct tm_snapshot *s, struct tm_statistics *st, struct groups *g, const struct tm_poll *poll)
{
	for (uint64_t i = 0; i < s->ntallies; i++) {
		const struct tm_tally *t = &s->tallies[i];
		const struct tm_traceback *tb = &s->tracebacks[t->traceback];
		const struct tm_frame *f = s->frames + tb->first;
		bool ok = true;
		if (st->key == TM_BY_TRACEBACK)
			ok = add(g, f, tb->nframe, t);
		/* Cumulative: every occurrence of a frame counts, as in Lib/tracemalloc.py. */
		uint32_t n = st->key == TM_BY_TRACEBACK ? 0 : st->cumulative ? tb->nframe : tb->nframe > 0;
		if (!tb->nframe && st->key != TM_BY_TRACEBACK && !st->cumulative)
			ok = add(g, f, 0, t);
		for (uint32_t k = 0; ok && k < n; k++)
			ok = add(g, st->key == TM_BY_LINENO ? &f[k] : &st->keys[f[k].filename], 1, t);
		if (!ok)
			return tm_error_nomem();
		struct tm_error *err = i % 65536 == 65535 ? tm_poll(poll, "grouping", i, s->ntallies) : NULL;
		if (err)
			return err;
	}
	return NULL;
}

static int by_size(const void *a, const void *b, void *ranks)
{
	const struct tm_statistic *x = a, *y = b;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->count != y->count)
		return x->count > y->count ? -1 : 1;
	return tm_frames_compare(y->frames, y->nframe, x->frames, x->nframe, ranks);
}

struct tm_error *tm_statistics_make(struct tm_snapshot *s, enum tm_key key, bool cumulative, const struct tm_poll *poll,
	struct tm_statistics **ret)
{
	if (cumulative && key == TM_BY_TRACEBACK)
		return tm_error_new(TM_ERR_USAGE, "cumulative statistics go by lineno or filename, not by traceback");
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_STATISTICS);
	if (err)
		return err;
	uint32_t *ranks = NULL;
	err = tm_name_ranks(s, &ranks);
	struct tm_statistics *st = calloc(1, sizeof *st);
	struct groups g = { .same = ranks };
	if (!err && !st)
		err = tm_error_nomem();
	if (!err) {
		*st = (struct tm_statistics) { .snapshot = tm_snapshot_ref(s), .key = key, .cumulative = cumulative };
		tm_snapshot_total(s, &st->count, &st->size);
		if (key == TM_BY_FILENAME && !(st->keys = calloc(s->nnames ? (size_t)s->nnames : 1, sizeof *st->keys)))
			err = tm_error_nomem();
	}
	for (uint32_t i = 0; !err && st->keys && i < s->nnames; i++)
		st->keys[i].filename = i;
	if (!err)
		err = group(s, st, &g, poll);
	if (!err) {
		err = tm_sort(g.rows, (size_t)g.n, sizeof *g.rows, by_size, ranks, poll);
	}
	if (!err) {
		st->rows = g.rows;
		st->nrows = g.n;
		g.rows = NULL;
	}
	free(g.rows);
	free(g.slots);
	free(ranks);
	if (err) {
		tm_statistics_free(st);
		return err;
	}
	*ret = st;
	return NULL;
}

void tm_statistics_free(struct tm_statistics *s)
{
	if (!s)
		return;
	tm_snapshot_unref((struct tm_snapshot *)s->snapshot);
	free(s->rows);
	free(s->keys);
	free(s);
}
