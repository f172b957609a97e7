/* Candidates from symbols, from the cookie of _Py_DebugOffsets and from debug files. None of them is trusted. */
#include "find.h"
#include "tm/bytes.h"
#include "tm/dwarf_layout.h"
#include "tm/elffile.h"
#include <string.h>

const char *const tm_source_names[] = { [TM_BY_SYMBOLS] = "symbols",
	[TM_BY_COOKIE] = "cookie",
	[TM_BY_SCAN] = "scan",
	[TM_BY_DEBUG_INFO] = "debug info" };

enum {
	MOST_DATA = 512 << 20, /* bytes of one module's writable memory that are looked through */
	MOST_RUNTIME = 4 << 20,  /* sizeof(_PyRuntime) */
	PIECE = 1 << 20, OVERLAP = 512,
	MOST_PYTHONS = 64,
	MOST_CANDIDATES = 256,
};

void tm_finder_deinit(struct tm_finder *f)
{
	for (size_t i = 0; i < f->layouts.n; i++)
		free(f->layouts.items[i]);
	tm_array_free(&f->layouts);
	tm_array_free(&f->pythons);
	tm_array_free(&f->candidates);
	tm_text_free(&f->tried);
}

/* The numbers alone: where they came from does not matter. */
static bool same_layout(const struct tm_layout *a, const struct tm_layout *b)
{
	size_t from = offsetof(struct tm_layout, table);
	return a == b || (a->word == b->word && a->root == b->root && a->lock_kind == b->lock_kind && a->filename_kind == b->filename_kind &&
		memcmp((const char *)a + from, (const char *)b + from, sizeof *a - from) == 0);
}

struct tm_error *tm_add_candidate(struct tm_finder *f, struct tm_candidate c)
{
	c.sources = 1u << c.source;
	for (size_t i = 0; i < f->candidates.n; i++) {
		struct tm_candidate *have = &f->candidates.items[i];
		if (have->traces == c.traces && have->tracebacks == c.tracebacks && have->filenames == c.filenames &&
		    same_layout(have->layout, c.layout)) {
			have->sources |= c.sources;
			return NULL;
		}
	}
	if (f->candidates.n >= MOST_CANDIDATES)
		return NULL;
	return tm_array_push(&f->candidates, c) ? NULL : tm_error_nomem();
}

typedef struct tm_error *data_fn(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len);

static struct tm_error *each_piece(struct tm_finder *f, uint64_t start, uint64_t end, data_fn *fn, void *ctx)
{
	for (uint64_t at = start; at < end;) {
		/* Pieces overlap: what is looked for may lie across the end of one. */
		size_t have, want = (size_t)(end - at < PIECE + OVERLAP ? end - at : PIECE + OVERLAP);
		const uint8_t *p = tm_memory_view(&f->target->memory, at, want, &have);
		if (!have) {
			at = (at | (TM_PAGE - 1)) + 1;
			continue;
		}
		struct tm_error *err = fn(f, ctx, at, p, have);
		if (!err)
			err = tm_poll(&f->target->poll, "looking for tables", at - start, end - start);
		if (err)
			return err;
		at += have > PIECE ? PIECE : have;
	}
	return NULL;
}

/* Without the module's program headers (cores may lack them), its writable mappings and the anonymous one behind each. */
static struct tm_error *each_mapping(struct tm_finder *f, const struct tm_module *m, data_fn *fn, void *ctx)
{
	const struct tm_target *t = f->target;
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		if (!(r->prot & TM_WRITE) || r->end - r->start > MOST_DATA)
			continue;
		bool behind = i && !r->path && r[-1].end == r->start && r[-1].path && strcmp(r[-1].path, m->path) == 0;
		if (behind || (r->path && strcmp(r->path, m->path) == 0))
			err = each_piece(f, r->start, r->end, fn, ctx);
	}
	return err;
}

struct tm_error *tm_each_data(struct tm_finder *f, const struct tm_module *m, data_fn *fn, void *ctx)
{
	struct tm_error *err = m->nsegments ? NULL : each_mapping(f, m, fn, ctx);
	for (unsigned i = 0; !err && i < m->nsegments; i++) {
		const struct tm_segment *s = &m->segments[i];
		if (s->prot & TM_WRITE && s->end - s->start <= MOST_DATA)
			err = each_piece(f, s->start, s->end, fn, ctx);
	}
	return err;
}

