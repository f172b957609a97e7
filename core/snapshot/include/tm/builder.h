/* Makes a snapshot: a builder may change, the snapshot that it freezes into may not. */
#ifndef TM_BUILDER_H
#define TM_BUILDER_H
#include "tm/array.h"
#include "tm/intern.h"
#include "tm/snapshot.h"

struct tm_builder {
	bool want_traces; /* else only tallies are kept: memory then does not grow with the number of blocks */
	TM_ARRAY(struct tm_trace) traces;
	uint64_t ntraces;
	TM_ARRAY(struct tm_tally) tallies;
	TM_ARRAY(struct tm_traceback) tracebacks;
	TM_ARRAY(struct tm_frame) frames;
	struct tm_intern names;
};

/* Frees what the builder still holds. */
void tm_builder_deinit(struct tm_builder *b);
/* Moves everything into a new snapshot whose about, tables and notes are the caller's to fill in. NULL: out of memory. */
struct tm_snapshot *tm_builder_freeze(struct tm_builder *b);
#endif
