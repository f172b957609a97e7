/*
 * Inside store: how blocks are written, nearly all of a pickled snapshot. A block whose traceback came before is always the same
 * few opcodes, and which blocks stand in a row from some byte on depends on nothing but the bytes. So they can be looked for
 * anywhere; what looks different is left to the machine.
 */
#ifndef TM_PICKLE_BLOCKS_H
#define TM_PICKLE_BLOCKS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TM_BLOCKS = 64 }; /* taken at a time */

struct tm_block {
	uint64_t key; /* never 0 */
	uint32_t size; /* below 2^31 */
	uint32_t hash; /* of the key */
};

/* Of the traceback's number in the memo, below 2^31; so laid out that most blocks need few steps. */
static inline uint64_t tm_block_key(uint32_t memo, uint32_t depth, uint32_t domain)
{
	return 1ull << 63 | (uint64_t)depth << 40 | (uint64_t)domain << 32 | memo;
}

static inline uint32_t tm_block_memo(uint64_t key)
{
	return (uint32_t)key;
}

static inline uint32_t tm_block_depth(uint64_t key)
{
	return (uint32_t)(key >> 40) & UINT16_MAX;
}

static inline uint32_t tm_block_domain(uint64_t key)
{
	return (uint32_t)(key >> 32) & UINT8_MAX;
}

/* How the blocks of one file are to be read. */
struct tm_block_form {
	bool four;	    /* fields; else three, without the depth of the stack */
	bool bare;	    /* blocks are not memoized: files of our own, or optimized ones */
	uint64_t secret[2]; /* of hashes; the second is odd */
	const uint8_t *end; /* of the file */
};

static inline uint32_t tm_block_hash(const struct tm_block_form *f, uint64_t key)
{
	return (uint32_t)(((key ^ f->secret[0]) * f->secret[1]) >> 32);
}

/*
 * Takes up to N blocks that begin from P on and before LIMIT, each of which is memoized (unless bare), from NUMBER on; returns how
 * many, and where they end. TM_BLOCK_NO_NUMBER: only those that are memoized without one.
 */
#define TM_BLOCK_NO_NUMBER (SIZE_MAX / 2)
size_t tm_blocks_take(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit, size_t number, struct tm_block *blocks,
	size_t n, const uint8_t **ret_end);

/* A frame of a traceback that comes for the first time. */
struct tm_block_frame {
	uint32_t memo;	 /* number of its filename in the memo; the frame is memoized then */
	uint32_t lineno; /* NO_LINE: that number is the frame's, which was memoized before */
};

enum { TM_BLOCK_FRAMES = 128 }; /* a traceback of more is rare */
#define TM_BLOCK_NO_LINE UINT32_MAX

/* A block and its traceback, both for the first time, of names that were seen before. */
struct tm_block_new {
	uint32_t domain, size, depth, nframe;
	struct tm_block_frame frames[TM_BLOCK_FRAMES];
};

/*
 * Takes the one that begins at P, in which everything is memoized in order: its frames, the traceback, the block (unless bare); returns
 * where it ends. NULL: there is none.
 */
const uint8_t *tm_block_take_new(const struct tm_block_form *f, const uint8_t *p, struct tm_block_new *ret);

/* The first byte from P on and before LIMIT, which it returns if there is none, that a block can begin with. */
const uint8_t *tm_block_search(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit);
#endif
