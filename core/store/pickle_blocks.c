/* Blocks in a row. Knows a block's opcodes, and neither the memo nor what is done with the blocks. */
#include "pickle_blocks.h"
#include "pickle.h"
#include "tm/bytes.h"
#include <sys/mman.h>
#include <time.h>

enum { LONGEST = 32 /* bytes of a block, and what is loaded with its last number */ };

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

static inline const uint8_t *take_any(const uint8_t *p, bool four, size_t number, struct tm_block *b)
{
	uint32_t domain, memo, depth = 0;
	if (four && *p++ != OP_MARK)
		return NULL;
	if (!(p = take(p, number_bytes, &domain)) || !(p = take(p, number_bytes, &b->size)) || !(p = take(p, get_bytes, &memo)) ||
	    (four && !(p = take(p, number_bytes, &depth))) || *p++ != (four ? OP_TUPLE : OP_TUPLE3) || domain > UINT8_MAX ||
	    depth > UINT16_MAX)
		return NULL;
	b->key = tm_block_key(memo, depth, domain);
	return take_memo(p, number);
}

/* Most of them: MARK, BININT1 domain, BININT1 size, LONG_BINGET traceback, BININT1 depth, TUPLE, MEMOIZE. */
static inline const uint8_t *take_usual(const uint8_t *p, struct tm_block *b)
{
	const uint64_t head = OP_MARK | OP_BININT1 << 8 | (uint64_t)OP_BININT1 << 24 | (uint64_t)OP_LONG_BINGET << 40;
	const uint64_t tail = (uint64_t)OP_BININT1 << 32 | (uint64_t)OP_TUPLE << 48 | (uint64_t)OP_MEMOIZE << 56;
	uint64_t h = tm_load64(p, false), t = tm_load64(p + 6, false);
	if (((h ^ head) & 0x0000ff00ff00ffff) | ((t ^ tail) & 0xffff00ff80000000))
		return NULL;
	b->size = (uint8_t)(h >> 32);
	b->key = tm_block_key((uint32_t)t, (uint8_t)(t >> 40), (uint8_t)(h >> 16));
	return p + 14;
}

static inline size_t take_all(const struct tm_block_form *f, bool four, const uint8_t *p, const uint8_t *limit, size_t number,
	struct tm_block *blocks, size_t most, const uint8_t **ret_end)
{
	const struct tm_block_form form = *f;
	size_t n = 0;
	while (n < most && p < limit && form.end - p >= LONGEST) {
		const uint8_t *next = four ? take_usual(p, &blocks[n]) : NULL;
		if (!next && !(next = take_any(p, four, number + n, &blocks[n])))
			break;
		blocks[n].hash = tm_block_hash(&form, blocks[n].key);
		n++;
		p = next;
	}
	*ret_end = p;
	return n;
}

size_t tm_blocks_take(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit, size_t number, struct tm_block *blocks,
	size_t n, const uint8_t **ret_end)
{
	return f->four ? take_all(f, true, p, limit, number, blocks, n, ret_end) : take_all(f, false, p, limit, number, blocks, n, ret_end);
}

/* ---- ahead ---- */

enum { STRETCH = 1 << 20, RING = sizeof((struct tm_scout *)0)->stretches / sizeof(struct tm_block_rows), WAIT_NS = 50000 };

static void find_rows(struct tm_block_rows *r, const struct tm_block_form *f, const uint8_t *begin, const uint8_t *limit)
{
	const uint8_t *end;
	r->blocks.n = r->rows.n = r->next = 0;
	for (const uint8_t *p = begin; p < limit; p = end) {
		if (!tm_array_reserve(&r->blocks, 1) || !tm_array_reserve(&r->rows, 1))
			return; /* what is not found ahead is found by who comes there */
		size_t n = tm_blocks_take(f, p, limit, SIZE_MAX, r->blocks.items + r->blocks.n, r->blocks.cap - r->blocks.n, &end);
		if (n)
			r->rows.items[r->rows.n++] = (struct tm_block_row) { p, end, r->blocks.n, n };
		else
			end = p + 1;
		r->blocks.n += n;
	}
}

/* Memory that was never written to is slow the first time. */
static void make_ready(struct tm_scout *s, size_t n)
{
	size_t page = 4096, from = s->found * s->each, to = from + n * s->each;
	s->found += n;
#ifdef MADV_POPULATE_WRITE
	if (to <= s->size) {
		uintptr_t begin = ((uintptr_t)s->room + from) / page * page + page, end = ((uintptr_t)s->room + to) / page * page;
		if (begin < end)
			madvise((void *)begin, end - begin, MADV_POPULATE_WRITE);
	}
#endif
}

void tm_scout_run(struct tm_scout *s)
{
	size_t n = ((size_t)(s->form.end - s->begin) + STRETCH - 1) / STRETCH;
	for (size_t i = 0; i < n && !__atomic_load_n(&s->over, __ATOMIC_RELAXED);) {
		size_t taken = __atomic_load_n(&s->taken, __ATOMIC_ACQUIRE);
		if (i >= taken + RING) {
			nanosleep(&(struct timespec) { .tv_nsec = WAIT_NS }, NULL);
			continue;
		}
		struct tm_block_rows *r = &s->stretches[i % RING];
		const uint8_t *begin = s->begin + i * STRETCH;
		find_rows(r, &s->form, begin, i < taken ? begin : i + 1 < n ? begin + STRETCH : s->form.end);
		make_ready(s, r->blocks.n);
		__atomic_store_n(&s->made, ++i, __ATOMIC_RELEASE);
	}
}

const struct tm_block_row *tm_scout_row(struct tm_scout *s, const uint8_t *p, const uint8_t **ret_limit,
	const struct tm_block **ret_blocks, size_t *ret_known)
{
	size_t i = (size_t)(p - s->begin) / STRETCH;
	*ret_limit = (size_t)(s->form.end - p) > STRETCH ? s->begin + (i + 1) * STRETCH : s->form.end;
	if (i != s->taken)
		__atomic_store_n(&s->taken, i, __ATOMIC_RELEASE);
	if (i >= __atomic_load_n(&s->made, __ATOMIC_ACQUIRE))
		return NULL;
	struct tm_block_rows *r = &s->stretches[i % RING];
	while (r->next < r->rows.n && r->rows.items[r->next].begin < p)
		r->next++;
	if (r->next == r->rows.n)
		return NULL;
	const struct tm_block_row *row = &r->rows.items[r->next];
	*ret_limit = row->begin;
	*ret_blocks = r->blocks.items + row->first;
	*ret_known = r->blocks.n - row->first;
	return row;
}

void tm_scout_end(struct tm_scout *s)
{
	__atomic_store_n(&s->over, true, __ATOMIC_RELAXED);
}

void tm_scout_deinit(struct tm_scout *s)
{
	for (size_t i = 0; i < RING; i++) {
		tm_array_free(&s->stretches[i].blocks);
		tm_array_free(&s->stretches[i].rows);
	}
}
