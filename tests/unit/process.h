/*
 * A whole fake Python process: an interpreter whose tracemalloc holds six blocks, the same in every version, so that every
 * test can compare with the same statistics:
 *
 *	domain	address		size	traceback (oldest first)
 *	0	0x20001000	100	b.py:2 a.py:1		all frames
 *	0	0x20002000	50	b.py:2 a.py:1
 *	0	0x20003000	7	b.py:2 c.py:9		2 of 5 frames
 *	0	0x20004000	1	<unknown>:0		the empty traceback
 *	389047	0x20001000	1000	b.py:2 a.py:1
 *	5	0		3	b.py:2 c.py:9
 */
#ifndef PROCESS_H
#define PROCESS_H
#include "image.h"

enum where {
	BY_COOKIE, /* 3.13+: the runtime state where that release has it */
	MOVED,	   /* 3.13+: at another place, as after a micro release */
	ODD_WORD,  /* 3.13+, 32-bit: at a place that is no multiple of 8 */
	NO_COOKIE, /* 3.12+: only the scan can find it */
	GCC,	   /* ≤ 3.11: static variables in GCC's order */
	CLANG,	   /* 3.9-3.11: in clang's */
	DEBIAN,	   /* 3.9-3.11: as linked with LTO for 3.11.2 */
	SHUFFLED,  /* 3.9-3.11: as no linker was seen to do it */
};

enum { PROCESS_SUM = 1161, PROCESS_PEAK = 5000, PROCESS_LIMIT = 2, PROCESS_DATA = 64 << 10, PROCESS_RUNTIME = 0x100 };

struct process {
	struct image m;
	enum where where;
	struct img_table traces, tracebacks, filenames, domains, numpy, five;
	uint64_t names[4];  /* a.py b.py c.py <unknown> */
	uint64_t tb[3];	    /* as in the list above: a.py, c.py, <unknown> */
	uint64_t entries[6]; /* of the traces */
	/* addresses of variables */
	uint64_t state, config, traces_at, tracebacks_at, filenames_at, domains_at, traced_at, peak_at, lock_at, empty_at;
};

static inline void process_tables(struct process *p)
{
	struct image *m = &p->m;
	unsigned w = m->word;
	bool old = m->minor <= 8;
	static const char *const names[] = { "a.py", "b.py", "c.py", "<unknown>" };
	for (int i = 0; i < 4; i++)
		p->names[i] = img_name(m, names[i]);
	const struct img_frame a[] = { { p->names[0], 1 }, { p->names[1], 2 } }, c[] = { { p->names[2], 9 }, { p->names[1], 2 } },
			       unknown = { p->names[3], 0 };
	p->tb[0] = img_traceback(m, a, 2, 2);
	p->tb[1] = img_traceback(m, c, 2, 5);
	/* The empty traceback: a variable, from 3.15 on a block of its own. */
	p->tb[2] = m->minor >= 15 ? img_alloc(m, 24, 8) : p->empty_at;
	img_put_traceback(m, p->tb[2], &unknown, 1, 1);
	p->traces = img_table(m, 16, w + 4, 2 * w);
	p->tracebacks = img_table(m, 16, w, 0);
	p->filenames = img_table(m, 16, w, 0);
	for (int i = 0; i < 3; i++) /* ≤ 3.14: the hash of the str; then siphash, any number for us */
		img_pair(m, &p->filenames, p->names[i], m->minor >= 15 ? 0x9e37u * (unsigned)(i + 1) : img_name_hash(m, p->names[i]), 0);
	for (int i = 0; i < 2; i++)
		img_pair(m, &p->tracebacks, p->tb[i], img_get(m, p->tb[i], w), 0);
	struct img_table *numpy = &p->traces, *five = &p->traces;
	if (!old) {
		p->domains = img_table(m, 16, 0, 0);
		p->numpy = img_table(m, 16, 0, 0);
		p->five = img_table(m, 16, 0, 0);
		numpy = &p->numpy;
		five = &p->five;
		img_pair(m, &p->domains, 389047, 389047, p->numpy.addr);
		img_pair(m, &p->domains, 5, 5, p->five.addr);
	}
	p->entries[0] = img_trace(m, &p->traces, 0x20001000, 0, 100, p->tb[0]);
	p->entries[1] = img_trace(m, &p->traces, 0x20002000, 0, 50, p->tb[0]);
	p->entries[2] = img_trace(m, &p->traces, 0x20003000, 0, 7, p->tb[1]);
	p->entries[3] = img_trace(m, &p->traces, 0x20004000, 0, 1, p->tb[2]);
	p->entries[4] = img_trace(m, numpy, 0x20001000, 389047, 1000, p->tb[0]);
	p->entries[5] = img_trace(m, five, 0, 5, 3, p->tb[1]);
}

/* Where struct _tracemalloc_runtime_state begins in _PyRuntime (DWARF of 3.12.1, 3.13.0, 3.14.10, 3.15.2; i386 3.13.5, 3.15.2). */
static inline uint64_t process_state_offset(const struct process *p)
{
	if (p->where == ODD_WORD)
		return 3348;
	if (p->where != BY_COOKIE)
		return p->m.word == 8 ? 7216 : 3344;
	if (p->m.word == 4)
		return p->m.minor >= 15 ? 5672 : 5360;
	return p->m.minor >= 15 ? 10432 : p->m.minor == 14 ? 10296 : 10080;
}

