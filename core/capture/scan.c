/*
 * The structural scan: most interpreters are stripped, but their data still points at tables of an unmistakable shape. Every
 * word of the writable module memory is a possible pointer to a _Py_hashtable_t; a handful pass, and their arrangement
 * tells which is which. The judge has the last word.
 */
#include "find.h"
#include "tm/bytes.h"

enum {
	REACH = 0x120,	/* the static variables of one object file lie this close together */
	MOST_HITS = 4096,
	MOST_TABLE = 256, /* bytes */
};

/* What a table holds, by a sample. */
enum content { UNKNOWN, EMPTY, TRACES, TRACEBACKS, FILENAMES, DOMAINS, OTHER };

struct hit {
	uint64_t at;	/* address of the pointer */
	uint64_t table; /* what it points to */
	bool old;	/* shape of ≤ 3.8 */
	enum content content;
};

struct scan {
	const struct tm_layout *shapes[2]; /* one row of each shape: 3.9+, ≤ 3.8 */
	uint64_t low, high;		   /* bounds of writable memory */
	unsigned hint;
	TM_ARRAY(struct hit) hits;
};

/* Where no map is known, only reading tells. */
static bool writable(struct tm_target *t, uint64_t addr)
{
	const struct tm_region *r = tm_target_region(t, addr);
	if (t->regions.n)
		return r && r->prot & (TM_WRITE | TM_PROT_UNKNOWN);
	return tm_target_presence(t, addr) == TM_PRESENT;
}

static bool shaped(struct tm_target *t, const struct tm_layout *l, const uint8_t *p)
{
	bool big = t->memory.big;
	unsigned w = l->word;
	uint64_t n = tm_load_word(p + l->table.nentries, w, big), nb = tm_load_word(p + l->table.nbuckets, w, big);
	if (nb < 16 || nb > 1ull << 40 || (nb & (nb - 1)) || n > nb)
		return false;
	if (l->table.key_size != TM_NONE) {
		uint64_t key = tm_load_word(p + l->table.key_size, w, big), data = tm_load_word(p + l->table.data_size, w, big);
		if (key < w || key > w + 4u || data > 2 * w)
			return false;
	}
	uint64_t buckets = tm_load_word(p + l->table.buckets, w, big);
	/* In no memory at all: freed by a resize. The judge asks all the more of the rest. */
	if (!buckets || buckets % w || (!writable(t, buckets) && tm_target_presence(t, buckets) != TM_UNMAPPED))
		return false;
	for (unsigned i = 0; i < l->table.nfunctions; i++) {
		uint64_t fn = tm_load_word(p + l->table.functions + i * w, w, big);
		bool optional = l->table.optional_functions >> i & 1;
		if (!(fn == 0 && optional) && !tm_target_executable(t, fn))
			return false;
	}
	return true;
}

/* The table at ADDR, or NULL. COPY is for one that straddles two spans. */
static const uint8_t *table_at(struct tm_memory *m, struct scan *s, uint64_t addr, size_t size, uint8_t copy[MOST_TABLE])
{
	const uint8_t *table = tm_memory_at(m, &s->hint, addr, size);
	if (!table && size <= MOST_TABLE && tm_memory_read(m, addr, copy, size) == size)
		return copy;
	return table;
}

static struct tm_error *look(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	uint8_t copy[MOST_TABLE];
	struct scan *s = ctx;
	struct tm_target *t = f->target;
	unsigned w = t->memory.word;
	for (size_t off = (size_t)(-addr & (w - 1)); off + w <= len; off += w) {
		uint64_t v = tm_load_word(p + off, w, t->memory.big);
		if (v < s->low || v >= s->high || v % w || !writable(t, v))
			continue;
		for (int k = 0; k < 2; k++) {
			const struct tm_layout *l = s->shapes[k];
			const uint8_t *table = table_at(&t->memory, s, v, l->table.size, copy);
			if (!table || !shaped(t, l, table))
				continue;
			if (s->hits.n < MOST_HITS && !tm_array_push(&s->hits, ((struct hit) { addr + off, v, k == 1, UNKNOWN })))
				return tm_error_nomem();
		}
	}
	return NULL;
}

static const struct hit *hit_at(const struct scan *s, uint64_t at)
{
	for (size_t i = 0; i < s->hits.n; i++)
		if (s->hits.items[i].at == at)
			return &s->hits.items[i];
	return NULL;
}

static bool same_shape(const struct scan *s, uint64_t at, bool old)
{
	const struct hit *h = hit_at(s, at);
	return h && h->old == old;
}

