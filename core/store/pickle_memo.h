/*
 * Inside store: the memo of a pickle, numbers from 0 on. Nearly all of them are blocks, in the order of the blocks: those are kept
 * as rows, in a bit each; the few others have a value.
 */
#ifndef TM_PICKLE_MEMO_H
#define TM_PICKLE_MEMO_H
#include "tm/array.h"
#include <stddef.h>

enum { TM_MEMO_BITS = 64 };

struct tm_memo_word { /* 64 numbers */
	uint64_t has_value; /* a bit each, lowest first */
	uint64_t before;    /* values of the numbers before these */
};

struct tm_memo_row {
	size_t number;	/* from here on, a number without a value is a block: */
	size_t added;	/* its index less the number, modulo 2^64 */
};

struct tm_memo {
	size_t n; /* numbers given away */
	TM_ARRAY(struct tm_memo_word) words;
	TM_ARRAY(uint64_t) values;
	TM_ARRAY(struct tm_memo_row) rows;
};

/* The next N numbers stand for values, or for the blocks from BLOCK on; false when memory is short. */
bool tm_memo_add_values(struct tm_memo *m, const uint64_t *values, size_t n);
bool tm_memo_add_blocks(struct tm_memo *m, size_t block, size_t n);
size_t tm_memo_block(const struct tm_memo *m, size_t number);

/* __builtin_popcountll(), which calls a function where the processor need not have the instruction. */
static inline unsigned tm_memo_bits(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555;
	v = (v & 0x3333333333333333) + (v >> 2 & 0x3333333333333333);
	return (unsigned)(((v + (v >> 4)) & 0x0f0f0f0f0f0f0f0f) * 0x0101010101010101 >> 56);
}

/* What NUMBER, below n, stands for: true: a value; false: a block. */
static inline bool tm_memo_get(const struct tm_memo *m, size_t number, uint64_t *ret)
{
	const struct tm_memo_word *w = &m->words.items[number / TM_MEMO_BITS];
	uint64_t bit = 1ull << number % TM_MEMO_BITS;
	bool is_value = w->has_value & bit;
	*ret = is_value ? m->values.items[w->before + tm_memo_bits(w->has_value & (bit - 1))] : tm_memo_block(m, number);
	return is_value;
}

void tm_memo_deinit(struct tm_memo *m);
#endif