static inline void process_runtime(struct process *p)
{
	struct image *m = &p->m;
	bool wide = m->word == 8;
	uint64_t runtime = IMG_DATA + PROCESS_RUNTIME;
	p->state = runtime + process_state_offset(p);
	if (p->where != NO_COOKIE) { /* _Py_DebugOffsets: cookie, PY_VERSION_HEX, free-threaded, ..., sizeof(_PyRuntime) */
		memcpy(img_at(m, runtime), "xdebugpy", 8);
		img_put(m, runtime + 8, 0x030005f0u | (uint32_t)m->minor << 16, 8);
		img_put(m, runtime + 24, 32 << 10, 8);
	}
	p->config = p->state;
	for (unsigned i = 0; i < 15; i++) /* three allocators: ctx, malloc, calloc, realloc, free */
		img_word(m, p->state + (wide ? 16 : 12) + i * m->word, i % 5 ? IMG_CODE + 16 * i : 0);
	p->lock_at = p->state + (wide ? 136 : 72);
	p->traced_at = p->state + (wide ? 144 : 76);
	p->peak_at = p->state + (wide ? 152 : 80);
	p->filenames_at = p->state + (wide ? 160 : 84);
	p->tracebacks_at = p->state + (wide ? 176 : 92);
	p->traces_at = p->state + (wide ? 184 : 96);
	p->domains_at = p->state + (wide ? 192 : 100);
	p->empty_at = p->state + (wide ? 200 : 104);
	img_word(m, p->state + (wide ? 168 : 88), img_alloc(m, 64, 8)); /* the scratch traceback */
}

static inline void process_statics(struct process *p)
{
	uint64_t base = IMG_DATA + 0x2000;
	unsigned w = p->m.word;
	/* in words from the lowest one: traces, tracebacks, filenames, domains, traced, peak, lock (.symtab of each build) */
	static const struct order {
		enum where where;
		bool old;
		int traces, tracebacks, filenames, domains, traced, peak, lock;
	} orders[] = { { GCC, true, 1, 2, 4, -1, 6, 5, 12 }, { GCC, false, 2, 3, 5, 1, 7, 6, 12 }, { CLANG, false, 1, 6, 7, 2, 4, 5, 0 },
		{ DEBIAN, false, 4, 3, 2, 5, 10, 9, 1 }, { SHUFFLED, false, 9, 1, 14, 4, 20, 19, 30 } };
	for (size_t i = 0; i < COUNT(orders); i++) {
		const struct order *o = &orders[i];
		if (o->where != p->where || o->old != (p->m.minor <= 8))
			continue;
		p->traces_at = base + (unsigned)o->traces * w;
		p->tracebacks_at = base + (unsigned)o->tracebacks * w;
		p->filenames_at = base + (unsigned)o->filenames * w;
		p->domains_at = o->old ? 0 : base + (unsigned)o->domains * w;
		p->traced_at = base + (unsigned)o->traced * w;
		p->peak_at = base + (unsigned)o->peak * w;
		p->lock_at = base + (unsigned)o->lock * w;
	}
	assert_true(p->traces_at != 0);
	p->empty_at = base + 32 * w;
	p->config = IMG_DATA + 0x3000;
}

static inline void process_init(struct process *p, unsigned word, bool big, int minor, enum where where)
{
	*p = (struct process) { .where = where };
	struct image *m = &p->m;
	img_init(m, word, big, minor);
	img_interpreter(m, PROCESS_DATA);
	if (minor >= 12)
		process_runtime(p);
	else
		process_statics(p);
	process_tables(p);
	if (minor >= 15)
		img_word(m, p->empty_at, p->tb[2]);
	if (where != BY_COOKIE && where != MOVED && where != ODD_WORD) { /* Py_GetVersion()'s buffer */
		char text[64];
		int n = snprintf(text, sizeof text, "3.%d.5 (main, Jan  2 2026, 03:04:05) [GCC 12.2.0]", minor);
		memcpy(img_at(m, IMG_DATA + 0x40), text, (size_t)n);
	}
	img_put(m, p->config, 1, 4); /* initialized, tracing, max_nframe */
	img_put(m, p->config + 4, 1, 4);
	img_put(m, p->config + 8, PROCESS_LIMIT, 4);
	if (minor <= 8)
		img_put(m, p->config + 12, 1, 4); /* use_domain */
	img_word(m, p->traces_at, p->traces.addr);
	img_word(m, p->tracebacks_at, p->tracebacks.addr);
	img_word(m, p->filenames_at, p->filenames.addr);
	if (p->domains_at)
		img_word(m, p->domains_at, p->domains.addr);
	img_word(m, p->traced_at, PROCESS_SUM);
	img_word(m, p->peak_at, PROCESS_PEAK);
	if (minor <= 13) { /* sem_t: 1 is free */
		uint64_t sem = img_alloc(m, 32, 8);
		img_put(m, sem, 1, 4);
		img_word(m, p->lock_at, sem);
	}
}

static inline void process_free(struct process *p)
{
	img_free(&p->m);
}
#endif
