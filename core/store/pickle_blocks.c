/* How blocks are written. Knows a block's opcodes, and neither the memo nor what is done with the blocks. */
#include "pickle_blocks.h"
#include "pickle.h"
#include "tm/bytes.h"
#include <string.h>

enum { LONGEST = 32 /* bytes of a block, and what is loaded with its last number */ };
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Numbers of one, two and four bytes. */
static const uint8_t number_bytes[256] = { [OP_BININT1] = 1, [OP_BININT2] = 2, [OP_BININT] = 4 };
static const uint8_t get_bytes[256] = { [OP_BINGET] = 1, [OP_LONG_BINGET] = 4 };

/* One opcode with a number below 2^31; NULL: it is another one. */
static inline const uint8_t *take(const uint8_t *p, const uint8_t *bytes, uint32_t *ret)
{
	unsigned n = bytes[*p];
	if (!n)
		return NULL;
	*ret = tm_load32(p + 1, false) & (UINT32_MAX >> (32 - 8 * n));
	return *ret >> 31 ? NULL : p + 1 + n;
}

/* Behind every tuple: it becomes NUMBER of the memo. */
static inline const uint8_t *take_memo(const uint8_t *p, size_t number)
{
	if (*p == OP_MEMOIZE)
		return p + 1;
	if (*p == OP_LONG_BINPUT)
		return tm_load32(p + 1, false) == number ? p + 5 : NULL;
	return *p == OP_BINPUT && p[1] == number ? p + 2 : NULL;
}

static inline const uint8_t *take_any(const uint8_t *p, bool four, bool bare, size_t number, struct tm_block *b)
{
	uint32_t domain, memo, depth = 0;
	if (four && *p++ != OP_MARK)
		return NULL;
	if (!(p = take(p, number_bytes, &domain)) || !(p = take(p, number_bytes, &b->size)) || !(p = take(p, get_bytes, &memo)) ||
	    (four && !(p = take(p, number_bytes, &depth))) || *p++ != (four ? OP_TUPLE : OP_TUPLE3) || domain > UINT8_MAX ||
	    depth > UINT16_MAX)
		return NULL;
	b->key = tm_block_key(memo, depth, domain);
	return bare ? p : take_memo(p, number);
}

/* Most of them: MARK, BININT1 domain, BININT1 size, LONG_BINGET traceback, BININT1 depth, TUPLE, MEMOIZE. */
static inline const uint8_t *take_usual(const uint8_t *p, bool bare, struct tm_block *b)
{
	const uint64_t head = OP_MARK | OP_BININT1 << 8 | (uint64_t)OP_BININT1 << 24 | (uint64_t)OP_LONG_BINGET << 40;
	const uint64_t tail = (uint64_t)OP_BININT1 << 32 | (uint64_t)OP_TUPLE << 48 | (uint64_t)OP_MEMOIZE << 56;
	uint64_t h = tm_load64(p, false), t = tm_load64(p + 6, false);
	if (((h ^ head) & 0x0000ff00ff00ffff) | ((t ^ tail) & (bare ? 0x00ff00ff80000000 : 0xffff00ff80000000)))
		return NULL;
	b->size = (uint8_t)(h >> 32);
	b->key = tm_block_key(0, 0, 0) | (t & 0x0000ff007fffffff) | (h << 16 & 0x000000ff00000000);
	return p + 14 - bare;
}

/* The same with BINGET: some tracebacks have very many. */
static inline const uint8_t *take_short(const uint8_t *p, bool bare, struct tm_block *b)
{
	const uint64_t head = OP_MARK | OP_BININT1 << 8 | (uint64_t)OP_BININT1 << 24 | (uint64_t)OP_BINGET << 40 | (uint64_t)OP_BININT1 << 56;
	const uint32_t tail = OP_TUPLE << 8 | OP_MEMOIZE << 16;
	uint64_t h = tm_load64(p, false);
	uint32_t t = tm_load32(p + 8, false);
	if (((h ^ head) & 0xff00ff00ff00ffff) | ((t ^ tail) & (bare ? 0x0000ff00 : 0x00ffff00)))
		return NULL;
	b->size = (uint8_t)(h >> 32);
	b->key = tm_block_key((uint8_t)(h >> 48), (uint8_t)t, (uint8_t)(h >> 16));
	return p + 11 - bare;
}