/* filenames, (scratch), tracebacks, traces, domains in the order of the runtime state. */
static struct tm_error *try_runtime(struct tm_finder *f, const struct scan *s, const struct hit *h, const struct tm_python *p)
{
	uint16_t python = p ? (uint16_t)(p->hexversion >> 16) : 0;
	const struct tm_layout *l = NULL;
	for (size_t i = 0; (l = tm_layout_for(python, f->target->memory.word, i)); i = (size_t)(l - tm_layouts) + 1) {
		if (l->root != TM_ROOT_RUNTIME)
			continue;
		uint64_t state = h->at - l->runtime.traces;
		uint32_t config[3];
		bool fits = same_shape(s, state + l->runtime.filenames, false) &&
			same_shape(s, state + l->runtime.tracebacks, false) && same_shape(s, state + l->runtime.domains, false);
		for (int k = 0; fits && k < 3; k++)
			fits = tm_memory_u32(&f->target->memory, state + 4u * (unsigned)k, &config[k]);
		if (!fits || !tm_config_plausible((int32_t)config[0], (int32_t)config[1], (int32_t)config[2]))
			continue;
		struct tm_error *err = tm_add_candidate(f, tm_runtime_candidate(l, state, TM_BY_SCAN, p));
		if (err)
			return err;
	}
	return NULL;
}

static struct tm_error *add_globals(struct tm_finder *f, bool old, const struct tm_python *p, struct tm_candidate c)
{
	uint16_t python = p ? (uint16_t)(p->hexversion >> 16) : 0;
	const struct tm_layout *l = NULL;
	for (size_t i = 0; (l = tm_layout_for(python, f->target->memory.word, i)); i = (size_t)(l - tm_layouts) + 1) {
		if (l->root != TM_ROOT_GLOBALS || (l->table.key_size != TM_NONE) != old)
			continue;
		c.layout = l;
		c.source = TM_BY_SCAN;
		c.python = p;
		c.config = p ? p->config : 0;
		struct tm_error *err = tm_add_candidate(f, c);
		if (err)
			return err;
	}
	return NULL;
}

/* The distances were seen between words of 8 bytes. */
static uint64_t apart(const struct hit *h, int16_t distance, unsigned word)
{
	return h->at + (uint64_t)((int64_t)distance * (int)word / 8);
}

/* Function I of the table that the hit at AT points to. */
static uint64_t function(struct tm_finder *f, const struct scan *s, uint64_t at, unsigned i)
{
	const struct hit *h = hit_at(s, at);
	const struct tm_layout *l = s->shapes[h->old];
	uint64_t fn = 0;
	tm_memory_word(&f->target->memory, h->table + l->table.functions + i * l->word, &fn);
	return fn;
}

/*
 * Empty tables look alike in every order but for their functions: that of traces alone finds its entries by pointer, compares keys as
 * that of domains does (Modules/_tracemalloc.c: tracemalloc_init() of 3.9-3.11), and before 3.9 holds data.
 */
static bool have_roles(struct tm_finder *f, const struct scan *s, const struct tm_candidate *c)
{
	const struct hit *h = hit_at(s, c->traces);
	const struct tm_layout *l = s->shapes[h->old];
	uint64_t size[3] = { 0 };
	if (h->old) {
		const uint64_t at[] = { c->traces, c->tracebacks, c->filenames };
		for (int i = 0; i < 3; i++)
			tm_memory_word(&f->target->memory, hit_at(s, at[i])->table + l->table.data_size, &size[i]);
		return size[0] == l->trace.sizeof_ && !size[1] && !size[2];
	}
	enum { GET_ENTRY, COMPARE = 2 };
	uint64_t generic = function(f, s, c->tracebacks, GET_ENTRY);
	return function(f, s, c->traces, GET_ENTRY) != generic && function(f, s, c->filenames, GET_ENTRY) == generic &&
		function(f, s, c->domains, GET_ENTRY) == generic && function(f, s, c->traces, COMPARE) == function(f, s, c->domains, COMPARE);
}

