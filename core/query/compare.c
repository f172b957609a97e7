/*
 * Snapshot.compare_to(): names and frames have other numbers in each snapshot, so both are put into one, where equal frames are
 * equal numbers; its tallies, first the new ones, then the old, are grouped together.
 */
#include "groups.h"
#include "tm/builder.h"
#include "tm/compare.h"
#include <stdlib.h>
#include <string.h>

/* The names of S get numbers among those of B. */
static struct tm_error *put_names(struct tm_builder *b, const struct tm_snapshot *s, uint32_t **ret)
{
	uint32_t *ids = malloc((s->nnames ? (size_t)s->nnames : 1) * sizeof *ids);
	bool ok = ids;
	for (uint32_t i = 0; ok && i < s->nnames; i++) {
		size_t len;
		const char *name = tm_snapshot_name(s, i, &len);
		ids[i] = tm_intern(&b->names, name, len);
		ok = ids[i] != UINT32_MAX;
	}
	*ret = ids;
	return ok ? NULL : tm_error_nomem();
}

static void put_frame(struct tm_builder *b, const struct tm_frame *f, const uint32_t *ids)
{
	b->frames.items[b->frames.n++] = (struct tm_frame) { ids[f->filename], f->lineno };
}

/* All frames of S, or the newest of each traceback. */
static bool put_tracebacks(struct tm_builder *b, const struct tm_snapshot *s, bool all_frames, const uint32_t *ids)
{
	uint64_t base = b->frames.n;
	if (!tm_array_reserve(&b->frames, all_frames ? s->nframes : s->ntracebacks) ||
	    !tm_array_reserve(&b->tracebacks, s->ntracebacks))
		return false;
	for (uint64_t i = 0; all_frames && i < s->nframes; i++)
		put_frame(b, &s->frames[i], ids);
	for (uint64_t i = 0; i < s->ntracebacks; i++) {
		const struct tm_traceback *from = &s->tracebacks[i];
		struct tm_traceback *to = &b->tracebacks.items[b->tracebacks.n++];
		uint32_t n = all_frames || !from->nframe ? from->nframe : 1;
		*to = (struct tm_traceback) { .first = all_frames ? base + from->first : b->frames.n, .nframe = n };
		if (n && !all_frames)
			put_frame(b, &s->frames[from->first], ids);
	}
	return true;
}

static struct tm_error *put(struct tm_builder *b, const struct tm_snapshot *s, bool all_frames, const struct tm_poll *poll)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_STATISTICS);
	if (!err)
		err = tm_poll(poll, "comparing", 0, 0);
	if (!err && s->ntracebacks > UINT32_MAX - b->tracebacks.n)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "the snapshots have too many tracebacks to be compared");
	if (err)
		return err;
	uint32_t base = (uint32_t)b->tracebacks.n, *ids;
	err = put_names(b, s, &ids);
	if (!err && (!put_tracebacks(b, s, all_frames, ids) || !tm_array_reserve(&b->tallies, s->ntallies)))
		err = tm_error_nomem();
	free(ids);
	for (uint64_t i = 0; !err && i < s->ntallies; i++) {
		struct tm_tally t = s->tallies[i];
		t.traceback += base;
		b->tallies.items[b->tallies.n++] = t;
	}
	return err;
}

static bool put_notes(struct tm_snapshot *both, const struct tm_snapshot *s, const char *which)
{
	bool ok = true;
	for (size_t i = 0; ok && i < s->nnotes; i++)
		ok = tm_snapshot_note(both, s->notes[i].gap, "%s snapshot: %s", which, s->notes[i].text);
	return ok;
}

static struct tm_error *join(const struct tm_snapshot *old, const struct tm_snapshot *now, bool all_frames,
	const struct tm_poll *poll, struct tm_snapshot **ret)
{
	struct tm_builder b = { 0 };
	struct tm_snapshot *both = NULL;
	struct tm_error *err = put(&b, now, all_frames, poll);
	if (!err)
		err = put(&b, old, all_frames, poll);
	if (!err && (!(both = tm_builder_freeze(&b)) || !put_notes(both, old, "old") || !put_notes(both, now, "new")))
		err = tm_error_nomem();
	tm_builder_deinit(&b);
	if (err) {
		tm_snapshot_unref(both);
		return err;
	}
	both->about.complete = old->about.complete && now->about.complete;
	*ret = both;
	return NULL;
}

