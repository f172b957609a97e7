/* Pure functions over snapshots: group, order, find. Semantics: CPython Lib/tracemalloc.py (3.9-3.15). */
#ifndef TM_QUERY_H
#define TM_QUERY_H
#include "tm/poll.h"
#include "tm/snapshot.h"

enum tm_key { TM_BY_LINENO, TM_BY_FILENAME, TM_BY_TRACEBACK };

/* One row: what is left of the tracebacks under this key, and the blocks behind it. */
struct tm_statistic {
	const struct tm_frame *frames; /* newest first; of the snapshot, or of the result */
	uint32_t nframe;
	uint64_t count;
	tm_u128 size;
};

struct tm_statistics {
	const struct tm_snapshot *snapshot; /* a reference is held */
	enum tm_key key;
	bool cumulative;
	struct tm_statistic *rows; /* in tracemalloc's order: by size, count and traceback, largest first */
	uint64_t nrows;
	uint64_t count; /* over all rows' blocks, each counted once */
	tm_u128 size;
	struct tm_frame *keys; /* the rows' frames, where they are not the snapshot's */
};

/* USAGE: cumulative by traceback, which tracemalloc refuses too. */
struct tm_error *tm_statistics_make(struct tm_snapshot *s, enum tm_key key, bool cumulative, const struct tm_poll *poll,
	struct tm_statistics **ret);
void tm_statistics_free(struct tm_statistics *s);

/* The names' ranks in code point order, so that frames compare as numbers; freed with free(). */
struct tm_error *tm_name_ranks(const struct tm_snapshot *s, uint32_t **ret);
/* Python's comparison of two Tracebacks: frame by frame from the oldest on, by filename and line. */
int tm_frames_compare(const struct tm_frame *a, uint32_t na, const struct tm_frame *b, uint32_t nb, const uint32_t *ranks);

/* qsort_r that can be interrupted: N items of SIZE bytes, stable. */
struct tm_error *tm_sort(void *items, size_t n, size_t size, int (*compare)(const void *a, const void *b, void *ctx), void *ctx,
	const struct tm_poll *poll);

/* Indices of the LIMIT (0: all) biggest traces, biggest first; ties: domain, address. */
struct tm_error *tm_traces_biggest(struct tm_snapshot *s, uint64_t limit, const struct tm_poll *poll, uint64_t **ret, uint64_t *n);

/*
 * All traces at ADDR, best first: exact starts before blocks that contain it, domain 0 before others, then the smallest.
 * UNSUPPORTED when the snapshot knows no addresses.
 */
struct tm_error *tm_traces_at(struct tm_snapshot *s, uint64_t addr, uint64_t **ret, uint64_t *n);
#endif