/* Static variables in an order that a linker was seen to make. */
static struct tm_error *try_statics(struct tm_finder *f, const struct scan *s, const struct hit *h, const struct tm_python *p,
	bool *fits)
{
	unsigned w = f->target->memory.word;
	for (size_t i = 0; i < tm_nstatics_hints; i++) {
		const struct tm_statics_hint *q = &tm_statics_hints[i];
		bool domains = !h->old;
		if (domains != (q->domains != 0) && i < 2) /* GCC's two rows differ in nothing else */
			continue;
		if (!same_shape(s, apart(h, q->tracebacks, w), h->old) || !same_shape(s, apart(h, q->filenames, w), h->old) ||
		    (domains && !same_shape(s, apart(h, q->domains, w), h->old)))
			continue;
		struct tm_candidate c = { .traces = h->at, .tracebacks = apart(h, q->tracebacks, w), .filenames = apart(h, q->filenames, w),
			.domains = domains ? apart(h, q->domains, w) : 0, .traced = apart(h, q->traced, w), .peak = apart(h, q->peak, w) };
		if (!have_roles(f, s, &c))
			continue;
		*fits = true;
		return add_globals(f, h->old, p, c);
	}
	return NULL;
}

/* ---- another linker: by what the tables hold ---- */

struct sample {
	struct tm_walk *w;
	size_t n;
	bool traces, tracebacks, filenames, domains;
};

static struct tm_error *sample(void *ctx, const struct tm_entry *e, size_t n)
{
	struct sample *s = ctx;
	const struct tm_layout *l = s->w->layout;
	struct tm_memory *m = &s->w->target->memory;
	for (size_t i = 0; i < n; i++, s->n++) {
		struct tm_raw_traceback tb;
		uint64_t hash = 0, traceback;
		s->traces = s->traces && e[i].value && e[i].hash == tm_hash_pointer(e[i].key, l->word, false) &&
			tm_memory_word(m, e[i].value + l->trace.traceback, &traceback) &&
			tm_walk_traceback(s->w, traceback, &tb) == TM_SEEN;
		s->tracebacks = s->tracebacks && !e[i].value && tm_memory_word(m, e[i].key, &hash) && hash == e[i].hash;
		s->filenames = s->filenames && !e[i].value &&
			tm_memory_word(m, e[i].key + l->str.hash, &hash) && hash == e[i].hash;
		s->domains = s->domains && e[i].value && e[i].hash == e[i].key && e[i].key <= UINT32_MAX;
	}
	return s->n >= 512 ? tm_error_new(TM_ERR_NOTFOUND, "enough") : NULL;
}

static enum content sampled(struct tm_finder *f, const struct tm_layout *l, uint64_t addr)
{
	struct tm_walk w;
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	tm_walk_init(&w, f->target, l);
	struct sample s = { .w = &w, .traces = true, .tracebacks = true, .filenames = true, .domains = true };
	struct tm_error *err = tm_table_load(&w, addr, &table);
	bool loaded = !err;
	if (loaded && table.nentries)
		err = tm_walk_entries(&w, &table, NULL, sample, &s, &tally);
	tm_error_free(err);
	tm_walk_deinit(&w);
	return !loaded ? OTHER
		: !s.n ? EMPTY
		: s.traces ? TRACES
		: s.domains ? DOMAINS
		: s.tracebacks ? TRACEBACKS
		: s.filenames ? FILENAMES
			      : OTHER;
}

/* Each is looked into once. */
static enum content content(struct tm_finder *f, const struct scan *s, struct hit *h)
{
	if (h->content == UNKNOWN)
		h->content = sampled(f, s->shapes[0], h->table);
	return h->content;
}

/* The others no further than REACH from the pointer to the traces. */
static struct tm_error *by_content(struct tm_finder *f, const struct scan *s, struct hit *h, const struct tm_python *p, uint64_t reach)
{
	if (h->old || content(f, s, h) != TRACES)
		return NULL;
	struct tm_candidate c = { .traces = h->at };
	uint64_t empty = 0;
	for (size_t i = 0; i < s->hits.n; i++) {
		struct hit *o = &s->hits.items[i];
		uint64_t distance = o->at > h->at ? o->at - h->at : h->at - o->at;
		if (o == h || o->old || distance > reach)
			continue;
		switch (content(f, s, o)) {
		case TRACEBACKS:
			c.tracebacks = o->at;
			break;
		case FILENAMES:
			c.filenames = o->at;
			break;
		case DOMAINS:
			c.domains = o->at;
			break;
		case EMPTY:
			empty = o->at;
			break;
		default:
			break;
		}
	}
	if (!c.domains)
		c.domains = empty; /* nothing else is empty while there are traces */
	return c.tracebacks && c.filenames && c.domains ? add_globals(f, false, p, c) : NULL;
}

