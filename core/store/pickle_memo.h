/*
 * Inside store: the memo of a pickle, numbers from 0 on. Nearly all of them are blocks, in the order of the blocks: those are kept
 * as rows, in a bit each; the few others have a value.
 */
#ifndef TM_PICKLE_MEMO_H
#define TM_PICKLE_MEMO_H
#include "tm/array.h"
#include <stddef.h>

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

/* The next number stands for a value, or the next N for the blocks from BLOCK on; false when memory is short. */
bool tm_memo_add_value(struct tm_memo *m, uint64_t value);
bool tm_memo_add_blocks(struct tm_memo *m, size_t block, size_t n);
/* What NUMBER, below n, stands for: true: a value; false: a block. */
bool tm_memo_get(const struct tm_memo *m, size_t number, uint64_t *ret);
void tm_memo_deinit(struct tm_memo *m);
#endif