static tm_u128 magnitude(tm_i128 v)
{
	return v < 0 ? -(tm_u128)v : (tm_u128)v;
}

#define DESCENDING(x, y)                                                                                     \
	if ((x) != (y))                                                                                      \
		return (x) > (y) ? -1 : 1

static int by_difference(const void *a, const void *b, void *ranks)
{
	const struct tm_statistic_diff *x = a, *y = b;
	DESCENDING(magnitude(x->size_diff), magnitude(y->size_diff));
	DESCENDING(x->size, y->size);
	DESCENDING(magnitude(x->count_diff), magnitude(y->count_diff));
	DESCENDING(x->count, y->count);
	return tm_frames_compare(y->frames, y->nframe, x->frames, x->nframe, ranks);
}

static struct tm_statistic_diff difference(const struct tm_statistic *both, tm_u128 size, uint64_t count)
{
	return (struct tm_statistic_diff) { .frames = both->frames, .nframe = both->nframe,
		.count = count, .count_diff = (int64_t)(count - (both->count - count)),
		.size = size, .size_diff = (tm_i128)(size - (both->size - size)) };
}

/* New blocks first; a row that these do not make has none of them. */
static struct tm_error *subtract(struct tm_groups *g, uint64_t nnew, uint64_t nold, const struct tm_poll *poll,
	struct tm_statistic_diff **ret)
{
	struct tm_error *err = tm_groups_add(g, 0, nnew, poll);
	uint64_t n = err ? 0 : g->n;
	struct tm_statistic *now = malloc((size_t)(n ? n : 1) * sizeof *now);
	if (now && n)
		memcpy(now, g->rows, (size_t)n * sizeof *now);
	if (!err)
		err = now ? tm_groups_add(g, nnew, nold, poll) : tm_error_nomem();
	struct tm_statistic_diff *rows = err ? NULL : malloc((size_t)(g->n ? g->n : 1) * sizeof *rows);
	if (!err && !rows)
		err = tm_error_nomem();
	for (uint64_t i = 0; !err && i < g->n; i++)
		rows[i] = difference(&g->rows[i], i < n ? now[i].size : 0, i < n ? now[i].count : 0);
	free(now);
	*ret = rows;
	return err;
}

static struct tm_statistic_diff total(const struct tm_snapshot *old, const struct tm_snapshot *now)
{
	struct tm_statistic both = { 0 };
	uint64_t count;
	tm_u128 size;
	tm_snapshot_total(old, &both.count, &both.size);
	tm_snapshot_total(now, &count, &size);
	both.count += count;
	both.size += size;
	return difference(&both, size, count);
}

struct tm_error *tm_compare_make(struct tm_snapshot *old, struct tm_snapshot *now, enum tm_key key, bool cumulative,
	const struct tm_poll *poll, struct tm_compare **ret)
{
	struct tm_compare *c = calloc(1, sizeof *c);
	struct tm_groups g = { 0 };
	struct tm_error *err = c ? join(old, now, cumulative || key == TM_BY_TRACEBACK, poll, &c->snapshot) : tm_error_nomem();
	if (!err)
		err = tm_groups_init(&g, c->snapshot, key, cumulative);
	if (!err)
		err = subtract(&g, now->ntallies, old->ntallies, poll, &c->rows);
	if (!err)
		err = tm_sort(c->rows, (size_t)g.n, sizeof *c->rows, by_difference, g.ranks, poll);
	if (err) {
		tm_compare_free(c);
	} else {
		c->key = key;
		c->cumulative = cumulative;
		c->nrows = g.n;
		c->total = total(old, now);
		c->keys = g.keys;
		g.keys = NULL;
		*ret = c;
	}
	tm_groups_deinit(&g);
	return err;
}

void tm_compare_free(struct tm_compare *c)
{
	if (!c)
		return;
	tm_snapshot_unref(c->snapshot);
	free(c->rows);
	free(c->keys);
	free(c);
}