/* ---- which modules hold an interpreter ---- */

static void take_symbols(struct tm_target *t, struct tm_python *p, struct tm_elffile *file)
{
	struct tm_symbol symbols[TM_NGLOBALS];
	for (int i = 0; i < TM_NGLOBALS; i++)
		symbols[i] = (struct tm_symbol) { .name = tm_global_names[i] };
	tm_elffile_symbols(file, symbols, TM_NGLOBALS);
	for (int i = 0; i < TM_NGLOBALS; i++)
		if (symbols[i].found && !p->globals[i])
			p->globals[i] = symbols[i].value + p->module->bias;
	if (symbols[TM_GLOBAL_RUNTIME].found && !p->runtime) {
		p->runtime = p->globals[TM_GLOBAL_RUNTIME];
		p->runtime_size = symbols[TM_GLOBAL_RUNTIME].size;
	}
	uint32_t version;
	if (!p->hexversion && p->globals[TM_GLOBAL_VERSION] &&
	    tm_memory_u32(&t->memory, p->globals[TM_GLOBAL_VERSION], &version) && version >> 24 == 3)
		p->hexversion = version;
	p->debug = p->globals[TM_GLOBAL_DEBUG_BUILD] || p->globals[TM_GLOBAL_DEBUG_BUILD_36];
	p->build_known = true;
	p->config = p->globals[TM_GLOBAL_CONFIG] ? p->globals[TM_GLOBAL_CONFIG] : p->globals[TM_GLOBAL_STATIC_CONFIG];
}

static bool has_interpreter(const struct tm_python *p)
{
	return p->globals[TM_GLOBAL_RUNTIME] || p->globals[TM_GLOBAL_CONFIG] || p->globals[TM_GLOBAL_TRACES] ||
		p->globals[TM_GLOBAL_TRACK] || p->globals[TM_GLOBAL_TRACK_36];
}

/* Reads the head of _Py_DebugOffsets at ADDR; false when there is none. */
static bool read_cookie(struct tm_target *t, uint64_t addr, struct tm_python *p)
{
	uint8_t b[32];
	bool big = t->memory.big;
	if (tm_memory_read(&t->memory, addr, b, sizeof b) != sizeof b || memcmp(b, TM_COOKIE, 8))
		return false;
	uint64_t version = tm_load64(b + TM_COOKIE_VERSION, big), ft = tm_load64(b + TM_COOKIE_FREE_THREADED, big);
	uint64_t size = tm_load64(b + TM_COOKIE_RUNTIME_SIZE, big);
	if (version >> 24 != 3 || version < TM_COOKIE_SINCE || ft > 1 || size < 1024 || size > MOST_RUNTIME)
		return false;
	p->runtime = addr;
	p->runtime_size = size;
	p->hexversion = (uint32_t)version;
	p->free_threaded = ft;
	return true;
}

/* Looks for the cookie in writable memory (a copy of it lies in the code, too). */
static struct tm_error *look_for_cookie(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	struct tm_python *python = ctx;
	for (const uint8_t *q = p; !python->runtime && (q = memmem(q, len - (size_t)(q - p), TM_COOKIE, 8)); q++)
		read_cookie(f->target, addr + (uint64_t)(q - p), python);
	return NULL;
}

/* "3.11.7 (main, ..." */
struct version_text {
	char *buf;
	uint32_t hexversion;
};

