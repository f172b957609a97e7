/*
 * PEP 768 (CPython 3.14+): a thread that finds its flag set runs a script file between two bytecodes. Three writes arm it; the
 * script takes its own file away when it has done its work.
 */
#include "internal.h"
#include "tm/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MOST_THREADS = 4096, MOST_PATH = 64 };
static const double slice = 0.5; /* seconds for one thread, before the next one gets its chance */

/* One thread's flag, and what lay there before. */
struct armed {
	uint64_t state, flag, path, breaker;
};

/* ---- the script's file ---- */

struct script {
	char path[MOST_PATH]; /* as the process names it */
	int folder;	      /* the folder that it is in: it stays ours when the process, and the way to its root, are gone */
};

static const char *file_name(const struct script *s)
{
	return strrchr(s->path, '/') + 1;
}

/* A folder as the process sees it: no link in it leads out of its root. */
static int open_folder(int root, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC, .resolve = RESOLVE_IN_ROOT };
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
	bool unknown = fd < 0 && (errno == ENOSYS || errno == EPERM); /* an older kernel, or a container's filter that does not know it */
	return unknown ? openat(root, path + 1, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : fd;
}

static struct tm_error *write_script(struct tm_control *c, int fd, const char *path)
{
	struct tm_text t = { 0 };
	tm_control_source(c->order, &t);
	/* What comes last is what a debugger waits for: a function that hardly any program ever calls, and that does nothing. */
	tm_text_printf(&t, "try:\n __import__('posix').unlink('%s')\n hash([])\nexcept BaseException:\n pass\n", path);
	struct tm_error *err = tm_text_error(&t);
	if (!err && write(fd, t.s, t.len) != (ssize_t)t.len)
		err = tm_error_os(errno, "writing %s", path);
	tm_text_free(&t);
	return err;
}

/* In a folder that the process sees, too, whatever its root is. Its own user reads it. */
static struct tm_error *make_script(struct tm_control *c, struct script *s)
{
	static const char *const folders[] = { "/tmp", "/var/tmp", "/dev/shm" };
	uint64_t number;
	char path[64];
	struct stat st;
	int error = 0;
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		return tm_error_os(errno, "a random name");
	snprintf(path, sizeof path, "/proc/%d/root", c->t->pid);
	tm_autoclose int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return tm_error_os(errno, "%s: its root folder", c->t->name);
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		snprintf(s->path, sizeof s->path, "%s/tm-%016" PRIx64 ".py", folders[i], number);
		s->folder = open_folder(root, folders[i]);
		tm_autoclose int fd = s->folder < 0 ? -1 : openat(s->folder, file_name(s), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0) {
			error = errno;
			if (s->folder >= 0)
				close(s->folder);
			continue;
		}
		snprintf(path, sizeof path, "/proc/%d", c->t->pid);
		if (!stat(path, &st) && st.st_uid != geteuid() && fchown(fd, st.st_uid, st.st_gid))
			error = errno; /* then it cannot be read there, which the time-out tells */
		struct tm_error *err = write_script(c, fd, s->path);
		if (err) {
			unlinkat(s->folder, file_name(s), 0);
			close(s->folder);
		}
		return err;
	}
	return tm_error_os(error, "%s: no folder for a script that it could read (/tmp, /var/tmp, /dev/shm)", c->t->name);
}

static bool has_run(const struct script *s)
{
	struct stat st;
	return fstatat(s->folder, file_name(s), &st, AT_SYMLINK_NOFOLLOW) != 0;
}

/* ---- its threads ---- */

static struct tm_error *put(struct tm_control *c, uint64_t addr, const void *data, size_t len)
{
	return c->hands ? c->hands->write(c->hands->ctx, addr, data, len) : tm_target_write(c->t, addr, data, len);
}

static struct tm_error *unreadable(struct tm_control *c)
{
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: the state of its threads cannot be read", c->t->name);
}

