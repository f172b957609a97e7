/* Snapshot.compare_to(): what grew and what shrank between two snapshots. Semantics: CPython Lib/tracemalloc.py (3.7-3.15). */
#ifndef TM_COMPARE_H
#define TM_COMPARE_H
#include "tm/query.h"

struct tm_statistic_diff {
	const struct tm_frame *frames; /* newest first; of the result */
	uint32_t nframe;
	uint64_t count; /* in the new snapshot; 0 where there is none any more */
	int64_t count_diff;
	tm_u128 size;
	tm_i128 size_diff; /* new minus old */
};

struct tm_compare {
	/* The two as one: names for the rows' frames, both's notes, and whether both are complete. Not their other facts. */
	struct tm_snapshot *snapshot;
	enum tm_key key;
	bool cumulative;
	/* In tracemalloc's order: by difference of sizes, sign aside, size, the same of counts, traceback; largest first. */
	struct tm_statistic_diff *rows;
	uint64_t nrows;
	struct tm_statistic_diff total; /* over all blocks, each counted once; without frames */
	struct tm_frame *keys;		/* the rows' frames, where they are not SNAPSHOT's */
};

/* Needs neither snapshot afterwards. USAGE: cumulative by traceback, which tracemalloc refuses too. */
struct tm_error *tm_compare_make(struct tm_snapshot *old, struct tm_snapshot *now, enum tm_key key, bool cumulative,
	const struct tm_poll *poll, struct tm_compare **ret);
void tm_compare_free(struct tm_compare *c); /* NULL is fine */
#endif
