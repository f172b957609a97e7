/* Writes ELF core files byte by byte, as the kernel and gcore do, of both widths and byte orders. */
#ifndef COREFILE_H
#define COREFILE_H
#include "process.h"

struct core_segment {
	uint64_t vaddr, memsz, filesz;
	unsigned flags; /* PF_X 1, PF_W 2, PF_R 4 */
	const void *bytes;
};

struct core_map { /* an entry of NT_FILE */
	uint64_t start, end, offset; /* the offset in pages */
	const char *path;
};

struct corefile {
	unsigned word;
	bool big;
	unsigned type; /* ET_CORE unless set */
	struct core_segment segments[16];
	size_t nsegments;
	struct core_map maps[16];
	size_t nmaps;
	uint64_t page; /* of NT_FILE: 4096 from the kernel, 1 from gcore */
	int pid, signal, code;
	uint64_t fault, phdr;
	bool xnum; /* the number of program headers in the first section header */
};

struct core_bytes {
	uint8_t *p;
	size_t n, cap;
	bool big;
};

static inline void core_pad(struct core_bytes *b, size_t n)
{
	while (b->n + n > b->cap) {
		b->cap = b->cap ? b->cap * 2 : 4096;
		b->p = realloc(b->p, b->cap);
		assert_non_null(b->p);
	}
	memset(b->p + b->n, 0, n);
	b->n += n;
}

static inline void core_set(struct core_bytes *b, size_t at, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		b->p[at + (b->big ? size - 1 - i : i)] = (uint8_t)(v >> 8 * i);
}

static inline void core_put(struct core_bytes *b, uint64_t v, unsigned size)
{
	core_pad(b, size);
	core_set(b, b->n - size, v, size);
}

static inline void core_copy(struct core_bytes *b, const void *p, size_t n)
{
	core_pad(b, n);
	if (n)
		memcpy(b->p + b->n - n, p, n);
}

/* A note's head; returns where the description begins. */
static inline size_t core_note(struct core_bytes *b, unsigned type)
{
	core_put(b, 5, 4); /* namesz */
	core_put(b, 0, 4); /* descsz, later */
	core_put(b, type, 4);
	core_copy(b, "CORE\0\0\0", 8);
	return b->n;
}

static inline void core_note_end(struct core_bytes *b, size_t start)
{
	core_set(b, start - 16, b->n - start, 4);
	core_pad(b, (size_t)(-b->n & 3));
}

static inline void core_notes(struct core_bytes *b, const struct corefile *c)
{
	unsigned w = c->word;
	size_t at = core_note(b, 1); /* NT_PRSTATUS: pr_info, pr_cursig, two signal sets, pr_pid */
	core_pad(b, 112);
	core_set(b, at + 12, (unsigned)c->signal, 2);
	core_set(b, at + 16 + 2 * w, (unsigned)c->pid, 4);
	core_note_end(b, at);
	if (c->code) {
		at = core_note(b, 0x53494749); /* NT_SIGINFO: si_signo, si_errno, si_code, si_addr */
		core_pad(b, 128);
		core_set(b, at, (unsigned)c->signal, 4);
		core_set(b, at + 8, (unsigned)c->code, 4);
		core_set(b, at + (w == 8 ? 16 : 12), c->fault, w);
		core_note_end(b, at);
	}
	at = core_note(b, 6); /* NT_AUXV */
	core_put(b, 3, w);    /* AT_PHDR */
	core_put(b, c->phdr, w);
	core_pad(b, 2 * w);
	core_note_end(b, at);
	if (!c->nmaps)
		return;
	at = core_note(b, 0x46494c45); /* NT_FILE */
	core_put(b, c->nmaps, w);
	core_put(b, c->page ? c->page : 4096, w);
	for (size_t i = 0; i < c->nmaps; i++) {
		core_put(b, c->maps[i].start, w);
		core_put(b, c->maps[i].end, w);
		core_put(b, c->maps[i].offset, w);
	}
	for (size_t i = 0; i < c->nmaps; i++)
		core_copy(b, c->maps[i].path, strlen(c->maps[i].path) + 1);
	core_note_end(b, at);
}

