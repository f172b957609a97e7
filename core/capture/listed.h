/* Inside capture: the tracebacks that blocks refer to, and those that only the table of tracebacks lists. */
#ifndef TM_LISTED_H
#define TM_LISTED_H
#include "tracebacks.h"

struct tm_listed {
	TM_ARRAY(uint64_t) addrs; /* in order: first the NREFERRED that blocks refer to, then the others */
	TM_ARRAY(uint32_t) filed; /* beside them: the hash in the table's entry, folded; 0: the table does not list it */
	size_t nreferred;
	uint64_t nfound;  /* of the referred ones, how many the table lists */
	uint64_t nvalues; /* entries with a value, which none has */
	uint64_t value_at;
};

void tm_listed_deinit(struct tm_listed *l);
/*
 * Reads TABLE, on several threads where that is possible and pays; ADDRS holds those that blocks refer to. CORRUPT: it is no table of
 * tracebacks.
 */
struct tm_error *tm_list_tracebacks(struct tm_listed *l, struct tm_walk *w, const struct tm_table *table, struct tm_tally_of_walk *tally);
#endif
