/* Inside capture: blocks on their way from the walk, summed by traceback and domain. */
#ifndef TM_GATHER_H
#define TM_GATHER_H
#include "find.h"
#include "marks.h"

/*
 * All blocks of one traceback and domain, found by hashing: half a cache line, the only one that a block touches here.
 */
struct tm_slot {
	uint64_t traceback; /* address */
	uint64_t size_low;
	uint32_t size_high, count; /* 0: free */
	uint32_t domain;
	uint32_t number; /* in the order in which they were first seen */
};

/* What one thread has summed up. */
struct tm_sums {
	struct tm_slot *slots;
	size_t nslots, used;
	struct tm_marks order; /* of slots, by traceback and domain: made by tm_gather_order */
};

struct tm_gather {
	size_t expected; /* tracebacks, about: room for so many is made at once */
	uint64_t most;	 /* bytes that a block can have, where it was not there any more when it was read; 0: any */
	bool singly;	 /* blocks are also kept one by one: */
	TM_ARRAY(struct tm_trace) traces; /* with the number of their slot for a traceback */
	uint64_t sum;	/* of sizes, 64 bits as the target keeps it */
	uint64_t count; /* of blocks */
	struct tm_sums sums[TM_MOST_THREADS]; /* those of a traceback and domain may be in several */
};

/* SIZE (a power of two, at least a page) zeroes for a hash table, to be freed; NULL: out of memory. */
void *tm_slots_new(size_t size);
void tm_gather_deinit(struct tm_gather *g);
void tm_gather_free_sums(struct tm_gather *g);
/* Adds the blocks of one table of traces: on several threads where that is possible and pays. */
struct tm_error *tm_gather_table(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint32_t domain,
	struct tm_tally_of_walk *tally);

/* Puts each thread's slots in order, all at once. */
struct tm_error *tm_gather_order(struct tm_gather *g, const struct tm_poll *poll);
#endif
