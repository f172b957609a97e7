/*
 * Inside store: frames that came together, and where their blocks belong. Equal tuples of frames are one run, whatever depth of
 * the stack and whichever domain they come with.
 */
#ifndef TM_PICKLE_RUNS_H
#define TM_PICKLE_RUNS_H
#include "tm/array.h"
#include "tm/builder.h"

/* Where blocks belong. */
struct tm_place {
	uint32_t tally, traceback, domain;
};

/* Nearly always it comes with one depth and in one domain. */
struct tm_run {
	uint64_t first;
	uint32_t nframe;
	uint32_t depth;	       /* of its first block */
	struct tm_place place; /* of that one, too */
	bool used;	       /* there was one */
};

struct tm_index_entry {
	uint32_t id; /* + 1; 0: free */
	uint32_t hash;
};

/* Ids by the hash of what they stand for; open addressing. */
struct tm_index {
	struct tm_index_entry *slots;
	size_t n, nslots; /* a power of two */
};

struct tm_runs {
	struct tm_builder *b; /* to which frames, tracebacks and tallies go */
	uint64_t key[2]; /* for hashes: nobody can prepare a file whose ids all collide; the second is odd */
	TM_ARRAY(struct tm_run) runs;
	/* their own */
	struct tm_index by_frames; /* runs */
	struct tm_index by_depth;  /* tracebacks that are not their run's first */
	struct tm_index by_place;  /* tallies that are not their run's first */
};

/* H, which begins as key[0], with V. */
static inline uint64_t tm_runs_mix(const struct tm_runs *r, uint64_t h, uint64_t v)
{
	tm_u128 m = (tm_u128)(h ^ v) * r->key[1];
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/*
 * The N frames that end the builder's become a run, unless there is such a run already: its number. HASH: they, as filename << 32 |
 * lineno, mixed in their order. False: memory is short.
 */
bool tm_runs_make(struct tm_runs *r, uint32_t n, uint64_t hash, uint64_t *ret);
/* Where blocks of RUN at DEPTH and in DOMAIN belong. False: memory is short. */
bool tm_runs_place(struct tm_runs *r, uint64_t run, uint32_t depth, uint32_t domain, struct tm_place *ret);
/* The number of the run whose frames begin at FIRST. */
uint64_t tm_runs_at(const struct tm_runs *r, uint64_t first);
void tm_runs_deinit(struct tm_runs *r);
#endif
