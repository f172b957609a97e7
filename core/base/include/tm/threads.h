/* Pieces of work side by side. None of the host's callbacks or signals ever reaches a thread of ours. */
#ifndef TM_THREADS_H
#define TM_THREADS_H
#include <stdbool.h>
#include <stddef.h>
#include "tm/poll.h"

enum { TM_MOST_THREADS = 8 };

struct tm_job {
	struct tm_error *(*work)(void *ctx);
	void *ctx;
	struct tm_poll *poll; /* what the work polls: left as it is for the first job, which runs on the calling thread */
	/* its own */
	struct tm_error *err;
	bool started;
	unsigned long thread;
};

/* How many pay: one per processor. */
size_t tm_threads_count(void);
/* Runs all jobs; returns when all have ended, with the first error in their order. */
struct tm_error *tm_threads_run(struct tm_job *jobs, size_t n);
#endif
