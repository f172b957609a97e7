/*
 * The walk over a table's chains. A trace is three dependent cache misses away (bucket, entry, trace_t), so chains are
 * followed many at a time: while one batch is read, the next is on its way from memory.
 */
#include "tm/walk.h"
#include "tm/bytes.h"
#include <string.h>

enum {
	PIECE = 1 << 15, /* buckets taken at once */
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
	uint64_t address;
	uint64_t value;		  /* address of the trace_t, where entries hold pointers */
	const uint8_t *p;	  /* the trace_t, when it lies here in one piece */
	uint64_t size, traceback; /* where entries hold it */
	uint32_t domain;
};

/* The span that the last access of a kind hit, when all of it lies in host memory: the fast road of tm_memory_at. */
struct window {
	uint64_t start, size;
	const uint8_t *host;
};

struct run {
	struct tm_walk *w;
	struct window entries_at, traces_at;
	const struct tm_table *table;
	struct tm_tally_of_walk *tally;
	uint32_t domain;
	size_t entry_size; /* bytes read of an entry */
	uint64_t *next;		    /* the first bucket that nobody has taken */
	uint64_t alone;		    /* stands for it where no other walk takes part */
	uint64_t bucket, heads_end; /* the next bucket; the one behind those whose heads are at hand */
	uint64_t end;		    /* the one behind the last of this piece */
	uint64_t work;		    /* besides entries */
	uint64_t most;		    /* entries that there can be: no more than are counted, or fit into the memory at hand */
	const uint8_t *heads;	    /* of BUCKET */
	struct chain chains[TM_BATCH];
	size_t nchains;
	struct pending pending[TM_BATCH];
	size_t npending;
	struct tm_raw_trace traces[TM_BATCH];
	struct tm_entry entries[TM_BATCH];
};

static __attribute__((noinline)) const uint8_t *look_up(struct tm_memory *m, struct window *w, unsigned *hint, uint64_t addr, size_t len)
{
	const uint8_t *p = tm_memory_at(m, hint, addr, len);
	const struct tm_span *s = &m->spans[*hint];
	if (p && !s->loaded)
		*w = (struct window) { s->start, s->size, s->host };
	return p;
}

static inline __attribute__((always_inline)) const uint8_t *at(struct tm_memory *m, struct window *w, unsigned *hint, uint64_t addr, size_t len)
{
	uint64_t off = addr - w->start;
	if (__builtin_expect(off < w->size && len <= w->size - off, 1))
		return w->host + off;
	return look_up(m, w, hint, addr, len);
}

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
	size_t n = tm_memory_read(&r->w->target->memory, addr, buf, size);
	if (n == size)
		return buf;
	lost(r, addr + n, &r->tally->missing);
	return NULL;
}

static inline __attribute__((always_inline)) void push_chain(struct run *r, uint64_t addr, uint64_t bucket)
{
	struct chain *c = &r->chains[r->nchains++];
	c->addr = addr;
	c->bucket = bucket;
	c->p = at(&r->w->target->memory, &r->entries_at, &r->w->hint_entry, addr, r->entry_size);
	__builtin_prefetch(c->p);
}

