/*
 * Preloaded into a target, it watches from inside how long the process stands still: a thread that touches no
 * Python looks at the clock about every 60 microseconds and keeps the longest gap. The benchmark shares the
 * file named by TM_BENCH_PROBE with it: it sets active, runs what is to be measured, clears active and reads
 * longest_ns.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

/* as in subject.py */
struct probe {
	_Atomic uint64_t active;
	_Atomic uint64_t longest_ns;
	_Atomic uint64_t samples;
};

static uint64_t nanoseconds(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void rest(long ns)
{
	nanosleep(&(struct timespec) { .tv_nsec = ns }, NULL);
}

static void *watch(void *arg)
{
	struct probe *probe = arg;
	uint64_t last = 0;
	prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
	for (;;) {
		if (!atomic_load(&probe->active)) {
			last = 0;
			rest(2000000);
			continue;
		}
		uint64_t now = nanoseconds();
		if (last && now - last > atomic_load(&probe->longest_ns))
			atomic_store(&probe->longest_ns, now - last);
		atomic_fetch_add(&probe->samples, 1);
		last = now;
		rest(50000);
	}
	return NULL;
}

static __attribute__((constructor)) void start(void)
{
	const char *path = getenv("TM_BENCH_PROBE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	if (fd < 0)
		return;
	void *probe = mmap(NULL, sizeof(struct probe), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (probe == MAP_FAILED)
		return;
	/* tm is not our ancestor; let it attach also where Yama restricts ptrace */
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	pthread_t thread;
	if (pthread_create(&thread, NULL, watch, probe) == 0)
		pthread_detach(thread);
}
