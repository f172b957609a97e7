/* Inside capture: blocks on their way from the walk, summed by traceback and domain. */
#ifndef TM_GATHER_H
#define TM_GATHER_H
#include "find.h"

/*
 * All blocks of one traceback and domain, found by hashing: half a cache line, the only one that a block touches here.
 */
struct tm_slot {
	uint64_t traceback; /* address */
	uint64_t size_low;
	uint32_t size_high, count; /* 0: free */
	uint32_t domain;
	uint32_t id; /* of the traceback, where blocks are kept singly */
};

struct tm_gather {
	struct tm_slot *slots;
	size_t nslots, used;
	size_t expected; /* tracebacks, about: so many slots are made at once */
	uint64_t sum;	/* of sizes, 64 bits as the target keeps it */
	uint64_t count; /* of blocks */
	/* Blocks are also kept singly: then each traceback gets its id when it is first seen. */
	bool (*id)(void *ctx, uint64_t traceback, uint32_t *ret);
	void *ctx;
	TM_ARRAY(struct tm_trace) traces;
};

/* SIZE (a power of two, at least a page) zeroes for a hash table, to be freed; NULL: out of memory. */
void *tm_slots_new(size_t size);
void tm_gather_deinit(struct tm_gather *g);
/* Adds the blocks of one table of traces: on several threads where that is possible and pays. */
struct tm_error *tm_gather_table(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint32_t domain,
	struct tm_tally_of_walk *tally);
#endif
