/*
 * Fake memory of a CPython process, written byte by byte from the C headers of CPython: nothing here knows tm's own
 * layouts. One heap and, on request, one fake interpreter (an ELF file with code and data).
 */
#ifndef IMAGE_H
#define IMAGE_H
#include "tm/target.h"
#include "unit.h"
#include <sys/mman.h>

enum {
	IMG_HEAP = 0x10000000, /* where the heap begins */
	IMG_HEAP_SIZE = 4 << 20,
	IMG_EXE = 0x400000,    /* the interpreter's code: one page with its ELF header */
	IMG_DATA = 0x600000,   /* its data */
	IMG_CODE = 0x400800,   /* functions */
};

struct image {
	unsigned word; /* 4 or 8 */
	bool big;
	int minor;     /* 8 for CPython 3.8 */
	uint8_t *heap, *exe, *data;
	size_t used, data_size;
	uint8_t *lent[3]; /* exact copies that the target reads, so that a byte too far is seen */
};

static inline void img_init(struct image *m, unsigned word, bool big, int minor)
{
	*m = (struct image) { .word = word, .big = big, .minor = minor, .used = 64 };
	m->heap = mmap(NULL, IMG_HEAP_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(m->heap != MAP_FAILED);
}

static inline void img_free(struct image *m)
{
	munmap(m->heap, IMG_HEAP_SIZE);
	free(m->exe);
	free(m->data);
	for (int i = 0; i < 3; i++)
		free(m->lent[i]);
	*m = (struct image) { 0 };
}

/* ---- bytes ---- */

static inline uint8_t *img_at(struct image *m, uint64_t addr)
{
	if (addr >= IMG_HEAP && addr < IMG_HEAP + (uint64_t)IMG_HEAP_SIZE)
		return m->heap + (addr - IMG_HEAP);
	if (m->data && addr >= IMG_DATA && addr < IMG_DATA + m->data_size)
		return m->data + (addr - IMG_DATA);
	if (m->exe && addr >= IMG_EXE && addr < IMG_EXE + 4096)
		return m->exe + (addr - IMG_EXE);
	fail_msg("no such address in the image: 0x%llx", (unsigned long long)addr);
	return NULL;
}

static inline uint64_t img_alloc(struct image *m, size_t size, size_t align)
{
	m->used = (m->used + align - 1) / align * align;
	uint64_t addr = IMG_HEAP + m->used;
	m->used += size;
	assert_true(m->used <= IMG_HEAP_SIZE);
	return addr;
}

static inline void img_put(struct image *m, uint64_t addr, uint64_t value, unsigned size)
{
	uint8_t *p = img_at(m, addr);
	for (unsigned i = 0; i < size; i++)
		p[m->big ? size - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static inline uint64_t img_get(struct image *m, uint64_t addr, unsigned size)
{
	const uint8_t *p = img_at(m, addr);
	uint64_t v = 0;
	for (unsigned i = 0; i < size; i++)
		v |= (uint64_t)p[m->big ? size - 1 - i : i] << 8 * i;
	return v;
}

static inline void img_word(struct image *m, uint64_t addr, uint64_t value)
{
	img_put(m, addr, value, m->word);
}

static inline uint64_t img_mask(const struct image *m)
{
	return m->word == 8 ? UINT64_MAX : UINT32_MAX;
}

/* ---- hashes ---- */

/* _Py_HashPointerRaw: rotated right by four bits; _Py_HashPointer of ≤ 3.8 turns -1 into -2. */
static inline uint64_t img_hash_pointer(const struct image *m, uint64_t p)
{
	uint64_t h = m->word == 8 ? (p >> 4) | (p << 60) : ((p & UINT32_MAX) >> 4) | ((p << 28) & UINT32_MAX);
	return m->minor <= 8 && h == img_mask(m) ? h - 1 : h;
}

/* ---- names ---- */

enum img_kind {
	IMG_ASCII,
	IMG_LATIN1,
	IMG_UCS2,
	IMG_UCS4,
	IMG_SUBCLASS_ASCII, /* not compact: the characters lie elsewhere */
	IMG_SUBCLASS_UCS2,
};

/* PyASCIIObject, PyCompactUnicodeObject or PyUnicodeObject of N characters; its hash is any number. */
static inline uint64_t img_str(struct image *m, enum img_kind kind, const uint32_t *chars, size_t n, uint64_t hash)
{
	bool old = m->minor <= 11; /* with wstr */
	unsigned ascii = m->word == 8 ? (old ? 48 : 40) : (old ? 24 : 20);
	unsigned compact = m->word == 8 ? (old ? 72 : 56) : (old ? 36 : 28);
	bool is_compact = kind < IMG_SUBCLASS_ASCII, is_ascii = kind == IMG_ASCII || kind == IMG_SUBCLASS_ASCII;
	unsigned size = is_ascii || kind == IMG_LATIN1 ? 1 : kind == IMG_UCS4 ? 4 : 2;
	unsigned head = !is_compact ? compact + m->word : is_ascii ? ascii : compact;
	uint64_t addr = img_alloc(m, head + (is_compact ? (n + 1) * size : 0), m->word);
	uint64_t chars_at = is_compact ? addr + head : img_alloc(m, (n + 1) * size, m->word);
	img_word(m, addr, 5);		     /* ob_refcnt */
	img_word(m, addr + m->word, IMG_CODE); /* ob_type: any address */
	img_word(m, addr + 2 * m->word, n);
	img_word(m, addr + 3 * m->word, hash);
	/* struct { unsigned interned:2, kind:3, compact:1, ascii:1, ready:1 }: from the top bit on where words are big-endian */
	uint32_t state = m->big ? 1u << 30 | size << 27 | (uint32_t)is_compact << 26 | (uint32_t)is_ascii << 25 | 1u << 24
				: 1u | size << 2 | (uint32_t)is_compact << 5 | (uint32_t)is_ascii << 6 | 1u << 7;
	img_put(m, addr + 4 * m->word, state, 4);
	if (!is_compact)
		img_word(m, addr + compact, chars_at);
	for (size_t i = 0; i < n; i++)
		img_put(m, chars_at + i * size, chars[i], size);
	return addr;
}

static inline uint64_t img_bytes(struct image *m, const void *p, size_t n)
{
	uint64_t addr = img_alloc(m, n ? n : 1, 1);
	memcpy(img_at(m, addr), p, n);
	return addr;
}

/* A plain name as this Python keeps filenames. */
static inline uint64_t img_name(struct image *m, const char *s)
{
	size_t n = strlen(s);
	if (m->minor >= 15) {
		img_alloc(m, 0, m->word);
		return img_bytes(m, s, n + 1);
	}
	uint32_t *chars = malloc((n + 1) * sizeof *chars);
	uint64_t hash = 1469598103u;
	assert_non_null(chars);
	for (size_t i = 0; i < n; i++) {
		chars[i] = (unsigned char)s[i];
		hash = (hash ^ chars[i]) * 1099511628211u;
	}
	uint64_t addr = img_str(m, IMG_ASCII, chars, n, hash & img_mask(m));
	free(chars);
	return addr;
}

/* What the filename gives to a traceback's hash: the str's own, or from 3.15 on the pointer's. */
static inline uint64_t img_name_hash(struct image *m, uint64_t name)
{
	return m->minor >= 15 ? img_hash_pointer(m, name) : img_get(m, name + 3 * m->word, m->word);
}

/* ---- tracebacks ---- */

struct img_frame {
	uint64_t name;
	uint32_t lineno;
};

/* traceback_hash() of Modules/_tracemalloc.c */
static inline uint64_t img_hash_frames(struct image *m, const struct img_frame *f, unsigned n, unsigned total)
{
	uint64_t x = 0x345678, mult = 1000003;
	for (int len = (int)n - 1; len >= 0; len--, f++) {
		x = (x ^ (img_name_hash(m, f->name) ^ f->lineno)) * mult;
		mult += 82520u + (unsigned)len + (unsigned)len;
	}
	if (m->minor >= 9)
		x ^= total;
	return (x + 97531u) & img_mask(m);
}

/* traceback_t with N frames, newest first. */
static inline void img_put_traceback(struct image *m, uint64_t addr, const struct img_frame *f, unsigned n, unsigned total)
{
	unsigned head = m->word + 4, frame = m->word + 4;
	img_word(m, addr, img_hash_frames(m, f, n, total));
	if (m->minor >= 9) {
		img_put(m, addr + m->word, n, 2);
		img_put(m, addr + m->word + 2, total, 2);
	} else {
		img_put(m, addr + m->word, n, 4);
	}
	for (unsigned i = 0; i < n; i++) {
		img_word(m, addr + head + (size_t)i * frame, f[i].name);
		img_put(m, addr + head + (size_t)i * frame + m->word, f[i].lineno, 4);
	}
}

static inline uint64_t img_traceback(struct image *m, const struct img_frame *f, unsigned n, unsigned total)
{
	uint64_t addr = img_alloc(m, (m->word + 4) * ((size_t)n + 1), 8);
	img_put_traceback(m, addr, f, n, total);
	return addr;
}

/* ---- tables ---- */

struct img_table {
	uint64_t addr, nbuckets, buckets, entries;
	unsigned key_size, data_size; /* ≤ 3.8 */
};

static inline void img_count(struct image *m, const struct img_table *t, uint64_t entries)
{
	img_word(m, t->addr + (m->minor >= 9 ? 0 : m->word), entries);
}

/* _Py_hashtable_t; ≤ 3.8: entries hold KEY_SIZE and DATA_SIZE bytes; 3.9+: these say whose functions it has. */
static inline struct img_table img_table(struct image *m, uint64_t nbuckets, unsigned key_size, unsigned data_size)
{
	unsigned w = m->word;
	struct img_table t = { .nbuckets = nbuckets, .key_size = key_size, .data_size = data_size };
	t.addr = img_alloc(m, (m->minor >= 9 ? 10 : 9) * w, 16);
	t.buckets = img_alloc(m, nbuckets * w, 16);
	img_word(m, t.addr + (m->minor >= 9 ? w : 0), nbuckets);
	img_word(m, t.addr + 2 * w, t.buckets);
	if (m->minor >= 9) { /* get_entry, hash, compare, key_destroy, value_destroy, malloc, free */
		for (unsigned i = 3; i < 10; i++)
			img_word(m, t.addr + i * w, i == 6 ? 0 : IMG_CODE + 16 * i);
		if (!data_size) /* not that of traces: generic get_entry */
			img_word(m, t.addr + 3 * w, IMG_CODE + 16 * 10);
		if (key_size == w && !data_size) /* tracebacks, filenames: compare of their own */
			img_word(m, t.addr + 5 * w, IMG_CODE + 16 * 11);
	} else {
		img_word(m, t.addr + 3 * w, key_size);
		img_word(m, t.addr + 4 * w, data_size);
		for (unsigned i = 5; i < 9; i++) /* hash, compare, malloc, free */
			img_word(m, t.addr + i * w, IMG_CODE + 16 * i);
	}
	img_count(m, &t, 0);
	return t;
}

/* A new entry at the head of its chain; returns where it lies. Its key and data are the caller's to write. */
static inline uint64_t img_entry(struct image *m, struct img_table *t, uint64_t hash)
{
	unsigned w = m->word;
	uint64_t addr = img_alloc(m, m->minor >= 9 ? 4 * w : 2 * w + t->key_size + t->data_size, w);
	uint64_t head = t->buckets + (hash & (t->nbuckets - 1)) * w;
	img_word(m, addr, img_get(m, head, w));
	img_word(m, addr + w, hash);
	img_word(m, head, addr);
	img_count(m, t, ++t->entries);
	return addr;
}

/* key → value, as pointers (3.9+) */
static inline uint64_t img_pair(struct image *m, struct img_table *t, uint64_t key, uint64_t hash, uint64_t value)
{
	uint64_t e = img_entry(m, t, hash);
	img_word(m, e + 2 * m->word, key);
	if (m->minor >= 9)
		img_word(m, e + 3 * m->word, value);
	return e;
}

/* A block of SIZE bytes at PTR; returns the entry. */
static inline uint64_t img_trace(struct image *m, struct img_table *t, uint64_t ptr, uint32_t domain, uint64_t size,
	uint64_t traceback)
{
	unsigned w = m->word;
	uint64_t hash = img_hash_pointer(m, ptr), at, e;
	if (m->minor >= 9) {
		at = img_alloc(m, 2 * w, w); /* trace_t */
		e = img_pair(m, t, ptr, hash, at);
	} else {
		if (t->key_size > w)
			hash ^= domain;
		e = img_entry(m, t, hash);
		img_word(m, e + 2 * w, ptr);
		if (t->key_size > w)
			img_put(m, e + 3 * w, domain, 4);
		at = e + 2 * w + t->key_size;
	}
	img_word(m, at, size);
	img_word(m, at + w, traceback);
	return e;
}

/* ---- targets ---- */

static inline const uint8_t *img_lend(struct image *m, int i, const uint8_t *from, size_t size)
{
	free(m->lent[i]);
	m->lent[i] = malloc(size);
	assert_non_null(m->lent[i]);
	memcpy(m->lent[i], from, size);
	return m->lent[i];
}

/* The heap [SKIP, SKIP + GAP) of which is mapped, but not at hand. */
static inline struct tm_target *img_open_without(struct image *m, uint64_t skip, uint64_t gap)
{
	struct tm_target *t;
	size_t used = (m->used + 4095) / 4096 * 4096;
	uint64_t end = IMG_HEAP + used;
	ok(tm_target_open_image(m->word, m->big, &t));
	const uint8_t *heap = img_lend(m, 0, m->heap, used);
	ok(tm_target_add_region(t, IMG_HEAP, end, TM_READ | TM_WRITE, NULL, 0, used));
	if (gap) {
		ok(tm_memory_add(&t->memory, IMG_HEAP, skip - IMG_HEAP, heap));
		if (skip + gap < end)
			ok(tm_memory_add(&t->memory, skip + gap, end - skip - gap, heap + (skip + gap - IMG_HEAP)));
	} else {
		ok(tm_memory_add(&t->memory, IMG_HEAP, used, heap));
	}
	if (m->exe) {
		ok(tm_target_add_region(t, IMG_EXE, IMG_EXE + 4096, TM_READ | TM_EXEC, "/fake/bin/python3", 0, 4096));
		ok(tm_memory_add(&t->memory, IMG_EXE, 4096, img_lend(m, 1, m->exe, 4096)));
		ok(tm_target_add_region(t, IMG_DATA, IMG_DATA + m->data_size, TM_READ | TM_WRITE, "/fake/bin/python3", 4096,
			m->data_size));
		ok(tm_memory_add(&t->memory, IMG_DATA, m->data_size, img_lend(m, 2, m->data, m->data_size)));
	}
	ok(tm_target_settle(t));
	return t;
}

static inline struct tm_target *img_open(struct image *m)
{
	return img_open_without(m, 0, 0);
}

/* An ELF header with two segments, code and SIZE bytes of data, at the head of a page of code. */
static inline void img_interpreter(struct image *m, size_t size)
{
	m->exe = calloc(1, 4096);
	m->data = calloc(1, size);
	m->data_size = size;
	assert_non_null(m->exe);
	assert_non_null(m->data);
	const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', m->word == 8 ? 2 : 1, m->big ? 2 : 1, 1 };
	memcpy(m->exe, ident, sizeof ident);
	img_put(m, IMG_EXE + 16, 2, 2); /* ET_EXEC */
	unsigned w = m->word, ph = w == 8 ? 64 : 52, phsize = w == 8 ? 56 : 32;
	img_word(m, IMG_EXE + (w == 8 ? 32 : 28), ph);
	img_put(m, IMG_EXE + (w == 8 ? 54 : 42), phsize, 2);
	img_put(m, IMG_EXE + (w == 8 ? 56 : 44), 2, 2);
	const uint64_t segments[2][3] = { { 0, IMG_EXE, 4096 }, { 4096, IMG_DATA, size } };
	for (unsigned i = 0; i < 2; i++) {
		uint64_t p = IMG_EXE + ph + i * phsize;
		img_put(m, p, 1, 4); /* PT_LOAD */
		unsigned flags = i ? 6 : 5;
		if (w == 8) {
			img_put(m, p + 4, flags, 4);
			img_put(m, p + 8, segments[i][0], 8);
			img_put(m, p + 16, segments[i][1], 8);
			img_put(m, p + 32, segments[i][2], 8);
			img_put(m, p + 40, segments[i][2], 8);
		} else {
			img_put(m, p + 4, segments[i][0], 4);
			img_put(m, p + 8, segments[i][1], 4);
			img_put(m, p + 16, segments[i][2], 4);
			img_put(m, p + 20, segments[i][2], 4);
			img_put(m, p + 24, flags, 4);
		}
	}
}
#endif
