/*
 * The walk over a table's chains. A trace is three dependent cache misses away (bucket, entry, trace_t), so chains are
 * followed many at a time: while one batch is read, the next is on its way from memory.
 */
#include "tm/walk.h"
#include "tm/bytes.h"
#include <string.h>

enum {
	HEADS = 1 << 16, /* bucket heads looked at in one piece */
	HOPELESS = 1024, /* wrong entries after which a table that is mostly wrong is given up */
	SLACK = 2,	 /* entries over the table's own count before it is called endless */
};

/* How this table's entries look, as constants where the compiler can use them. */
struct shape {
	unsigned word;
	bool big;
	bool pointers; /* key and value are pointers (3.9+), else both lie inline */
	bool traces;
};

struct chain {
	uint64_t addr, bucket;
	const uint8_t *p; /* the entry, when it lies here in one piece */
};

struct pending {
	uint64_t address, value;
	const uint8_t *p; /* the trace_t */
	uint32_t domain;
};

struct run {
	struct tm_walk *w;
	const struct tm_table *table;
	struct tm_tally_of_walk *tally;
	uint32_t domain;
	size_t entry_size; /* bytes read of an entry */
	struct chain chains[TM_BATCH];
	size_t nchains;
	struct pending pending[TM_BATCH];
	size_t npending;
	struct tm_raw_trace traces[TM_BATCH];
	struct tm_entry entries[TM_BATCH];
};

static uint64_t word_at(const uint8_t *p, struct shape s)
{
	return tm_load_word(p, s.word, s.big);
}

static void lost(struct run *r, uint64_t addr, uint64_t *missing)
{
	struct tm_tally_of_walk *t = r->tally;
	if (tm_walk_why(r->w, addr) == TM_SEEN_MISSING) {
		++*missing;
		t->missing_at = addr;
	} else {
		t->bad++;
		t->bad_at = addr;
	}
}

/* The rare entry that straddles two spans, or is not there at all. */
static const uint8_t *copied(struct run *r, uint64_t addr, size_t size, uint8_t *buf)
{
	if (tm_memory_read(&r->w->target->memory, addr, buf, size) == size)
		return buf;
	lost(r, addr, &r->tally->missing);
	return NULL;
}

static inline __attribute__((always_inline)) void push_chain(struct run *r, uint64_t addr, uint64_t bucket)
{
	struct chain *c = &r->chains[r->nchains++];
	c->addr = addr;
	c->bucket = bucket;
	c->p = tm_memory_at(&r->w->target->memory, &r->w->hint_entry, addr, r->entry_size);
	__builtin_prefetch(c->p);
}

/* Reads the trace_t's that the last batch of entries pointed to. */
static inline __attribute__((always_inline)) size_t read_traces(struct run *r, struct shape s)
{
	const struct tm_layout *l = r->w->layout;
	size_t n = 0;
	for (size_t i = 0; i < r->npending; i++) {
		const struct pending *q = &r->pending[i];
		uint8_t buf[16];
		const uint8_t *p = q->p ? q->p : copied(r, q->value, l->trace.sizeof_, buf);
		if (!p)
			continue;
		r->traces[n++] = (struct tm_raw_trace) { q->address, word_at(p + (s.pointers ? 0 : l->trace.size), s),
			word_at(p + (s.pointers ? s.word : l->trace.traceback), s), q->domain };
	}
	r->npending = 0;
	return n;
}

/* Is this entry's hash the hash of its key? Only traces' keys can be hashed without reading on. */
static inline __attribute__((always_inline)) bool hash_fits(uint64_t hash, uint64_t key, uint32_t domain, bool with_domain,
	struct shape s)
{
	uint64_t h = tm_hash_pointer(key, s.word, !s.pointers);
	if (with_domain)
		h ^= domain;
	return hash == h;
}

/* Reads the batch of entries; the chains' next ones are the new batch. */
static inline __attribute__((always_inline)) size_t read_entries(struct run *r, struct shape s)
{
	const struct tm_layout *l = r->w->layout;
	struct tm_memory *m = &r->w->target->memory;
	uint64_t mask = r->table->nbuckets - 1;
	bool with_domain = !s.pointers && r->table->key_size > s.word;
	size_t nchains = r->nchains, n = 0;
	r->nchains = 0;
	for (size_t i = 0; i < nchains; i++) {
		struct chain c = r->chains[i];
		uint8_t buf[64];
		const uint8_t *p = c.p ? c.p : copied(r, c.addr, r->entry_size, buf);
		if (!p)
			continue;
		uint64_t next = word_at(p, s), hash = word_at(p + s.word, s), key = word_at(p + 2 * s.word, s);
		if (__builtin_expect((hash & mask) != c.bucket, 0)) {
			r->tally->misplaced++;
			r->tally->bad_at = c.addr;
			continue; /* what follows is not of this bucket either */
		}
		if (++r->tally->walked > r->table->nentries + SLACK) {
			r->tally->endless = true;
			return n;
		}
		if (next)
			push_chain(r, next, c.bucket);
		uint32_t domain = with_domain ? tm_load32(p + 3 * s.word, s.big) : r->domain;
		if (s.traces && __builtin_expect(!hash_fits(hash, key, domain, with_domain, s), 0)) {
			r->tally->bad_hash++;
			r->tally->bad_at = c.addr;
		}
		if (!s.traces) {
			r->entries[n++] = (struct tm_entry) { key, hash, s.pointers ? word_at(p + 3 * s.word, s) : 0 };
		} else if (s.pointers) {
			struct pending *q = &r->pending[r->npending++];
			q->address = key;
			q->domain = domain;
			q->value = word_at(p + 3 * s.word, s);
			q->p = tm_memory_at(m, &r->w->hint_trace, q->value, 2 * s.word);
			__builtin_prefetch(q->p);
		} else {
			const uint8_t *d = p + l->entry.key + r->table->key_size;
			r->traces[n++] = (struct tm_raw_trace) { key, word_at(d + l->trace.size, s),
				word_at(d + l->trace.traceback, s), domain };
		}
	}
	return n;
}

