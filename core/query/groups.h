/* Tallies grouped under a key: rows in an open hash table, found by their frames. */
#ifndef TM_GROUPS_H
#define TM_GROUPS_H
#include "tm/query.h"

struct tm_groups {
	const struct tm_snapshot *s; /* borrowed; its sections are verified */
	enum tm_key key;
	bool cumulative;
	uint32_t *ranks;       /* of names; equal names are one */
	struct tm_frame *keys; /* by filename: the frame {name, 0} stands for all lines of it */
	struct tm_statistic *rows; /* in no order; frames are S's or KEYS */
	uint64_t *firsts;	   /* beside them, at hand: rank of name and line of each row's newest frame */
	uint64_t n, cap;
	uint32_t *slots; /* row + 1 */
	size_t nslots;
	uint64_t secret; /* of hashes: nobody can prepare a file whose rows all collide */
};

/* USAGE: cumulative by traceback. To be deinitialised whatever it returns. */
struct tm_error *tm_groups_init(struct tm_groups *g, const struct tm_snapshot *s, enum tm_key key, bool cumulative);
/* Adds the N tallies from FIRST on to their rows. */
struct tm_error *tm_groups_add(struct tm_groups *g, uint64_t first, uint64_t n, const struct tm_poll *poll);
void tm_groups_deinit(struct tm_groups *g);
#endif
