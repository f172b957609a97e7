/* Threads that end with the work. */
#include "tm/threads.h"
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

size_t tm_threads_count(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 2)
		return 1;
	return cpus > TM_MOST_THREADS ? TM_MOST_THREADS : (size_t)cpus;
}

static bool stopped(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return __atomic_load_n((const bool *)ctx, __ATOMIC_RELAXED);
}

static void *run(void *ctx)
{
	struct tm_job *j = ctx;
	j->err = j->work(j->ctx);
	return NULL;
}

static void start(struct tm_job *j)
{
	sigset_t all, old;
	pthread_t thread;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	j->started = pthread_create(&thread, NULL, run, j) == 0;
	j->thread = (unsigned long)thread;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

struct tm_error *tm_threads_run(struct tm_job *jobs, size_t n)
{
	bool stop = false;
	struct tm_error *err = NULL;
	struct tm_poll poll = *jobs[0].poll;
	for (size_t i = 1; i < n; i++) {
		*jobs[i].poll = (struct tm_poll) { stopped, &stop };
		start(&jobs[i]);
	}
	for (size_t i = 0; i < n; i++) {
		struct tm_job *j = &jobs[i];
		if (err)
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		if (j->started) {
			pthread_join((pthread_t)j->thread, NULL);
		} else if (!err) { /* the first one, or one for which there was no thread */
			*j->poll = poll;
			run(j);
		}
		if (err)
			tm_error_free(j->err);
		else
			err = j->err;
	}
	return err;
}