static inline __attribute__((always_inline)) struct tm_error *run(struct run *r, struct shape s, tm_traces_fn *traces,
	tm_entries_fn *entries, void *ctx)
{
	const struct tm_table *table = r->table;
	struct tm_memory *m = &r->w->target->memory;
	const uint8_t *heads = NULL;
	uint64_t bucket = 0, first = 0, nheads = 0, polled = 0;
	struct tm_error *err;
	for (;;) {
		/* Fill the batch up with new chains. */
		while (r->nchains < TM_BATCH && bucket < table->nbuckets) {
			if (bucket == first + nheads) {
				uint64_t want = table->nbuckets - bucket < HEADS ? table->nbuckets - bucket : HEADS;
				size_t have;
				heads = tm_memory_view(m, table->buckets + bucket * s.word, (size_t)want * s.word, &have);
				first = bucket;
				nheads = have / s.word;
				if (!nheads) { /* on to the next page */
					uint64_t at = table->buckets + bucket * s.word, skip = (TM_PAGE - at % TM_PAGE + s.word - 1) / s.word;
					if (skip > table->nbuckets - bucket)
						skip = table->nbuckets - bucket;
					r->tally->missing_buckets += skip;
					r->tally->missing_at = at;
					first = bucket += skip;
					continue;
				}
			}
			uint64_t stop = first + nheads;
			const uint8_t *p = heads + (bucket - first) * s.word;
			for (; bucket < stop && r->nchains < TM_BATCH; bucket++, p += s.word) {
				uint64_t head = word_at(p, s);
				if (head)
					push_chain(r, head, bucket);
			}
		}
		/* Meanwhile the entries are on their way: read what the batch before them pointed to. */
		size_t n = s.traces && s.pointers ? read_traces(r, s) : 0;
		if (n && (err = traces(ctx, r->traces, n)))
			return err;
		if (!r->nchains)
			return NULL;
		n = read_entries(r, s);
		if (n && (err = s.traces ? traces(ctx, r->traces, n) : entries(ctx, r->entries, n)))
			return err;
		if (r->tally->endless)
			return NULL;
		if (__builtin_expect(r->tally->bad + r->tally->bad_hash > HOPELESS, 0) &&
		    r->tally->bad + r->tally->bad_hash > r->tally->walked / 2)
			return tm_error_new(TM_ERR_CORRUPT, "most entries of the table at 0x%llx cannot be right",
				(unsigned long long)table->addr);
		if (r->tally->walked - polled >= 1 << 17) {
			polled = r->tally->walked;
			err = tm_poll(&r->w->target->poll, "reading traces", polled, table->nentries);
			if (err)
				return err;
		}
	}
}

static struct tm_error *dispatch(struct tm_walk *w, const struct tm_table *table, uint32_t domain, tm_traces_fn *traces,
	tm_entries_fn *entries, void *ctx, struct tm_tally_of_walk *tally)
{
	const struct tm_layout *l = w->layout;
	bool pointers = l->entry.value != TM_NONE, big = w->target->memory.big;
	struct run r = { .w = w, .table = table, .tally = tally, .domain = domain,
		.entry_size = pointers ? 4u * l->word : 2u * l->word + (size_t)table->key_size + (size_t)table->data_size };
	if (traces && !pointers && table->data_size != l->trace.sizeof_)
		return tm_error_new(TM_ERR_CORRUPT, "the table at 0x%llx holds no traces", (unsigned long long)table->addr);
	/* The common case with its numbers as constants; everything else by the same code. */
	if (traces && pointers && l->word == 8 && big == TM_HOST_BIG)
		return run(&r, (struct shape) { 8, TM_HOST_BIG, true, true }, traces, entries, ctx);
	return run(&r, (struct shape) { l->word, big, pointers, traces != NULL }, traces, entries, ctx);
}

struct tm_error *tm_walk_entries(struct tm_walk *w, const struct tm_table *table, tm_entries_fn *fn, void *ctx,
	struct tm_tally_of_walk *tally)
{
	return dispatch(w, table, 0, NULL, fn, ctx, tally);
}

struct tm_error *tm_walk_traces(struct tm_walk *w, const struct tm_table *table, uint32_t domain, tm_traces_fn *fn,
	void *ctx, struct tm_tally_of_walk *tally)
{
	return dispatch(w, table, domain, fn, NULL, ctx, tally);
}
