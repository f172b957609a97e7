/* Spans of target memory in host memory. */
#include "tm/memory.h"
#include "tm/threads.h"
#include <string.h>
#include <sys/mman.h>

enum { WINDOW = 1 << 20 }; /* span made around a read when the source cannot list what it has */

void tm_memory_init(struct tm_memory *m, unsigned word, bool big)
{
	/* An empty span that no address hits lets the fast road do without a check for "no spans". */
	static struct tm_span nothing;
	*m = (struct tm_memory) { .spans = &nothing, .word = word, .big = big, .read_ahead = 64 * 1024 };
}

static void span_free(struct tm_span *s)
{
	if (s->mapped)
		munmap((void *)s->host, s->mapped);
	free(s->loaded);
	free(s->refused);
}

void tm_memory_deinit(struct tm_memory *m)
{
	for (size_t i = 0; i < m->nspans; i++)
		span_free(&m->spans[i]);
	if (m->cap)
		free(m->spans);
	tm_array_free(&m->wanted);
	tm_memory_init(m, m->word, m->big);
}

/* The first span that ends behind addr. */
static size_t lower(const struct tm_memory *m, uint64_t addr)
{
	size_t lo = 0, hi = m->nspans;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (m->spans[mid].start + (m->spans[mid].size - 1) < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct tm_error *insert(struct tm_memory *m, size_t at, struct tm_span span)
{
	if (m->nspans + 2 > m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 64;
		struct tm_span *spans = calloc(cap, sizeof *spans);
		if (!spans)
			return tm_error_nomem();
		memcpy(spans, m->spans, m->nspans * sizeof *spans);
		if (m->cap)
			free(m->spans);
		m->spans = spans;
		m->cap = cap;
	}
	memmove(m->spans + at + 1, m->spans + at, (m->nspans - at) * sizeof *m->spans);
	m->spans[at] = span;
	m->nspans++;
	m->spans[m->nspans] = (struct tm_span) { 0 };
	return NULL;
}

/* Kernel cores lay neighbouring mappings side by side: one span then holds what straddles them. */
static bool join(struct tm_span *a, uint64_t start, uint64_t size, const uint8_t *host)
{
	if (a->start + a->size != start || a->loaded || a->mapped || !a->host || a->host + a->size != host)
		return false;
	a->size += size;
	return true;
}

static struct tm_error *add(struct tm_memory *m, uint64_t start, uint64_t size, const uint8_t *host, bool lazy)
{
	if (!size)
		return NULL;
	if (start + (size - 1) < start)
		size = 0 - start; /* up to the end of the address space */
	uint64_t end = start + (size - 1), at = start;
	for (;;) {
		size_t i = lower(m, at);
		uint64_t next = i < m->nspans ? m->spans[i].start : UINT64_MAX;
		if (i < m->nspans && next <= at) { /* taken: go on behind it */
			uint64_t last = next + (m->spans[i].size - 1);
			if (last >= end)
				return NULL;
			at = last + 1;
			continue;
		}
		uint64_t last = i < m->nspans && next <= end ? next - 1 : end;
		uint64_t piece = last - at + 1;
		struct tm_span s = { .start = at, .size = piece, .host = lazy ? NULL : host + (at - start) };
		if (lazy) {
			size_t words = (size_t)((piece + TM_PAGE - 1) / TM_PAGE + 63) / 64;
			s.loaded = calloc(words, 8);
			s.refused = calloc(words, 8);
		}
		struct tm_error *err = NULL;
		if (lazy && (!s.loaded || !s.refused))
			err = tm_error_nomem();
		else if (lazy || !i || !join(&m->spans[i - 1], at, piece, s.host))
			err = insert(m, i, s);
		if (err) {
			span_free(&s);
			return err;
		}
		if (last == end)
			return NULL;
		at = last + 1;
	}
}

struct tm_error *tm_memory_add(struct tm_memory *m, uint64_t start, uint64_t size, const void *host)
{
	return add(m, start, size, host, false);
}

struct tm_error *tm_memory_add_lazy(struct tm_memory *m, uint64_t start, uint64_t size)
{
	return add(m, start, size, NULL, true);
}

static bool bit(const uint64_t *bits, uint64_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void set(uint64_t *bits, uint64_t i)
{
	bits[i / 64] |= 1ull << i % 64;
}

static bool reserve(struct tm_span *s)
{
	if (s->host)
		return true;
	size_t len = (size_t)((s->size + TM_PAGE - 1) & ~(uint64_t)(TM_PAGE - 1));
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return false;
	s->host = p;
	s->mapped = len;
	return true;
}

/* Pages first..last as far as the source gives them: the page where it ends is refused, and ends the attempt. */
static void load(struct tm_memory *m, struct tm_span *s, uint64_t first, uint64_t last)
{
	while (first <= last && !bit(s->refused, first)) {
		if (bit(s->loaded, first)) {
			first++;
			continue;
		}
		uint64_t n = 1;
		while (first + n <= last && !bit(s->loaded, first + n) && !bit(s->refused, first + n))
			n++;
		uint64_t off = first << TM_PAGE_SHIFT, want = n << TM_PAGE_SHIFT;
		if (want > s->size - off)
			want = s->size - off;
		size_t got = m->fill(m->ctx, s->start + off, (uint8_t *)s->host + off, (size_t)want);
		if (got > want)
			got = (size_t)want;
		__atomic_fetch_add(&m->filled, got, __ATOMIC_RELAXED);
		uint64_t pages = got == want ? n : got >> TM_PAGE_SHIFT;
		for (uint64_t i = 0; i < pages; i++)
			set(s->loaded, first + i);
		if (pages < n)
			set(s->refused, first + pages);
		first += pages;
	}
}

static bool here(struct tm_memory *m, struct tm_span *s, uint64_t off, size_t len)
{
	if (!s->loaded)
		return true;
	uint64_t a = off >> TM_PAGE_SHIFT, b = (off + (len - 1)) >> TM_PAGE_SHIFT;
	bool all = true;
	for (uint64_t i = a; i <= b && all; i++)
		all = bit(s->loaded, i);
	if (all)
		return true;
	if (m->frozen || !m->fill || !reserve(s)) {
		for (uint64_t i = a; i <= b; i++)
			if (!bit(s->loaded, i) && !bit(s->refused, i))
				(void)tm_array_push(&m->wanted, s->start + (i << TM_PAGE_SHIFT));
		return false;
	}
	uint64_t mask = (m->read_ahead >> TM_PAGE_SHIFT) - 1, end = (s->size - 1) >> TM_PAGE_SHIFT;
	uint64_t last = b | mask;
	last = last < end ? last : end;
	load(m, s, a & ~mask, last);
	for (uint64_t i = a; i <= b; i++) {
		if (!bit(s->loaded, i)) /* the attempt ended before it: memory may begin in the midst of a piece */
			load(m, s, i, last);
		if (!bit(s->loaded, i))
			return false;
	}
	return true;
}

static struct tm_span *span_at(struct tm_memory *m, uint64_t addr)
{
	size_t i = lower(m, addr);
	if (i < m->nspans && addr >= m->spans[i].start)
		return &m->spans[i];
	if (m->open_ended && m->frozen)
		(void)tm_array_push(&m->wanted, addr & ~(uint64_t)(TM_PAGE - 1));
	if (!m->open_ended || m->frozen)
		return NULL;
	uint64_t start = addr & ~(uint64_t)(WINDOW - 1);
	struct tm_error *err = tm_memory_add_lazy(m, start, WINDOW);
	if (err) {
		tm_error_free(err);
		return NULL;
	}
	i = lower(m, addr);
	return i < m->nspans && addr >= m->spans[i].start ? &m->spans[i] : NULL;
}

const void *tm_memory_find(struct tm_memory *m, unsigned *hint, uint64_t addr, size_t len)
{
	struct tm_span *s = span_at(m, addr);
	if (!s || len > s->size - (addr - s->start) || !here(m, s, addr - s->start, len))
		return NULL;
	*hint = (unsigned)(s - m->spans);
	return s->host + (addr - s->start);
}

const void *tm_memory_view(struct tm_memory *m, uint64_t addr, size_t len, size_t *have)
{
	*have = 0;
	struct tm_span *s = len ? span_at(m, addr) : NULL;
	if (!s)
		return NULL;
	uint64_t off = addr - s->start;
	if (len > s->size - off)
		len = (size_t)(s->size - off);
	if (!here(m, s, off, len)) { /* the prefix that is there */
		size_t n = 0;
		while (n < len && s->loaded && bit(s->loaded, (off + n) >> TM_PAGE_SHIFT))
			n += TM_PAGE - ((off + n) & (TM_PAGE - 1));
		len = n < len ? n : len;
		if (!len)
			return NULL;
	}
	*have = len;
	return s->host + off;
}

uint64_t tm_memory_size(const struct tm_memory *m)
{
	uint64_t n = 0;
	for (size_t i = 0; i < m->nspans; i++)
		if (__builtin_add_overflow(n, m->spans[i].size, &n))
			return UINT64_MAX;
	return m->open_ended ? UINT64_MAX : n;
}

size_t tm_memory_read(struct tm_memory *m, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0;
	while (done < len) {
		size_t have;
		const void *p = tm_memory_view(m, addr + done, len - done, &have);
		if (!have)
			break;
		memcpy((char *)buf + done, p, have);
		done += have;
		if (addr + done == 0)
			break;
	}
	return done;
}

bool tm_memory_word(struct tm_memory *m, uint64_t addr, uint64_t *ret)
{
	unsigned char b[8];
	if (tm_memory_read(m, addr, b, m->word) != m->word)
		return false;
	uint64_t v = 0;
	for (unsigned i = 0; i < m->word; i++)
		v |= (uint64_t)b[i] << 8 * (m->big ? m->word - 1 - i : i);
	*ret = v;
	return true;
}

bool tm_memory_u32(struct tm_memory *m, uint64_t addr, uint32_t *ret)
{
	unsigned char b[4];
	if (tm_memory_read(m, addr, b, 4) != 4)
		return false;
	*ret = m->big ? (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3]
		      : (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
	return true;
}

/* ---- refreshing ---- */

/* Whole words of a span's bitmaps, so that whoever takes a piece is the only one to change them. */
enum { PIECE_WORDS = 4, PIECE_PAGES = PIECE_WORDS * 64 };

struct piece {
	struct tm_span *span;
	uint64_t first; /* page */
};

struct refresh {
	struct tm_memory *m;
	TM_ARRAY(struct piece) pieces;
	size_t next; /* the first that nobody has taken */
};

struct refresher {
	struct refresh *all;
	struct tm_poll poll;
};

static uint64_t pages_of(const struct tm_span *s)
{
	return (s->size + TM_PAGE - 1) >> TM_PAGE_SHIFT;
}

static void refresh_piece(struct tm_memory *m, struct piece p)
{
	struct tm_span *s = p.span;
	uint64_t end = p.first + PIECE_PAGES < pages_of(s) ? p.first + PIECE_PAGES : pages_of(s);
	for (uint64_t a = p.first; a < end; a++) {
		uint64_t n = 0;
		for (; a + n < end && bit(s->loaded, a + n); n++)
			s->loaded[(a + n) / 64] &= ~(1ull << (a + n) % 64);
		for (uint64_t i = a; i < a + n; i++) /* behind a page that is gone, on with the next */
			if (!bit(s->loaded, i))
				load(m, s, i, a + n - 1);
		a += n;
	}
}

static struct tm_error *refresh_some(void *ctx)
{
	struct refresher *r = ctx;
	struct refresh *all = r->all;
	struct tm_error *err = NULL;
	for (size_t i; !err && (i = __atomic_fetch_add(&all->next, 1, __ATOMIC_RELAXED)) < all->pieces.n;) {
		refresh_piece(all->m, all->pieces.items[i]);
		err = tm_poll(&r->poll, "copying", i, all->pieces.n);
	}
	return err;
}

static bool add_pieces(struct refresh *r, struct tm_span *s)
{
	for (uint64_t a = 0; a < pages_of(s); a += PIECE_PAGES) {
		bool any = false;
		for (uint64_t w = a / 64; w < (a + PIECE_PAGES) / 64 && w * 64 < pages_of(s); w++)
			any |= s->loaded[w] != 0;
		if (any && !tm_array_push(&r->pieces, ((struct piece) { s, a })))
			return false;
	}
	return true;
}

struct tm_error *tm_memory_refresh(struct tm_memory *m, const struct tm_poll *poll)
{
	enum { WORTH_A_THREAD = 4 }; /* pieces */
	struct refresh all = { .m = m };
	bool ok = true;
	for (size_t k = 0; k < m->nspans; k++)
		if (m->spans[k].loaded && m->spans[k].host)
			ok = ok && add_pieces(&all, &m->spans[k]);
	size_t n = m->fill_is_shared ? tm_threads_count() : 1;
	if (n > all.pieces.n / WORTH_A_THREAD)
		n = all.pieces.n / WORTH_A_THREAD ? all.pieces.n / WORTH_A_THREAD : 1;
	struct refresher refreshers[TM_MOST_THREADS];
	struct tm_job jobs[TM_MOST_THREADS];
	for (size_t i = 0; i < n; i++) {
		refreshers[i] = (struct refresher) { &all, poll ? *poll : (struct tm_poll) { 0 } };
		jobs[i] = (struct tm_job) { .work = refresh_some, .ctx = &refreshers[i], .poll = &refreshers[i].poll };
	}
	struct tm_error *err = ok ? tm_threads_run(jobs, n) : tm_error_nomem();
	tm_array_free(&all.pieces);
	return err;
}

void tm_memory_forget(struct tm_memory *m)
{
	for (size_t k = 0; k < m->nspans; k++) {
		struct tm_span *s = &m->spans[k];
		if (!s->loaded)
			continue;
		size_t words = (size_t)(pages_of(s) + 63) / 64;
		memset(s->loaded, 0, words * 8);
		memset(s->refused, 0, words * 8);
		if (s->mapped)
			madvise((void *)s->host, s->mapped, MADV_DONTNEED);
	}
	m->wanted.n = 0;
}

void tm_memory_load_wanted(struct tm_memory *m)
{
	bool frozen = m->frozen;
	m->frozen = false;
	unsigned hint = 0;
	for (size_t i = 0; i < m->wanted.n; i++)
		(void)tm_memory_find(m, &hint, m->wanted.items[i], 1);
	m->wanted.n = 0;
	m->frozen = frozen;
}