static inline void core_phdr(struct core_bytes *b, size_t at, unsigned word, unsigned type, unsigned flags, uint64_t offset,
	uint64_t vaddr, uint64_t filesz, uint64_t memsz)
{
	core_set(b, at, type, 4);
	if (word == 8) {
		core_set(b, at + 4, flags, 4);
		core_set(b, at + 8, offset, 8);
		core_set(b, at + 16, vaddr, 8);
		core_set(b, at + 32, filesz, 8);
		core_set(b, at + 40, memsz, 8);
	} else {
		core_set(b, at + 4, offset, 4);
		core_set(b, at + 8, vaddr, 4);
		core_set(b, at + 16, filesz, 4);
		core_set(b, at + 20, memsz, 4);
		core_set(b, at + 24, flags, 4);
	}
}

/* The whole file; freed by the caller. */
static inline uint8_t *core_build(const struct corefile *c, size_t *len)
{
	unsigned w = c->word;
	bool wide = w == 8;
	size_t ehsize = wide ? 64 : 52, phsize = wide ? 56 : 32, shsize = wide ? 64 : 40;
	struct core_bytes b = { .big = c->big };
	const uint8_t ident[16] = { 0x7f, 'E', 'L', 'F', wide ? 2 : 1, c->big ? 2 : 1, 1 };
	core_copy(&b, ident, 16);
	core_put(&b, c->type ? c->type : 4, 2); /* ET_CORE */
	core_put(&b, wide ? 62 : 3, 2);
	core_put(&b, 1, 4);
	core_pad(&b, ehsize - b.n);
	size_t nph = c->nsegments + 1;
	core_set(&b, wide ? 32 : 28, ehsize, w);	/* e_phoff */
	core_set(&b, wide ? 52 : 40, ehsize, 2);	/* e_ehsize */
	core_set(&b, wide ? 54 : 42, phsize, 2);	/* e_phentsize */
	core_set(&b, wide ? 56 : 44, c->xnum ? 0xffff : nph, 2);
	core_pad(&b, nph * phsize);
	if (c->xnum) {
		core_set(&b, wide ? 40 : 32, b.n, w);	/* e_shoff */
		core_set(&b, wide ? 58 : 46, shsize, 2); /* e_shentsize */
		core_set(&b, wide ? 60 : 48, 1, 2);	/* e_shnum */
		size_t at = b.n;
		core_pad(&b, shsize);
		core_set(&b, at + (wide ? 44 : 28), nph, 4); /* sh_info */
	}
	size_t notes = b.n;
	core_notes(&b, c);
	core_phdr(&b, ehsize, w, 4, 0, notes, 0, b.n - notes, 0);
	for (size_t i = 0; i < c->nsegments; i++) {
		const struct core_segment *s = &c->segments[i];
		core_pad(&b, (size_t)(-b.n & 15));
		core_phdr(&b, ehsize + (i + 1) * phsize, w, 1, s->flags, b.n, s->vaddr, s->filesz, s->memsz);
		if (s->bytes)
			core_copy(&b, s->bytes, (size_t)s->filesz);
	}
	*len = b.n;
	return b.p;
}

static inline void core_write(const struct corefile *c, const char *path)
{
	size_t len;
	uint8_t *p = core_build(c, &len);
	unit_write(path, p, len);
	free(p);
}

/* The fake Python process as a core; as GCORE writes it, or the kernel. */
static inline struct corefile core_of_process(struct process *p, bool gcore)
{
	size_t used = (p->m.used + 4095) / 4096 * 4096;
	struct corefile c = { .word = p->m.word, .big = p->m.big, .pid = 4242, .signal = 6, .page = gcore ? 1 : 4096 };
	uint64_t unit = gcore ? 4096 : 1;
	c.segments[c.nsegments++] = (struct core_segment) { IMG_DATA, p->m.data_size, p->m.data_size, 6, p->m.data };
	c.segments[c.nsegments++] = (struct core_segment) { IMG_EXE, 4096, 4096, 5, p->m.exe };
	c.segments[c.nsegments++] = (struct core_segment) { IMG_HEAP, used, p->m.used, 6, p->m.heap }; /* the last one: cut first */
	c.maps[c.nmaps++] = (struct core_map) { IMG_EXE, IMG_EXE + 4096, 0, "/fake/bin/python3" };
	c.maps[c.nmaps++] = (struct core_map) { IMG_DATA, IMG_DATA + p->m.data_size, 1 * unit, "/fake/bin/python3" };
	return c;
}
#endif
