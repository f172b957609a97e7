/* Inside capture: what finding and judging share. */
#ifndef TM_FIND_H
#define TM_FIND_H
#include "tm/builder.h"
#include "tm/capture.h"
#include "tm/threads.h"
#include "tm/walk.h"

enum tm_source { TM_BY_SYMBOLS, TM_BY_COOKIE, TM_BY_SCAN, TM_BY_DEBUG_INFO, TM_NSOURCES };
extern const char *const tm_source_names[];

/* A Python runtime in the target, as far as it was recognised. */
struct tm_python {
	struct tm_module *module;
	uint32_t hexversion; /* 0: not known */
	bool debug, build_known;
	bool free_threaded;
	uint64_t runtime, runtime_size; /* _PyRuntime; 0: not found */
	uint64_t config;		/* _Py_tracemalloc_config; 0: not found */
	uint64_t globals[TM_NGLOBALS];	/* addresses by tm_global; 0: not found */
};

/* Somewhere the tables may be. Addresses of variables, 0 where unknown. */
struct tm_candidate {
	const struct tm_layout *layout;
	enum tm_source source;
	unsigned sources; /* all that led here, as bits */
	bool searched;	  /* found by its shape, not at a place that was known before */
	const struct tm_python *python; /* NULL: not known */
	uint64_t state; /* beginning of the runtime state, for TM_ROOT_RUNTIME */
	uint64_t config, traces, tracebacks, filenames, domains, traced, peak, lock, empty;
};

/* How many threads may read this target's memory at once: one, where pages are still to come from somewhere. */
static inline size_t tm_threads_for(const struct tm_target *t)
{
	return t->memory.fill ? 1 : tm_threads_count();
}

struct tm_finder {
	struct tm_target *target;
	TM_ARRAY(struct tm_python) pythons;
	bool verify; /* look in every way, also where one has led to the tables */
	bool symbols_done, cookie_done, scan_done, debug_done;
	TM_ARRAY(struct tm_layout *) layouts; /* made from debug info */
	TM_ARRAY(struct tm_candidate) candidates;
	struct tm_text tried; /* one sentence about each source that led nowhere */
};

void tm_finder_deinit(struct tm_finder *f);
/* Fills in pythons: which modules are or hold an interpreter. */
struct tm_error *tm_find_pythons(struct tm_finder *f);
/* The candidates of the next source, by cost, are appended; false when there is none left. */
bool tm_find_more(struct tm_finder *f, struct tm_error **err);
struct tm_error *tm_find_by_symbols(struct tm_finder *f);
struct tm_error *tm_find_by_cookie(struct tm_finder *f);
struct tm_error *tm_find_by_debug_info(struct tm_finder *f);
struct tm_error *tm_find_by_scan(struct tm_finder *f);
/* The writable memory of a module: its data and the zero-filled memory behind it. Calls FN with pieces that are there. */
struct tm_error *tm_each_data(struct tm_finder *f, const struct tm_module *m,
	struct tm_error *(*fn)(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len), void *ctx);
/*
 * The traceback limit, out of a tracemalloc_config somewhere in M's data: {1, 1, limit} and, in old versions, whether keys carry
 * domains. False unless all that looks like one agrees. LEAST: frames of the longest traceback.
 */
bool tm_find_limit(struct tm_finder *f, const struct tm_module *m, const struct tm_layout *l, uint32_t least, bool use_domain,
	uint32_t *ret);
/* Where M's data says SUM, a total of traced memory: false unless that is one place, and SUM no small number. */
bool tm_find_total(struct tm_finder *f, const struct tm_module *m, uint64_t sum, uint64_t *ret);
/* The state at ADDR as a candidate of LAYOUT. */
struct tm_candidate tm_runtime_candidate(const struct tm_layout *l, uint64_t addr, enum tm_source source,
	const struct tm_python *python);
struct tm_error *tm_add_candidate(struct tm_finder *f, struct tm_candidate c);
/* "3.11.7" out of the version text that every interpreter keeps in its data; false when there is none. */
bool tm_find_version_text(struct tm_finder *f, const struct tm_module *m, char buf[32], uint32_t *hexversion);

/* The variables' values. */
struct tm_state {
	bool has_config, has_tables, has_traced, has_peak;
	int32_t initialized, tracing, max_nframe;
	uint64_t traces, tracebacks, filenames, domains, traced, peak;
	uint64_t peak_at; /* with has_peak: its address */
	bool lock_held;
};

enum tm_verdict {
	TM_REJECTED,	/* contradicts itself */
	TM_UNREADABLE,	/* cannot be judged: its roots are not here */
	TM_DOUBTFUL,	/* says that it is off, but its tables hold traces */
	TM_NOT_TRACING, /* positively so */
	TM_TRACING,
};

/* What a candidate turned out to be. */
struct tm_judgement {
	enum tm_verdict verdict;
	struct tm_state state;
	struct tm_text why; /* of a rejection */
	bool torn; /* TM_TRACING, met inside an update: a moment later it is not */
	bool gone; /* TM_TRACING, but a table is in the middle of a resize: none of its entries is known */
	struct tm_snapshot *snapshot; /* for TM_TRACING; about is only filled as far as the tables tell */
};
void tm_judgement_deinit(struct tm_judgement *j);
/* An error is INTERRUPTED or NOMEM: everything else is a verdict. */
struct tm_error *tm_judge(struct tm_finder *f, const struct tm_candidate *c, bool want_traces, struct tm_judgement *ret);
void tm_tally_of_walk_add(struct tm_tally_of_walk *to, const struct tm_tally_of_walk *t);
/* Do these three ints look like a tracemalloc_config? */
bool tm_config_plausible(int32_t initialized, int32_t tracing, int32_t max_nframe);
#endif