/* Names the candidate's Python when symbols did not. */
static struct tm_error *scan_module(struct tm_finder *f, const struct tm_module *m, struct tm_python *p)
{
	struct scan s = { .low = UINT64_MAX };
	struct tm_target *t = f->target;
	size_t before = f->candidates.n;
	for (size_t i = 0; i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		if (!(r->prot & TM_WRITE))
			continue;
		s.low = r->start < s.low ? r->start : s.low;
		s.high = r->end > s.high ? r->end : s.high;
	}
	if (!t->regions.n) {
		s.low = 16 * TM_PAGE;
		s.high = t->memory.word == 8 ? 1ull << 56 : UINT32_MAX; /* no user space reaches further */
	}
	for (size_t i = 0; i < tm_nlayouts; i++)
		if (tm_layouts[i].word == t->memory.word)
			s.shapes[tm_layouts[i].table.key_size != TM_NONE] = &tm_layouts[i];
	if (p && !p->hexversion) {
		char text[32];
		tm_find_version_text(f, m, text, &p->hexversion);
	}
	struct tm_error *err = tm_each_data(f, m, look, &s);
	for (size_t i = 0; !err && i < s.hits.n; i++) {
		struct hit *h = &s.hits.items[i];
		bool fits = false;
		if (!h->old)
			err = try_runtime(f, &s, h, p);
		if (!err)
			err = try_statics(f, &s, h, p, &fits);
		if (!err && !fits)
			err = by_content(f, &s, h, p, REACH);
	}
	/* Link-time optimization may put them anywhere: Debian 12's libpython3.11 has 260 KiB between them. */
	for (size_t i = 0; !err && i < s.hits.n && f->candidates.n == before; i++)
		err = by_content(f, &s, &s.hits.items[i], p, UINT64_MAX);
	tm_array_free(&s.hits);
	return err;
}

struct tm_error *tm_find_by_scan(struct tm_finder *f)
{
	for (size_t i = 0; i < f->pythons.n; i++) {
		struct tm_error *err = scan_module(f, f->pythons.items[i].module, &f->pythons.items[i]);
		if (err)
			return err;
	}
	/* Nothing known to be Python: every module's data is worth a look. */
	for (size_t i = 0; !f->pythons.n && i < f->target->modules.n; i++) {
		struct tm_error *err = scan_module(f, &f->target->modules.items[i], NULL);
		if (err)
			return err;
	}
	return NULL;
}

/* ---- the limit ---- */

struct limits {
	const struct tm_layout *layout;
	uint32_t least, use_domain;
	uint32_t found; /* 0: nothing yet */
	bool differ;
};

static struct tm_error *look_for_limit(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	struct limits *s = ctx;
	bool big = f->target->memory.big;
	size_t size = s->layout->config.sizeof_;
	for (size_t off = (size_t)(-addr & 3); off + size <= len; off += 4) {
		const uint8_t *q = p + off;
		if (tm_load32(q, big) != 1 || tm_load32(q + s->layout->config.tracing, big) != 1)
			continue;
		uint32_t n = tm_load32(q + s->layout->config.max_nframe, big);
		if (n < s->least || n > UINT16_MAX)
			continue;
		if (s->layout->config.use_domain != TM_NONE && tm_load32(q + s->layout->config.use_domain, big) != s->use_domain)
			continue;
		s->differ |= s->found && s->found != n;
		s->found = n;
	}
	return NULL;
}

bool tm_find_limit(struct tm_finder *f, const struct tm_module *m, const struct tm_layout *l, uint32_t least, bool use_domain,
	uint32_t *ret)
{
	struct limits s = { .layout = l, .least = least, .use_domain = use_domain };
	tm_error_free(tm_each_data(f, m, look_for_limit, &s));
	*ret = s.found;
	return s.found && !s.differ;
}

/* ---- the total ---- */

struct totals {
	uint64_t sum, at;
	size_t n;
};

static struct tm_error *look_for_total(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	struct totals *s = ctx;
	unsigned w = f->target->memory.word;
	for (size_t off = (size_t)(-addr & (w - 1)); off + w <= len; off += w)
		if (tm_load_word(p + off, w, f->target->memory.big) == s->sum) {
			s->at = addr + off;
			s->n++;
		}
	return NULL;
}

bool tm_find_total(struct tm_finder *f, const struct tm_module *m, uint64_t sum, uint64_t *ret)
{
	enum { LEAST = 1 << 16 }; /* smaller numbers are everywhere */
	struct totals s = { .sum = sum };
	if (sum < LEAST)
		return false;
	tm_error_free(tm_each_data(f, m, look_for_total, &s));
	*ret = s.at;
	return s.n == 1;
}
