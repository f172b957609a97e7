/* Snapshot.statistics(): groups in order. */
#include "groups.h"
#include <stdlib.h>

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
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_STATISTICS);
	if (err)
		return err;
	struct tm_groups g;
	struct tm_statistics *st = calloc(1, sizeof *st);
	err = tm_groups_init(&g, s, key, cumulative);
	if (!err && !st)
		err = tm_error_nomem();
	if (!err)
		err = tm_groups_add(&g, 0, s->ntallies, poll);
	if (!err)
		err = tm_sort(g.rows, (size_t)g.n, sizeof *g.rows, by_size, g.ranks, poll);
	if (err) {
		free(st);
	} else {
		*st = (struct tm_statistics) { .snapshot = tm_snapshot_ref(s), .key = key, .cumulative = cumulative, .rows = g.rows,
			.nrows = g.n, .keys = g.keys };
		tm_snapshot_total(s, &st->count, &st->size);
		g.rows = NULL;
		g.keys = NULL;
		*ret = st;
	}
	tm_groups_deinit(&g);
	return err;
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
