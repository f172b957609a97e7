/*
 * The bytes of a target: the one door. Spans of target addresses lie in host memory, either all of them (a mapped core,
 * an image) or page by page as they are asked for (a live process, a debugger). Knows no ELF and no Python.
 */
#ifndef TM_MEMORY_H
#define TM_MEMORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tm/array.h"
#include "tm/error.h"
#include "tm/poll.h"

enum { TM_PAGE = 4096, TM_PAGE_SHIFT = 12 };

struct tm_span {
	uint64_t start, size;	 /* target addresses start .. start+size */
	const uint8_t *host;	 /* byte 0; NULL: nothing of it was asked for yet */
	uint64_t *loaded;	 /* a bit per page that is in host memory; NULL: all of them are */
	uint64_t *refused;	 /* a bit per page that the source could not give */
	size_t mapped;		 /* length of the mapping behind host, when it is ours to unmap */
};

struct tm_memory {
	struct tm_span *spans; /* by address, not overlapping; never empty (the last one is an empty sentinel) */
	size_t nspans, cap;
	unsigned word;	       /* bytes in a pointer: 4 or 8 */
	bool big;	       /* big-endian */
	/*
	 * Where pages come from; NULL when all spans lie in host memory. Copies up to LEN bytes at ADDR and returns how many
	 * it could: the readable prefix.
	 */
	size_t (*fill)(void *ctx, uint64_t addr, void *buf, size_t len);
	void *ctx;
	bool fill_is_shared;   /* several threads may call it at once */
	bool open_ended;       /* the source cannot list what it has: a span is made wherever a read goes */
	bool frozen;	       /* do not ask the source: a page that is not here is noted in wanted */
	size_t read_ahead;     /* bytes asked for at once, a power of two ≥ TM_PAGE */
	TM_ARRAY(uint64_t) wanted; /* pages that a frozen memory lacked */
	uint64_t filled;       /* bytes that came from the source */
};

void tm_memory_init(struct tm_memory *m, unsigned word, bool big);
void tm_memory_deinit(struct tm_memory *m);
/* All bytes at hand in HOST, which the caller keeps. Bytes that an earlier span holds are left to that one. */
struct tm_error *tm_memory_add(struct tm_memory *m, uint64_t start, uint64_t size, const void *host);
/* To be filled on demand. */
struct tm_error *tm_memory_add_lazy(struct tm_memory *m, uint64_t start, uint64_t size);
/* Reads again every page that is here; pages that are gone now are dropped. Several threads share it where FILL_IS_SHARED. */
struct tm_error *tm_memory_refresh(struct tm_memory *m, const struct tm_poll *poll);
/* Drops every page that the source gave. */
void tm_memory_forget(struct tm_memory *m);
/* Loads the pages that a frozen memory lacked and forgets that list. */
void tm_memory_load_wanted(struct tm_memory *m);

/* Slow road of tm_memory_at. */
const void *tm_memory_find(struct tm_memory *m, unsigned *hint, uint64_t addr, size_t len);

/*
 * LEN (at most TM_PAGE) bytes at ADDR without a copy, or NULL when one of them is not here or they straddle two spans;
 * valid until the memory is refreshed or closed. HINT remembers the last span: one per kind of access pays.
 */
static inline const void *tm_memory_at(struct tm_memory *m, unsigned *hint, uint64_t addr, size_t len)
{
	const struct tm_span *s = &m->spans[*hint];
	uint64_t off = addr - s->start;
	if (__builtin_expect(off < s->size && len <= s->size - off, 1)) {
		if (!s->loaded)
			return s->host + off;
		uint64_t a = off >> TM_PAGE_SHIFT, b = (off + len - 1) >> TM_PAGE_SHIFT;
		if ((s->loaded[a / 64] >> a % 64 & 1) && (s->loaded[b / 64] >> b % 64 & 1))
			return s->host + off;
	}
	return tm_memory_find(m, hint, addr, len);
}

/* Bytes in all spans; UINT64_MAX where a source may have more. */
uint64_t tm_memory_size(const struct tm_memory *m);
/* Copies bytes; returns how many of LEN were readable from ADDR on. */
size_t tm_memory_read(struct tm_memory *m, uint64_t addr, void *buf, size_t len);
/* A run of any length without a copy: returns the pointer and how many bytes of LEN are there in one piece. */
const void *tm_memory_view(struct tm_memory *m, uint64_t addr, size_t len, size_t *have);
/* One number; false when not readable. */
bool tm_memory_word(struct tm_memory *m, uint64_t addr, uint64_t *ret);
bool tm_memory_u32(struct tm_memory *m, uint64_t addr, uint32_t *ret);
#endif
