/*
 * Inside store: blocks in a row, nearly all of a pickled snapshot. A block whose traceback came before is always the same few
 * opcodes, and which blocks stand in a row from some byte on depends on nothing but the bytes. So a second thread can look for
 * them ahead, anywhere; who comes to the first byte of a row takes all of it. What looks different is left to the machine.
 */
#ifndef TM_PICKLE_BLOCKS_H
#define TM_PICKLE_BLOCKS_H
#include "tm/array.h"
#include <stddef.h>

struct tm_block {
	uint64_t key; /* never 0 */
	uint32_t size; /* below 2^31 */
	uint32_t hash; /* of the key */
};

static inline uint64_t tm_block_key(uint32_t memo, uint32_t depth, uint32_t domain)
{
	return 1ull << 63 | (uint64_t)memo << 24 | depth << 8 | domain;
}

/* The traceback's number in the memo, below 2^31. */
static inline uint32_t tm_block_memo(uint64_t key)
{
	return (uint32_t)(key >> 24) & INT32_MAX;
}

static inline uint32_t tm_block_depth(uint64_t key)
{
	return (uint32_t)(key >> 8) & UINT16_MAX;
}

static inline uint32_t tm_block_domain(uint64_t key)
{
	return (uint32_t)key & UINT8_MAX;
}

/* How the blocks of one file are to be read. */
struct tm_block_form {
	bool four;	    /* fields; else three, without the depth of the stack */
	uint64_t secret[2]; /* of hashes; the second is odd */
	const uint8_t *end; /* of the file */
};

static inline uint32_t tm_block_hash(const struct tm_block_form *f, uint64_t key)
{
	return (uint32_t)(((key ^ f->secret[0]) * f->secret[1]) >> 32);
}

/*
 * Takes up to N blocks that begin from P on and before LIMIT, each of which is memoized, from NUMBER on; returns how many, and
 * where they end.
 */
size_t tm_blocks_take(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit, size_t number, struct tm_block *blocks,
	size_t n, const uint8_t **ret_end);

struct tm_block_row {
	const uint8_t *begin, *end;
	size_t first, n; /* of blocks */
};

/* The rows that begin in one stretch of a file. */
struct tm_block_rows {
	TM_ARRAY(struct tm_block) blocks;
	TM_ARRAY(struct tm_block_row) rows;
	size_t next; /* that was not come to so far */
};

/* One thread looks for rows some stretches ahead of another one, which waits for nothing. */
struct tm_scout {
	struct tm_block_form form;
	const uint8_t *begin; /* of the first stretch */
	/* Where the other one puts its blocks: made ready for writing, a stretch before. Room for SIZE bytes, EACH for a block. */
	uint8_t *room;
	size_t size, each;
	/* their own */
	size_t found, made, taken; /* blocks; stretches */
	bool over;
	struct tm_block_rows stretches[4];
};

/* The scout's work. */
void tm_scout_run(struct tm_scout *s);
/*
 * For the other thread. The row that begins at P, or is the next one in P's stretch; NULL: none is known. No other one is known to
 * begin before RET_LIMIT. RET_BLOCKS: the row's, and behind them more of the stretch, RET_KNOWN together. P never decreases; all is
 * valid until the next call.
 */
const struct tm_block_row *tm_scout_row(struct tm_scout *s, const uint8_t *p, const uint8_t **ret_limit,
	const struct tm_block **ret_blocks, size_t *ret_known);
/* No row is needed any more. */
void tm_scout_end(struct tm_scout *s);
void tm_scout_deinit(struct tm_scout *s);
#endif