/* Reads the trace_t's that the last batch of entries pointed to. */
static inline __attribute__((always_inline)) size_t read_traces(struct run *r, struct shape s)
{
	size_t n = 0;
	for (size_t i = 0; i < r->npending; i++) {
		const struct pending *q = &r->pending[i];
		if (!s.pointers) {
			r->traces[n++] = (struct tm_raw_trace) { q->address, q->size, q->traceback, q->domain };
			continue;
		}
		uint8_t buf[16];
		const uint8_t *p = __builtin_expect(q->p != NULL, 1) ? q->p : copied(r, q->value, 2 * s.word, buf);
		if (p) /* trace_t: size, traceback; layout/rows.c is checked against this */
			r->traces[n++] = (struct tm_raw_trace) { q->address, word_at(p, s), word_at(p + s.word, s), q->domain };
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

/* Reads the batch of entries; the chains' next ones are the new batch. Entries of other tables than traces go to r->entries. */
static inline __attribute__((always_inline)) size_t read_entries(struct run *r, struct shape s)
{
	const struct tm_layout *l = r->w->layout;
	struct tm_memory *m = &r->w->target->memory;
	uint64_t mask = r->table->nbuckets - 1, walked = r->tally->walked, most = r->most;
	bool with_domain = !s.pointers && r->table->key_size > s.word;
	size_t nchains = r->nchains, n = 0;
	r->nchains = 0;
	for (size_t i = 0; i < nchains; i++) {
		struct chain c = r->chains[i];
		uint8_t buf[64];
		const uint8_t *p = __builtin_expect(c.p != NULL, 1) ? c.p : copied(r, c.addr, r->entry_size, buf);
		if (!p)
			continue;
		uint64_t next = word_at(p, s), hash = word_at(p + s.word, s), key = word_at(p + 2 * s.word, s);
		if (__builtin_expect((hash & mask) != c.bucket, 0)) {
			r->tally->misplaced++;
			r->tally->bad_at = c.addr;
			continue; /* what follows is not of this bucket either */
		}
		if (__builtin_expect(++walked > most, 0)) {
			r->tally->endless = true;
			break;
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
			continue;
		}
		struct pending *q = &r->pending[r->npending++];
		q->address = key;
		q->domain = domain;
		if (s.pointers) {
			q->value = word_at(p + 3 * s.word, s);
			q->p = at(m, &r->traces_at, &r->w->hint_trace, q->value, 2 * s.word);
			__builtin_prefetch(q->p);
		} else {
			const uint8_t *d = p + l->entry.key + r->table->key_size;
			q->size = word_at(d + l->trace.size, s);
			q->traceback = word_at(d + l->trace.traceback, s);
		}
	}
	r->tally->walked = walked;
	return n;
}

/* Takes the next piece of the table; false when there is none left. */
static bool take_piece(struct run *r)
{
	uint64_t nbuckets = r->table->nbuckets;
	uint64_t first = r->bucket < nbuckets ? __atomic_fetch_add(r->next, PIECE, __ATOMIC_RELAXED) : nbuckets;
	r->bucket = r->heads_end = first < nbuckets ? first : nbuckets;
	r->end = nbuckets - r->bucket < PIECE ? nbuckets : r->bucket + PIECE;
	return r->bucket < r->end;
}

/* More heads into the batch. */
static inline __attribute__((always_inline)) void read_heads(struct run *r, struct shape s)
{
	const struct tm_table *table = r->table;
	for (unsigned pages = 0; r->nchains < TM_BATCH && (r->bucket < r->end || take_piece(r)) && pages < 4096;) {
		if (r->bucket == r->heads_end) {
			uint64_t left = r->end - r->bucket, addr = table->buckets + r->bucket * s.word;
			size_t have;
			r->heads = tm_memory_view(&r->w->target->memory, addr, (size_t)left * s.word, &have);
			if (have < s.word) { /* on to the next page */
				uint64_t skip = (TM_PAGE - addr % TM_PAGE + s.word - 1) / s.word;
				skip = skip < left ? skip : left;
				r->tally->missing_buckets += skip;
				r->tally->missing_at = addr;
				r->heads_end = r->bucket += skip;
				r->work += 32;
				pages++;
				continue;
			}
			r->heads_end = r->bucket + have / s.word;
		}
		uint64_t bucket = r->bucket;
		const uint8_t *p = r->heads;
		for (; bucket < r->heads_end && r->nchains < TM_BATCH; bucket++, p += s.word) {
			uint64_t head = word_at(p, s);
			if (head)
				push_chain(r, head, bucket);
		}
		r->bucket = bucket;
		r->heads = p;
	}
}

/*
 * Three batches are under way at any time: heads lead to entries that are being fetched, the entries before them to trace_t's
 * that are being fetched, and the traces before those are handed on.
 */
static inline __attribute__((always_inline)) struct tm_error *run(struct run *r, struct shape s,
	const struct tm_traces_visitor *traces, tm_entries_fn *entries, void *ctx)
{
	struct tm_tally_of_walk *t = r->tally;
	struct tm_error *err = NULL;
	for (uint64_t polled = 0;;) {
		size_t ntraces = s.traces ? read_traces(r, s) : 0;
		if (ntraces && traces->expect)
			traces->expect(traces->ctx, r->traces, ntraces);
		size_t nentries = read_entries(r, s);
		read_heads(r, s);
		if (ntraces)
			err = traces->take(traces->ctx, r->traces, ntraces);
		else if (nentries)
			err = entries(ctx, r->entries, nentries);
		bool done = !r->nchains && !r->npending && r->bucket >= r->table->nbuckets;
		if (err || t->endless || done)
			return err;
		if (__builtin_expect(t->bad + t->bad_hash > HOPELESS, 0) && t->bad + t->bad_hash > t->walked / 2)
			return tm_error_new(TM_ERR_CORRUPT, "most entries of the table at 0x%llx cannot be right",
				(unsigned long long)r->table->addr);
		/* A page that has to be fetched counts for what it costs. */
		uint64_t work = t->walked + r->work + (r->w->target->memory.filled >> 6);
		if (work - polled >= 1 << 17) {
			polled = work;
			err = tm_poll(&r->w->poll, "reading traces", r->bucket, r->table->nbuckets);
			if (err)
				return err;
		}
	}
}

static struct tm_error *dispatch(struct tm_walk *w, const struct tm_table *table, uint64_t *next, uint32_t domain,
	const struct tm_traces_visitor *traces, tm_entries_fn *entries, void *ctx, struct tm_tally_of_walk *tally)
{
	const struct tm_layout *l = w->layout;
	bool pointers = l->entry.value != TM_NONE, big = w->target->memory.big;
	struct run r = { .w = w, .table = table, .tally = tally, .domain = domain,
		.entry_size = pointers ? 4u * l->word : 2u * l->word + (size_t)table->key_size + (size_t)table->data_size };
	r.next = next ? next : &r.alone;
	uint64_t fit = tm_memory_size(&w->target->memory) / r.entry_size;
	r.most = (table->nentries < fit ? table->nentries : fit) + SLACK;
	if (traces && !pointers && table->data_size != l->trace.sizeof_)
		return tm_error_new(TM_ERR_CORRUPT, "the table at 0x%llx holds no traces", (unsigned long long)table->addr);
	/* The common case with its numbers as constants; everything else by the same code. */
	if (traces && pointers && l->word == 8 && big == TM_HOST_BIG)
		return run(&r, (struct shape) { 8, TM_HOST_BIG, true, true }, traces, entries, ctx);
	return run(&r, (struct shape) { l->word, big, pointers, traces != NULL }, traces, entries, ctx);
}

struct tm_error *tm_walk_entries(struct tm_walk *w, const struct tm_table *table, uint64_t *next, tm_entries_fn *fn, void *ctx,
	struct tm_tally_of_walk *tally)
{
	return dispatch(w, table, next, 0, NULL, fn, ctx, tally);
}

struct tm_error *tm_walk_traces(struct tm_walk *w, const struct tm_table *table, uint64_t *next, uint32_t domain,
	const struct tm_traces_visitor *visitor, struct tm_tally_of_walk *tally)
{
	return dispatch(w, table, next, domain, visitor, NULL, NULL, tally);
}
