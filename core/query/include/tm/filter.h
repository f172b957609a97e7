/* Snapshot.filter_traces(): a snapshot of those blocks that filters let pass. Semantics: CPython Lib/tracemalloc.py (3.6-3.15). */
#ifndef TM_FILTER_H
#define TM_FILTER_H
#include "tm/poll.h"
#include "tm/snapshot.h"

/*
 * tracemalloc's Filter and, without a pattern, its DomainFilter. It says whether it fits a block; a block passes when an
 * inclusive filter fits it, or there is none, and no exclusive filter does.
 */
struct tm_filter {
	bool inclusive;
	/* Of tm/pattern.h; a final ".pyc", in it and in names, counts as ".py". NULL: fits all, whatever the line. */
	const char *pattern;
	size_t pattern_len;
	bool has_lineno;
	uint64_t lineno;
	bool all_frames; /* any frame may fit, not just the newest */
	bool has_domain;
	uint64_t domain;
};

/* "PATTERN" or "PATTERN:LINE": sets pattern and lineno of RET, which borrows TEXT, and nothing else. USAGE: no such line can be. */
struct tm_error *tm_filter_parse(const char *text, struct tm_filter *ret);

/*
 * A new snapshot that shares S's names, frames and tracebacks, all of them, and holds S. It has its own tallies and, if
 * WANT_TRACES and S has them, traces. What it is about stays what is known of the target, but for the truncated blocks; a note
 * says how many blocks passed. To pass without frames (which tracemalloc never stores, and where its own filters raise
 * IndexError) is to fit no pattern.
 */
struct tm_error *tm_snapshot_filter(struct tm_snapshot *s, const struct tm_filter *filters, size_t n, bool want_traces,
	const struct tm_poll *poll, struct tm_snapshot **ret);
#endif
