/* Inside capture: what the table of tracebacks lists, beside those that blocks refer to. */
#ifndef TM_LISTED_H
#define TM_LISTED_H
#include "tracebacks.h"

/* The first NREFERRED of ADDRS are the tracebacks that blocks refer to, in the order of their ids; others that the table lists follow. */
struct tm_listed {
	TM_ARRAY(uint64_t) addrs;
	TM_ARRAY(uint32_t) filed; /* beside them: the hash in the table's entry, folded; 0: the table does not list it */
	size_t nreferred;
	uint64_t nfound;  /* of the referred ones, how many the table lists */
	uint64_t nvalues; /* entries with a value, which none has */
	uint64_t value_at;
};

void tm_listed_deinit(struct tm_listed *l);
/*
 * Reads TABLE: on several threads where that is possible and pays. IDS: the id of each traceback that blocks refer to, all of which
 * are in ADDRS. LEAN: memory counts more than time. CORRUPT: it is no table of tracebacks.
 */
struct tm_error *tm_list_tracebacks(struct tm_listed *l, struct tm_map *ids, struct tm_walk *w, const struct tm_table *table, bool lean,
	struct tm_tally_of_walk *tally);
#endif
