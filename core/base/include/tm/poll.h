/* Progress goes out, "stop" comes back. */
#ifndef TM_POLL_H
#define TM_POLL_H
#include "tm/error.h"

struct tm_poll {
	/*
	 * Called about every 20 to 50 ms during long work. WHAT names it, DONE of TOTAL says how far it is (TOTAL 0: unknown).
	 * Returns true to stop: the work then fails with TM_ERR_INTERRUPTED. May be NULL.
	 */
	bool (*poll)(void *ctx, const char *what, uint64_t done, uint64_t total);
	void *ctx;
};

static inline struct tm_error *tm_poll(const struct tm_poll *p, const char *what, uint64_t done, uint64_t total)
{
	if (p && p->poll && p->poll(p->ctx, what, done, total))
		return tm_error_new(TM_ERR_INTERRUPTED, "interrupted");
	return 0;
}
#endif
