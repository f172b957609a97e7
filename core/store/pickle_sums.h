/*
 * Inside store: blocks are counted while they are read. One thread's: all blocks that were written with the same numbers but for
 * the size are one sum, and of a block nothing is kept but its sum and its size.
 */
#ifndef TM_PICKLE_SUMS_H
#define TM_PICKLE_SUMS_H
#include "pickle_blocks.h"
#include "tm/array.h"

struct tm_sum {
	uint64_t key; /* of its blocks */
	uint64_t count, size; /* of fewer than 2^32 blocks below 2^31 */
};

struct tm_record { /* a block */
	uint32_t sum, size;
};

enum { TM_RECORDS = 1 << 18 }; /* in a chunk: a large page */

struct tm_sums {
	struct tm_block_form form;
	TM_ARRAY(struct tm_sum) sums; /* in the order of their first blocks */
	TM_ARRAY(struct tm_record *) chunks; /* of records, in the order in which they came: they are not to be copied */
	size_t nrecords;
	uint32_t *slots; /* numbers of sums, + 1; 0: free; open addressing */
	size_t nslots;	 /* a power of two, or 0 */
};

static inline struct tm_record *tm_sums_record(const struct tm_sums *s, size_t i)
{
	return &s->chunks.items[i / TM_RECORDS][i % TM_RECORDS];
}

/* Up to TM_BLOCKS of them, fewer than 2^32 altogether. False: memory is short, and no block was added. */
bool tm_sums_add(struct tm_sums *s, const struct tm_block *blocks, size_t n);
/* What is needed for adding only. */
void tm_sums_close(struct tm_sums *s);
void tm_sums_deinit(struct tm_sums *s);
#endif