static bool parse_version(const char *s, const char *end, struct version_text *v)
{
	unsigned n[2] = { 0, 0 };
	const char *p = s + 2;
	for (int i = 0; i < 2; i++) {
		const char *digits = p;
		while (p < end && p - digits < 3 && *p >= '0' && *p <= '9')
			n[i] = n[i] * 10 + (unsigned)(*p++ - '0');
		if (p == digits || (i == 0 && (p >= end || *p++ != '.')))
			return false;
	}
	size_t number = (size_t)(p - s);
	while (p < end && (*p == '+' || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9'))) /* rc1, + */
		p++;
	if (n[0] > 99 || n[1] > 99 || (size_t)(p - s) > 24 || end - p < 3)
		return false;
	static const char *const then[] = { " (", " experimental free-threading build (", " free-threading build (" };
	for (size_t i = 0; i < 3; i++) {
		size_t len = strlen(then[i]);
		if ((size_t)(end - p) > len && memcmp(p, then[i], len) == 0) {
			memcpy(v->buf, s, number);
			v->buf[number] = 0;
			v->hexversion = 3u << 24 | n[0] << 16 | n[1] << 8;
			return true;
		}
	}
	return false;
}

static struct tm_error *look_for_version(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	struct version_text *v = ctx;
	const char *end = (const char *)p + len;
	for (const char *q = (const char *)p; !v->hexversion && (q = memmem(q, (size_t)(end - q), "3.", 2)); q++)
		parse_version(q, end, v);
	return NULL;
}

bool tm_find_version_text(struct tm_finder *f, const struct tm_module *m, char buf[32], uint32_t *hexversion)
{
	struct version_text v = { .buf = buf };
	tm_error_free(tm_each_data(f, m, look_for_version, &v));
	*hexversion = v.hexversion;
	return v.hexversion != 0;
}

struct tm_error *tm_find_pythons(struct tm_finder *f)
{
	struct tm_target *t = f->target;
	for (size_t i = 0; i < t->modules.n && f->pythons.n < MOST_PYTHONS; i++) {
		struct tm_module *m = &t->modules.items[i];
		struct tm_python p = { .module = m };
		struct tm_elffile *file = tm_module_file(t, m);
		struct tm_error *err = tm_poll(&t->poll, "looking for Python", i, t->modules.n);
		if (err)
			return err;
		if (file)
			take_symbols(t, &p, file);
		if (p.runtime)
			read_cookie(t, p.runtime, &p);
		if (!file) { /* no file: does the memory look like an interpreter's? */
			char text[32];
			uint32_t version;
			if ((err = tm_each_data(f, m, look_for_cookie, &p)))
				return err;
			if (!p.runtime && !tm_find_version_text(f, m, text, &version))
				continue;
			if (!p.hexversion)
				p.hexversion = p.runtime ? p.hexversion : version;
		} else if (!has_interpreter(&p)) {
			continue;
		}
		if (!tm_array_push(&f->pythons, p))
			return tm_error_nomem();
	}
	return NULL;
}

/* ---- candidates ---- */

struct tm_candidate tm_runtime_candidate(const struct tm_layout *l, uint64_t addr, enum tm_source source,
	const struct tm_python *python)
{
	return (struct tm_candidate) { .layout = l, .source = source, .python = python, .state = addr, .config = addr,
		.traces = addr + l->runtime.traces, .tracebacks = addr + l->runtime.tracebacks,
		.filenames = addr + l->runtime.filenames, .domains = addr + l->runtime.domains,
		.traced = addr + l->runtime.traced, .peak = addr + l->runtime.peak, .lock = addr + l->runtime.lock,
		.empty = addr + l->runtime.empty };
}

static struct tm_error *globals_candidate(struct tm_finder *f, const struct tm_python *p, const struct tm_layout *l,
	enum tm_source source)
{
	const uint64_t *g = p->globals;
	return tm_add_candidate(f, (struct tm_candidate) { .layout = l, .source = source, .python = p,
		.config = p->config, .traces = g[TM_GLOBAL_TRACES], .tracebacks = g[TM_GLOBAL_TRACEBACKS],
		.filenames = g[TM_GLOBAL_FILENAMES], .domains = g[TM_GLOBAL_DOMAINS], .traced = g[TM_GLOBAL_TRACED],
		.peak = g[TM_GLOBAL_PEAK], .lock = g[TM_GLOBAL_LOCK], .empty = g[TM_GLOBAL_EMPTY] });
}

/* A row per layout that fits what is known of this Python; the judge tells them apart. */
static struct tm_error *by_globals(struct tm_finder *f, const struct tm_python *p, enum tm_source source)
{
	if (!p->globals[TM_GLOBAL_TRACES])
		return NULL;
	const struct tm_layout *l = NULL;
	uint16_t python = (uint16_t)(p->hexversion >> 16);
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && (l = tm_layout_for(python, f->target->memory.word, i)); i = (size_t)(l - tm_layouts) + 1)
		if (l->root == TM_ROOT_GLOBALS)
			err = globals_candidate(f, p, l, source);
	return err;
}

/* Stripped, but the configuration is exported (3.8-3.11): it can say that nothing is traced, though not where the tables are. */
static struct tm_error *by_config(struct tm_finder *f, const struct tm_python *p)
{
	const struct tm_layout *l = tm_layout_for((uint16_t)(p->hexversion >> 16), f->target->memory.word, 0);
	if (!l || l->root != TM_ROOT_GLOBALS || !p->globals[TM_GLOBAL_CONFIG] || p->globals[TM_GLOBAL_TRACES])
		return NULL;
	return globals_candidate(f, p, l, TM_BY_SYMBOLS);
}

/* Do the words at ADDR look like the state: config, allocators, tables? All four tables, or none yet. */
static bool state_plausible(struct tm_target *t, const struct tm_layout *l, uint64_t addr, bool searched)
{
	uint8_t b[256];
	bool big = t->memory.big;
	if (l->runtime.sizeof_ > sizeof b || tm_memory_read(&t->memory, addr, b, l->runtime.sizeof_) != l->runtime.sizeof_)
		return false;
	if (!tm_config_plausible((int32_t)tm_load32(b, big), (int32_t)tm_load32(b + 4, big), (int32_t)tm_load32(b + 8, big)))
		return false;
	static const int words[] = { 18, 20, 21, 22 }; /* filenames, tracebacks, traces, domains */
	int tables = 0;
	for (int i = 0; i < 4; i++) {
		uint64_t table = tm_load_word(b + l->runtime.allocators + words[i] * l->word, l->word, big);
		if (!table)
			continue;
		if (table % l->word || tm_target_presence(t, table) == TM_UNMAPPED)
			return false;
		tables++;
	}
	/* Never imported: nothing but a known place tells this from zeroes. */
	return tables == 4 || (!tables && !searched && tm_load32(b, big) == 0);
}

static struct tm_error *by_runtime(struct tm_finder *f, const struct tm_python *p, enum tm_source source)
{
	struct tm_target *t = f->target;
	uint16_t python = (uint16_t)(p->hexversion >> 16);
	if (!p->runtime || p->free_threaded)
		return NULL;
	const struct tm_layout *l = NULL;
	for (size_t i = 0; (l = tm_layout_for(python, t->memory.word, i)); i = (size_t)(l - tm_layouts) + 1) {
		if (l->root != TM_ROOT_RUNTIME)
			continue;
		size_t before = f->candidates.n;
		struct tm_error *err = NULL;
		for (size_t k = 0; !err && k < tm_nruntime_hints; k++) {
			const struct tm_runtime_hint *h = &tm_runtime_hints[k];
			if (h->python >= l->first && h->python <= l->last && (!python || h->python == python) &&
			    h->word == l->word && (!p->build_known || h->debug == p->debug) &&
			    (!p->runtime_size || h->offset + l->runtime.sizeof_ <= p->runtime_size) &&
			    state_plausible(t, l, p->runtime + h->offset, false))
				err = tm_add_candidate(f, tm_runtime_candidate(l, p->runtime + h->offset, source, p));
		}
		/* Another micro release: the same shape, elsewhere. */
		uint64_t size = p->runtime_size > MOST_RUNTIME ? 0 : p->runtime_size;
		for (uint64_t off = 0; !err && f->candidates.n == before && off + l->runtime.sizeof_ <= size; off += l->word) {
			struct tm_candidate c = tm_runtime_candidate(l, p->runtime + off, source, p);
			c.searched = true;
			if (state_plausible(t, l, c.state, true))
				err = tm_add_candidate(f, c);
		}
		if (err)
			return err;
	}
	return NULL;
}

struct tm_error *tm_find_by_symbols(struct tm_finder *f)
{
	for (size_t i = 0; i < f->pythons.n; i++) {
		const struct tm_python *p = &f->pythons.items[i];
		struct tm_error *err = by_globals(f, p, TM_BY_SYMBOLS);
		if (!err)
			err = by_config(f, p);
		if (!err && p->globals[TM_GLOBAL_RUNTIME])
			err = by_runtime(f, p, TM_BY_SYMBOLS);
		if (err)
			return err;
	}
	return NULL;
}

struct tm_error *tm_find_by_cookie(struct tm_finder *f)
{
	for (size_t i = 0; i < f->pythons.n; i++) {
		struct tm_python p = f->pythons.items[i];
		struct tm_error *err = NULL;
		if (p.globals[TM_GLOBAL_RUNTIME] && !f->verify)
			continue; /* found by its name already */
		if (p.globals[TM_GLOBAL_RUNTIME])
			p.runtime = 0;
		if (!p.runtime)
			err = tm_each_data(f, p.module, look_for_cookie, &p);
		if (!err && p.runtime) {
			f->pythons.items[i].runtime = p.runtime;
			f->pythons.items[i].runtime_size = p.runtime_size;
			f->pythons.items[i].hexversion = p.hexversion;
			f->pythons.items[i].free_threaded = p.free_threaded;
			err = by_runtime(f, &f->pythons.items[i], TM_BY_COOKIE);
		}
		if (err)
			return err;
	}
	return NULL;
}

/* Numbers from the debug info of FILE, for a Python that no row fits as well as for one that a row does. */
static struct tm_error *by_dwarf(struct tm_finder *f, const struct tm_python *p, struct tm_elffile *file)
{
	uint16_t python = (uint16_t)(p->hexversion >> 16);
	const struct tm_layout *base = tm_layout_for(python, f->target->memory.word, 0);
	for (size_t i = 0; !base && i < tm_nlayouts; i++) /* newer than the newest row: the nearest one */
		if (tm_layouts[i].word == f->target->memory.word && (i + 1 == tm_nlayouts || tm_layouts[i + 1].word != tm_layouts[i].word))
			base = &tm_layouts[i];
	Dwarf *dwarf = base ? tm_elffile_dwarf(file) : NULL;
	struct tm_dwarf_layout *d = dwarf ? malloc(sizeof *d) : NULL;
	struct tm_layout *l = d ? malloc(sizeof *l) : NULL;
	if (!l || !tm_dwarf_layout_read(dwarf, base, d)) {
		bool nomem = dwarf && !l;
		free(d);
		free(l);
		return nomem ? tm_error_nomem() : NULL;
	}
	*l = d->layout;
	bool runtime = d->has_runtime;
	uint32_t offset = d->runtime_offset;
	free(d);
	if (!tm_array_push(&f->layouts, l)) {
		free(l);
		return tm_error_nomem();
	}
	if (l->root == TM_ROOT_RUNTIME && runtime && p->runtime)
		return tm_add_candidate(f, tm_runtime_candidate(l, p->runtime + offset, TM_BY_DEBUG_INFO, p));
	if (l->root == TM_ROOT_GLOBALS && p->globals[TM_GLOBAL_TRACES])
		return globals_candidate(f, p, l, TM_BY_DEBUG_INFO);
	return NULL;
}

struct tm_error *tm_find_by_debug_info(struct tm_finder *f)
{
	for (size_t i = 0; i < f->pythons.n; i++) {
		struct tm_python *p = &f->pythons.items[i];
		struct tm_elffile *debug = tm_module_debug(f->target, p->module), *file = tm_module_file(f->target, p->module);
		struct tm_error *err = tm_poll(&f->target->poll, "reading debug info", i, f->pythons.n);
		if (!err && debug) {
			take_symbols(f->target, p, debug);
			err = by_dwarf(f, p, debug);
			if (!err)
				err = by_globals(f, p, TM_BY_DEBUG_INFO);
			if (!err)
				err = by_runtime(f, p, TM_BY_DEBUG_INFO);
		}
		if (!err && file)
			err = by_dwarf(f, p, file);
		if (err)
			return err;
	}
	return NULL;
}

bool tm_find_more(struct tm_finder *f, struct tm_error **err)
{
	/* By cost: a debug file's symbol table is read faster than memory is scanned, but it is rarely there. */
	static const struct {
		size_t done;
		struct tm_error *(*find)(struct tm_finder *f);
	} sources[] = { { offsetof(struct tm_finder, symbols_done), tm_find_by_symbols },
		{ offsetof(struct tm_finder, cookie_done), tm_find_by_cookie },
		{ offsetof(struct tm_finder, scan_done), tm_find_by_scan },
		{ offsetof(struct tm_finder, debug_done), tm_find_by_debug_info } };
	*err = NULL;
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
		bool *done = (bool *)((char *)f + sources[i].done);
		if (*done)
			continue;
		*done = true;
		*err = sources[i].find(f);
		return true;
	}
	return false;
}
