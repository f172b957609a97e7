/*
 * Our model of what tracemalloc knew at one moment: arrays, immutable, reference counted. Knows no target: it outlives the
 * process, the core and the file that it came from.
 */
#ifndef TM_SNAPSHOT_H
#define TM_SNAPSHOT_H
#include <stdbool.h>
#include <stdint.h>
#include "tm/error.h"
#include "tm/number.h"

/* One live block. Blocks of other domains than 0 need not have an address in memory: it is just a key. */
struct tm_trace {
	uint64_t address, size;
	uint32_t domain, traceback;
};

/* frames[first .. first+nframe), newest first, as CPython stores them. */
struct tm_traceback {
	uint64_t first;
	uint32_t nframe;
	uint32_t total_nframe; /* how deep the stack was; 65535: or more; 0: not known (CPython ≤ 3.8) */
};

struct tm_frame {
	uint32_t filename, lineno;
};

/* All blocks of one traceback and domain together: what statistics are made of. */
struct tm_tally {
	uint32_t traceback, domain;
	uint64_t count;
	uint64_t size_low, size_high; /* their sum, 128 bits */
};

static inline tm_u128 tm_tally_size(const struct tm_tally *t)
{
	return (tm_u128)t->size_high << 64 | t->size_low;
}

struct tm_name { /* in the snapshot's text: UTF-8, lone surrogates as 3 bytes, NUL behind */
	uint64_t offset, len;
};

/* One of CPython's hash tables, as the walk met it. */
struct tm_table_facts {
	char name[24];
	uint64_t address, nentries, nbuckets;
	uint64_t read; /* entries that were read whole */
};

struct tm_note {
	bool gap; /* the numbers are not the whole truth because of this */
	char *text;
};

/* What is known about the whole. */
struct tm_about {
	char *target;	  /* "process 1234", a core's path */
	char *executable; /* NULL: not known */
	char *python;	  /* "3.11.7", or "3.9-3.10" when only the layout tells; NULL */
	char *build;	  /* "release", "debug"; NULL: cannot tell */
	char *source;	  /* what led to the tables: "symbols", "cookie", "scan", "debug info" */
	char *stopped_by; /* NULL: the target ran while it was read */
	uint32_t hexversion; /* PY_VERSION_HEX as far as known, else 0 */
	uint16_t python_minor; /* 0x030b: the layout's at least */
	int pid;
	int signal; /* why the core exists; 0: not known */
	bool is_live; /* from a live process */
	bool other_files; /* of another mount namespace or root folder than ours: a path may lead to another file there, so no line is shown */
	bool has_fault;
	uint64_t fault_address;
	uint64_t time; /* seconds since 1970 when it was read */
	bool tracing;
	bool has_limit;
	uint32_t limit;	    /* get_traceback_limit() */
	bool has_traced;
	uint64_t traced, peak; /* get_traced_memory(), the target's own count */
	bool has_peak;
	uint64_t peak_address; /* of the variable, in the target that was read; 0: not known, or read from a file */
	bool has_memory;
	uint64_t memory;    /* get_tracemalloc_memory(): what CPython would say */
	uint64_t own_memory; /* what its tables really take, allocator's rounding included */
	bool lock_held;	    /* stopped inside an update of the tables */
	bool complete;	    /* every check agreed and nothing is missing */
	bool has_addresses; /* the traces know their addresses */
	bool has_total_nframe;
	uint64_t truncated; /* blocks whose traceback was cut at the limit */
};

enum tm_section {
	TM_SECTION_TRACES = 1, TM_SECTION_TALLIES = 2, TM_SECTION_TRACEBACKS = 4, TM_SECTION_FRAMES = 8,
	TM_SECTION_NAMES = 16, TM_SECTION_TEXT = 32,
};
enum { TM_SECTIONS_STATISTICS = TM_SECTION_TALLIES | TM_SECTION_TRACEBACKS | TM_SECTION_FRAMES | TM_SECTION_NAMES | TM_SECTION_TEXT,
	TM_SECTIONS_ALL = TM_SECTIONS_STATISTICS | TM_SECTION_TRACES };

struct tm_snapshot {
	int refs; /* atomic */
	struct tm_about about;
	const struct tm_trace *traces; /* NULL, and ntraces still counted, when only statistics were asked for */
	uint64_t ntraces;
	const struct tm_tally *tallies;
	uint64_t ntallies;
	const struct tm_traceback *tracebacks;
	uint64_t ntracebacks;
	const struct tm_frame *frames;
	uint64_t nframes;
	const struct tm_name *names;
	uint64_t nnames;
	const char *text;
	uint64_t text_len;
	struct tm_table_facts *tables;
	size_t ntables;
	struct tm_note *notes;
	size_t nnotes;
	/* Where the arrays live when they are not the snapshot's own: called once, when the last reference goes. */
	void (*release)(void *owner);
	/* A file's sections are checked, a pickle's traces are written when they are first used; NULL: that is done. */
	struct tm_error *(*verify)(void *owner, const struct tm_snapshot *s, unsigned sections);
	void *owner;
};

struct tm_snapshot *tm_snapshot_ref(struct tm_snapshot *s);
void tm_snapshot_unref(struct tm_snapshot *s); /* NULL is fine */
/*
 * To be called before arrays are read, by any thread: a damaged file is found here, and what was not needed so far is made, once.
 * SECTIONS: enum tm_section.
 */
struct tm_error *tm_snapshot_require(const struct tm_snapshot *s, unsigned sections);

/* Some blocks of a snapshot, in memory from malloc(). */
struct tm_snapshot_part {
	struct tm_trace *traces; /* may be NULL, and ntraces still counted */
	uint64_t ntraces;
	struct tm_tally *tallies;
	uint64_t ntallies;
	/* What those use; from tm_snapshot_compact(). */
	struct tm_traceback *tracebacks;
	uint64_t ntracebacks;
	struct tm_frame *frames;
	uint64_t nframes;
	struct tm_name *names;
	uint64_t nnames;
	char *text;
	uint64_t text_len;
};
/*
 * PART's blocks and tallies, which are S's so far, get tracebacks, frames and names of their own: those that they use, in S's order.
 * False: out of memory.
 */
bool tm_snapshot_compact(const struct tm_snapshot *s, struct tm_snapshot_part *part);
void tm_snapshot_part_deinit(struct tm_snapshot_part *part);
/*
 * A new snapshot of them: moves PART's arrays into it and copies what S says about itself. NULL: out of memory, and PART is as it was.
 */
struct tm_snapshot *tm_snapshot_derive(const struct tm_snapshot *s, struct tm_snapshot_part *part);

static inline const char *tm_snapshot_name(const struct tm_snapshot *s, uint32_t id, size_t *len)
{
	*len = (size_t)s->names[id].len;
	return s->text + s->names[id].offset;
}

/* Sum over all tallies. */
void tm_snapshot_total(const struct tm_snapshot *s, uint64_t *count, tm_u128 *size);

/* Adds a note; false when memory is short. For the makers of snapshots only. */
bool tm_snapshot_note(struct tm_snapshot *s, bool gap, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#endif
