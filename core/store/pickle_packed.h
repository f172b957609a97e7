/*
 * Inside store: the blocks of a pickle in their order, a few bytes each, until somebody wants to see them one by one. What is
 * asked for most, statistics, needs their sums only.
 */
#ifndef TM_PICKLE_PACKED_H
#define TM_PICKLE_PACKED_H
#include "pickle_runs.h"
#include "pickle_sums.h"
#include "tm/snapshot.h"
#include "tm/threads.h"

enum {
	TM_PACKED_WHOLE,  /* blocks that were made one by one */
	TM_PACKED_EXACT,  /* counted where the machine was */
	TM_PACKED_SCOUTS, /* by each of the threads ahead of it */
	TM_PACKED_SOURCES = TM_PACKED_SCOUTS + TM_MOST_THREADS
};

struct tm_packed_source {
	struct tm_sums sums;
	TM_ARRAY(struct tm_place) places; /* of the sums */
	uint32_t used;			  /* of its records, so far */
};

/* Blocks that follow each other, here and in their source. */
struct tm_packed_piece {
	uint32_t first, source, at;
};

struct tm_packed {
	size_t n; /* blocks, fewer than 2^32 */
	TM_ARRAY(struct tm_packed_piece) pieces;
	TM_ARRAY(struct tm_trace) whole;
	struct tm_packed_source sources[TM_PACKED_SOURCES];
};

/* The next N blocks are those that SOURCE has next. False: memory is short. */
bool tm_packed_add(struct tm_packed *p, unsigned source, size_t n);
bool tm_packed_add_whole(struct tm_packed *p, struct tm_trace t);
/* Block I; not while sources are being filled by other threads. */
struct tm_trace tm_packed_get(const struct tm_packed *p, size_t i);
/*
 * Moves P into S, whose traces, room for P->n, will be written when they are required for the first time. False: memory is short,
 * and both are as they were.
 */
bool tm_packed_hand_over(struct tm_packed *p, struct tm_snapshot *s, struct tm_trace *traces);
void tm_packed_deinit(struct tm_packed *p);
#endif
