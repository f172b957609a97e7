/* Inside capture: addresses of the target, put in order: memory that is read in order is read faster. */
#ifndef TM_MARKS_H
#define TM_MARKS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tm_mark {
	uint64_t addr;
	uint32_t minor; /* decides among equal addresses */
	uint32_t tag;	/* the caller's */
};

struct tm_marks { /* a TM_ARRAY */
	struct tm_mark *items;
	size_t n, cap;
};

/* By address, then by minor. False when memory is short. */
bool tm_marks_sort(struct tm_marks *m);

/* Several sorted ones as if they were one. */
enum { TM_MOST_MERGED = 8 };
struct tm_merge {
	const struct tm_marks *marks[TM_MOST_MERGED];
	size_t at[TM_MOST_MERGED], n;
};
/* The next mark, which is of marks[*WHICH]; NULL at the end. */
const struct tm_mark *tm_merge_next(struct tm_merge *m, size_t *which);
#endif