struct tm_error *tm_control_script_allowed(struct tm_control *c)
{
	uint64_t enabled;
	uint32_t value;
	if (!tm_control_offset(c, c->row->enabled, &enabled) || !tm_memory_u32(&c->t->memory, c->interpreter + enabled, &value))
		return unreadable(c);
	if (value == 1)
		return NULL;
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: remote debugging is switched off in it (PYTHON_DISABLE_REMOTE_DEBUG, -X disable-remote-debug); "
		"start it with tm run or PYTHONTRACEMALLOC=1", c->t->name);
}

/* All thread states, the main thread's first. */
static struct tm_error *list_threads(struct tm_control *c, uint64_t states[MOST_THREADS], size_t *ret)
{
	struct tm_memory *m = &c->t->memory;
	uint64_t threads, next, native, at, tid;
	size_t n = 0;
	if (!tm_control_offset(c, c->row->threads, &threads) || !tm_control_offset(c, c->row->next, &next) ||
	    !tm_control_offset(c, c->row->native_thread_id, &native) || !tm_memory_word(m, c->interpreter + threads, &at))
		return unreadable(c);
	for (; at && n < MOST_THREADS; n++) {
		states[n] = at;
		if (!tm_memory_word(m, at + native, &tid) || !tm_memory_word(m, at + next, &at))
			return unreadable(c);
		if ((int)tid == c->t->pid) {
			uint64_t first = states[0];
			states[0] = states[n];
			states[n] = first;
		}
	}
	*ret = n;
	return n ? NULL : unreadable(c);
}

/* The thread state number NTH (modulo their count). */
static struct tm_error *pick_thread(struct tm_control *c, size_t nth, uint64_t *ret)
{
	uint64_t states[MOST_THREADS];
	size_t n;
	struct tm_error *err = list_threads(c, states, &n);
	if (!err)
		*ret = states[nth % n];
	return err;
}

/* True also when the list cannot be read, or has no end in sight. */
static bool may_be_listed(struct tm_control *c, uint64_t state)
{
	uint64_t states[MOST_THREADS];
	size_t n = 0;
	struct tm_error *err = list_threads(c, states, &n);
	bool may = err || n == MOST_THREADS;
	tm_error_free(err);
	for (size_t i = 0; i < n && !may; i++)
		may = states[i] == state;
	return may;
}

static struct tm_error *arm(struct tm_control *c, uint64_t state, const char *path, struct armed *a)
{
	const uint32_t one = 1;
	uint64_t support, flag, text, size, breaker, bits;
	if (!tm_control_offset(c, c->row->remote, &support) || !tm_control_offset(c, c->row->pending, &flag) ||
	    !tm_control_offset(c, c->row->path, &text) || !tm_control_offset(c, c->row->path_size, &size) ||
	    !tm_control_offset(c, c->row->eval_breaker, &breaker))
		return unreadable(c);
	*a = (struct armed) { .state = state, .flag = state + support + flag, .path = state + support + text, .breaker = state + breaker };
	uint32_t pending;
	if (strlen(path) >= size || !tm_memory_word(&c->t->memory, a->breaker, &bits) || !tm_memory_u32(&c->t->memory, a->flag, &pending))
		return unreadable(c);
	if (pending)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: another script waits to be run in it", c->t->name);
	bits |= TM_EVAL_STOP_BIT;
	struct tm_error *err = put(c, a->path, path, strlen(path) + 1);
	if (!err)
		err = put(c, a->flag, &one, sizeof one);
	return err ? err : put(c, a->breaker, &bits, sizeof bits);
}

/*
 * *TAKEN: the thread has begun to run it, so that it is too late. The memory of one that has ended belongs to somebody else; the state
 * of a new thread may lie there, without our path.
 */
static struct tm_error *disarm(struct tm_control *c, const struct armed *a, const char *path, bool *taken)
{
	const uint32_t zero = 0;
	uint32_t flag;
	uint64_t bits;
	char found[MOST_PATH];
	size_t len = strlen(path) + 1;
	tm_memory_forget(&c->t->memory);
	if (!may_be_listed(c, a->state) || !tm_memory_u32(&c->t->memory, a->flag, &flag) || !tm_memory_word(&c->t->memory, a->breaker, &bits) ||
	    tm_memory_read(&c->t->memory, a->path, found, len) != len || memcmp(found, path, len) != 0)
		return NULL;
	*taken = !flag;
	if (!flag)
		return NULL;
	bits &= ~(uint64_t)TM_EVAL_STOP_BIT;
	struct tm_error *err = put(c, a->flag, &zero, sizeof zero);
	if (!err)
		err = put(c, a->path, "", 1);
	return err ? err : put(c, a->breaker, &bits, sizeof bits);
}

