/*
 * CPython's tracemalloc tables, read with a layout: hash tables, traces, tracebacks, names. What cannot be right is counted,
 * never believed; what is not there is counted apart from it. Knows no version and no snapshot.
 */
#ifndef TM_WALK_H
#define TM_WALK_H
#include "tm/bytes.h"
#include "tm/layout.h"
#include "tm/target.h"
#include "tm/text.h"

struct tm_walk {
	struct tm_target *target;
	const struct tm_layout *layout;
	struct tm_poll poll; /* the target's, unless the caller sets another: a walk on a second thread must not call the host */
	uint8_t *scratch; /* frames that straddle two spans */
	size_t scratch_cap;
	unsigned hint_entry, hint_trace, hint_traceback;
};

void tm_walk_init(struct tm_walk *w, struct tm_target *t, const struct tm_layout *l);
void tm_walk_deinit(struct tm_walk *w);

/* How a read went. */
enum tm_seen {
	TM_SEEN,	 /* read */
	TM_SEEN_MISSING, /* mapped in the target, but not in what we have */
	TM_SEEN_BAD,	 /* cannot be what it should be */
};
enum tm_seen tm_walk_why(struct tm_walk *w, uint64_t addr);

/* A _Py_hashtable_t whose numbers are plausible. */
struct tm_table {
	uint64_t addr, nentries, nbuckets, buckets;
	uint64_t key_size, data_size; /* 0 where entries hold pointers */
	bool gone; /* its buckets lie in no memory: CPython frees the old ones of a resize before it names the new ones (hashtable_rehash) */
};

/* What a walk over a table met. */
struct tm_tally_of_walk {
	uint64_t walked;    /* entries read */
	uint64_t misplaced; /* in a bucket that their hash does not belong to */
	uint64_t bad_hash;  /* hash ≠ hash of the key */
	uint64_t bad;	    /* pointers to nowhere */
	uint64_t missing;   /* entries that are mapped but not here; a chain goes on unknown behind one */
	uint64_t missing_buckets; /* heads that are not here */
	uint64_t missing_at;	  /* an address that was not here */
	uint64_t bad_at;	  /* an address or entry that cannot be right */
	bool endless;		  /* more entries than the table counts: cut */
};

/* FAULT: not here; CORRUPT: no such table can exist. */
struct tm_error *tm_table_load(struct tm_walk *w, uint64_t addr, struct tm_table *ret);
/* The same, but one whose buckets are gone is a table, too; nobody may walk it. */
struct tm_error *tm_table_header(struct tm_walk *w, uint64_t addr, struct tm_table *ret);

struct tm_entry {
	uint64_t key, hash, value; /* value: 0 where data is inline */
};
struct tm_raw_trace {
	uint64_t address, size, traceback;
	uint32_t domain;
};

/* Called with up to TM_BATCH items; an error ends the walk. */
typedef struct tm_error *tm_entries_fn(void *ctx, const struct tm_entry *entries, size_t n);
struct tm_traces_visitor {
	/* A batch is coming: what taking it will touch can be brought towards the cache meanwhile. May be NULL. */
	void (*expect)(void *ctx, const struct tm_raw_trace *traces, size_t n);
	struct tm_error *(*take)(void *ctx, const struct tm_raw_trace *traces, size_t n);
	void *ctx;
};
/* About as many cache misses as a core keeps under way at once; larger batches measured slower. */
enum { TM_BATCH = 32 };

/*
 * Where the memory has no source to ask, several threads may walk one table, each with a tm_walk of its own: they take pieces of it
 * in turns, by way of NEXT, which starts at 0 and is the same for all. NULL: one walk takes it all.
 */
struct tm_error *tm_walk_entries(struct tm_walk *w, const struct tm_table *table, uint64_t *next, tm_entries_fn *fn, void *ctx,
	struct tm_tally_of_walk *tally);
/* A table of traces; DOMAIN where the keys do not carry it. Entry hashes are checked against the keys. */
struct tm_error *tm_walk_traces(struct tm_walk *w, const struct tm_table *table, uint64_t *next, uint32_t domain,
	const struct tm_traces_visitor *visitor, struct tm_tally_of_walk *tally);

/* The hash CPython gives a pointer key; OLD: _Py_HashPointer of ≤ 3.8, which never is -1. */
static inline uint64_t tm_hash_pointer(uint64_t p, unsigned word, bool old)
{
	uint64_t h = word == 8 ? p >> 4 | p << 60 : (uint32_t)p >> 4 | (uint32_t)((uint32_t)p << 28);
	uint64_t minus_one = word == 8 ? UINT64_MAX : UINT32_MAX;
	return old && h == minus_one ? minus_one - 1 : h;
}

struct tm_raw_traceback {
	uint64_t hash;
	uint32_t nframe;
	uint32_t total_nframe;	 /* 0: this version keeps none */
	const uint8_t *frames;	 /* nframe × layout->frame.sizeof_ bytes; valid until the next call */
};
enum tm_seen tm_walk_traceback(struct tm_walk *w, uint64_t addr, struct tm_raw_traceback *ret);
/* Brings the traceback at ADDR towards the cache. */
void tm_walk_traceback_prefetch(struct tm_walk *w, uint64_t addr);
static inline uint64_t tm_frame_filename(const struct tm_walk *w, const uint8_t *frame)
{
	return tm_load_word(frame + w->layout->frame.filename, w->layout->word, w->target->memory.big);
}
static inline uint32_t tm_frame_lineno(const struct tm_walk *w, const uint8_t *frame)
{
	return tm_load32(frame + w->layout->frame.lineno, w->target->memory.big);
}

/* The hash that CPython stored, again from the frames: begin, each frame from the newest on, end. */
struct tm_traceback_hash {
	uint64_t x, mult;
	uint32_t left;
};
static inline struct tm_traceback_hash tm_traceback_hash_begin(uint32_t nframe)
{
	return (struct tm_traceback_hash) { 0x345678, 1000003, nframe };
}
static inline void tm_traceback_hash_frame(struct tm_traceback_hash *h, uint64_t filename_hash, uint32_t lineno)
{
	h->x = (h->x ^ (filename_hash ^ lineno)) * h->mult;
	h->mult += 82520 + 2 * (uint64_t)--h->left;
}
uint64_t tm_traceback_hash_end(const struct tm_walk *w, const struct tm_raw_traceback *tb, const struct tm_traceback_hash *h);
uint64_t tm_traceback_hash(const struct tm_walk *w, const struct tm_raw_traceback *tb, const uint64_t *filename_hashes);

/* A str object as UTF-8 with surrogates; RET is appended to. HASH (may be NULL): the hash it caches. */
enum tm_seen tm_walk_str(struct tm_walk *w, uint64_t addr, struct tm_text *ret, uint64_t *hash);
/* A filename as this layout keeps it; its hash is the one that goes into a traceback's. */
enum tm_seen tm_walk_filename(struct tm_walk *w, uint64_t addr, struct tm_text *ret, uint64_t *hash);
enum tm_seen tm_walk_cstring(struct tm_walk *w, uint64_t addr, size_t limit, struct tm_text *ret);
#endif
