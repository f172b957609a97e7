/* Inside capture: tracebacks on their way into the snapshot, each checked against the hash that is stored with it. */
#ifndef TM_TRACEBACKS_H
#define TM_TRACEBACKS_H
#include "find.h"

struct tm_known { /* something of the target by its address */
	uint64_t addr;
	uint32_t id; /* + 1; 0: free */
};

struct tm_map {
	struct tm_known *slots;
	size_t n, nslots;
};

/* The place of ADDR, free (id 0) when it is not there: to add it, fill the place in and count n up. NULL: out of memory. */
struct tm_known *tm_map_find(struct tm_map *m, uint64_t addr);

/* A filename of the target. */
struct tm_filename_seen {
	uint64_t addr, hash;
	uint32_t id;	      /* in names */
	bool has_hash;	      /* else tracebacks with it cannot be checked */
	enum tm_seen seen;
	bool odd;	      /* has a NUL in its midst */
};

enum { TM_RECENT_NAMES = 2048 };

struct tm_tracebacks {
	/* given */
	struct tm_walk walk;
	uint32_t limit;	       /* frames that a traceback can have; 0: not known */
	uint64_t most_frames;  /* that the memory at hand has room for: none lies in two tracebacks */
	bool lean;	       /* memory counts more than time: no second copy, not even for a moment */
	uint64_t unknown_name; /* address of 3.15's "<unknown>", a literal of the program, so perhaps not in the core; or 0 */
	/* read */
	struct tm_intern names;
	TM_ARRAY(struct tm_frame) frames;
	TM_ARRAY(struct tm_traceback) tracebacks;
	TM_ARRAY(struct tm_filename_seen) filenames;
	uint64_t nread, wrong, missing, bad; /* tracebacks */
	uint64_t nframes;
	uint64_t misfiled, misfiled_at;	     /* under another hash in the table than they store themselves */
	uint64_t missing_at, wrong_at;
	uint32_t max_nframe, truncated_nframe; /* of the longest; of one that was cut at the limit */
	/* its own */
	struct tm_map known;
	struct tm_known recent[TM_RECENT_NAMES]; /* most frames are of a few files */
};

void tm_tracebacks_init(struct tm_tracebacks *t, struct tm_target *target, const struct tm_layout *layout);
void tm_tracebacks_deinit(struct tm_tracebacks *t);
/* Of a hash, what is kept to compare it with its second copy; never 0, which stands for "no second copy". */
static inline uint32_t tm_fold(uint64_t hash)
{
	uint32_t h = (uint32_t)(hash ^ hash >> 32);
	return h ? h : 1;
}

/*
 * Reads the N tracebacks at ADDRS, which the table of tracebacks files under the (folded) hashes FILED; the first KEPT of them become
 * tracebacks 0, 1, ... of the result (one that cannot be read a stand-in), the others are only checked. CORRUPT: most of them contradict
 * themselves, or they overlap.
 */
struct tm_error *tm_tracebacks_read(struct tm_tracebacks *t, const uint64_t *addrs, const uint32_t *filed, size_t n, size_t kept);
#endif