/* ---- letting it run ---- */

/* Stopped again where the script ends; then on, out of the function that ran it. */
static struct tm_error *run_by_hand(struct tm_control *c, const struct script *s, double seconds)
{
	char name[64];
	bool done;
	double end = tm_seconds() + seconds;
	struct tm_error *err = NULL;
	int tid = 1;
	while (!err && tid && !has_run(s) && tm_seconds() < end)
		err = c->hands->run_to(c->hands->ctx, c->fn[TM_FN_HASH], NULL, end - tm_seconds(), &tid);
	if (err || !tid || !has_run(s))
		return err;
	err = tm_control_stacks(c);
	for (size_t i = 0; !err && i < c->stacks.threads.n; i++)
		for (unsigned k = 0; c->stacks.threads.items[i].tid == tid && k < c->stacks.threads.items[i].n; k++) {
			tm_control_function(c, c->stacks.threads.items[i].pc[k] - (k > 0), name);
			if (strcmp(name, "PyEval_EvalCode") == 0)
				return c->hands->finish(c->hands->ctx, tid, k, seconds, &done);
		}
	return err;
}

static struct tm_error *run_alone(struct tm_control *c, const struct script *s, double seconds)
{
	double end = tm_seconds() + seconds;
	struct tm_error *err = tm_target_resume(c->t);
	while (!err && !has_run(s) && tm_seconds() < end) {
		nanosleep(&(struct timespec) { .tv_nsec = 2000000 }, NULL);
		err = tm_poll(&c->t->poll, "waiting for the target", 0, 0);
	}
	struct tm_error *err2 = tm_target_stop(c->t);
	tm_error_free(err ? err2 : NULL);
	return err ? err : err2;
}

static struct tm_error *one_thread(struct tm_control *c, size_t nth, const struct script *s, bool *done)
{
	struct armed a = { 0 };
	uint64_t state;
	bool taken = false;
	tm_memory_forget(&c->t->memory);
	struct tm_error *err = pick_thread(c, nth, &state);
	if (!err)
		err = arm(c, state, s->path, &a);
	if (err)
		return err;
	double left = tm_control_left(c), part = left < slice ? left : slice;
	err = c->hands ? run_by_hand(c, s, part) : run_alone(c, s, part);
	*done = has_run(s);
	if (*done)
		return err;
	struct tm_error *err2 = disarm(c, &a, s->path, &taken);
	if (!err && !err2 && taken) { /* it runs, or could not open it */
		err = c->hands ? run_by_hand(c, s, left) : run_alone(c, s, left);
		*done = has_run(s);
		if (!err && !*done)
			err = tm_error_new(TM_ERR_OS, "%s: it took the script, but has not come to its end: it may not be allowed to read %s, or a lock is held that it "
				"needs", c->t->name, s->path);
	}
	tm_error_free(err ? err2 : NULL);
	return err ? err : err2;
}

struct tm_error *tm_control_script(struct tm_control *c, bool *done)
{
	struct script s;
	if (c->hands && !tm_process_is_ours(c->t->pid))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: it is not on this machine, so that no script can be put where it finds it", c->t->name);
	struct tm_error *err = make_script(c, &s);
	if (err)
		return err;
	if (!c->hands)
		err = tm_target_stop(c->t);
	if (!err) {
		for (size_t nth = 0; !err && !*done && tm_control_left(c) > 0; nth++)
			err = one_thread(c, nth, &s, done);
		if (!c->hands)
			tm_error_free(tm_target_resume(c->t));
	}
	if (!*done)
		unlinkat(s.folder, file_name(&s), 0);
	close(s.folder);
	return err;
}