static inline size_t take_all(const struct tm_block_form *f, bool four, bool bare, const uint8_t **at, const uint8_t *limit, size_t number,
	struct tm_block *blocks, size_t most)
{
	const struct tm_block_form form = *f;
	const uint8_t *p = *at;
	size_t n = 0;
	if (limit - p > form.end - p - LONGEST)
		limit = form.end - p < LONGEST ? p : form.end - LONGEST + 1;
	while (n < most && p < limit) {
		const uint8_t *next = four ? take_usual(p, bare, &blocks[n]) : NULL;
		if (!next && four)
			next = take_short(p, bare, &blocks[n]);
		if (!next && !(next = take_any(p, four, bare, number + n, &blocks[n])))
			break;
		blocks[n].hash = tm_block_hash(&form, blocks[n].key);
		n++;
		p = next;
	}
	*at = p;
	return n;
}

size_t tm_blocks_take(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit, size_t number, struct tm_block *blocks,
	size_t n, const uint8_t **ret_end)
{
	*ret_end = p;
	if (f->bare)
		return take_all(f, f->four, true, ret_end, limit, number, blocks, n);
	return f->four ? take_all(f, true, false, ret_end, limit, number, blocks, n)
		       : take_all(f, false, false, ret_end, limit, number, blocks, n);
}

/* ---- what comes for the first time ---- */

/* Most of them: LONG_BINGET filename, BININT1 line, TUPLE2, MEMOIZE. */
static inline const uint8_t *take_frame(const uint8_t *p, struct tm_block_frame *f)
{
	const uint64_t usual = OP_LONG_BINGET | (uint64_t)OP_BININT1 << 40 | (uint64_t)OP_TUPLE2 << 56;
	uint64_t h = tm_load64(p, false);
	if (!((h ^ usual) & 0xff00ff80000000ff) && p[8] == OP_MEMOIZE) {
		*f = (struct tm_block_frame) { (uint32_t)(h >> 8), (uint8_t)(h >> 48) };
		return p + 9;
	}
	f->lineno = TM_BLOCK_NO_LINE;
	if (!(p = take(p, get_bytes, &f->memo)) || !number_bytes[*p])
		return p;
	return (p = take(p, number_bytes, &f->lineno)) && p[0] == OP_TUPLE2 && p[1] == OP_MEMOIZE ? p + 2 : NULL;
}

/* ( frame ... t, or one to three of them without the mark. */
static const uint8_t *take_frames(const uint8_t *end, const uint8_t *p, struct tm_block_new *b)
{
	static const uint8_t tuples[] = { OP_TUPLE, OP_TUPLE1, OP_TUPLE2, OP_TUPLE3 };
	bool marked = *p == OP_MARK;
	uint32_t n = 0, most = marked ? TM_BLOCK_FRAMES : COUNT(tuples) - 1;
	for (p += marked; p && n < most && end - p >= LONGEST && get_bytes[*p]; n++)
		p = take_frame(p, &b->frames[n]);
	b->nframe = n;
	if (!p || !n || end - p < LONGEST || p[0] != tuples[marked ? 0 : n] || p[1] != OP_MEMOIZE)
		return NULL;
	return p + 2;
}

const uint8_t *tm_block_take_new(const struct tm_block_form *f, const uint8_t *p, struct tm_block_new *ret)
{
	ret->depth = 0;
	if (f->end - p < LONGEST || (f->four && *p++ != OP_MARK) || !(p = take(p, number_bytes, &ret->domain)) ||
	    !(p = take(p, number_bytes, &ret->size)) || !(p = take_frames(f->end, p, ret)) ||
	    (f->four && !(p = take(p, number_bytes, &ret->depth))))
		return NULL;
	if (p[0] != (f->four ? OP_TUPLE : OP_TUPLE3))
		return NULL;
	return f->bare ? p + 1 : p[1] == OP_MEMOIZE ? p + 2 : NULL;
}

const uint8_t *tm_block_search(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit)
{
	if (f->four) {
		const uint8_t *found = p < limit ? memchr(p, OP_MARK, (size_t)(limit - p)) : NULL;
		return found ? found : limit;
	}
	while (p < limit && !number_bytes[*p])
		p++;
	return p < limit ? p : limit;
}
