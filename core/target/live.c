/* A live process of this machine: its map from /proc, its bytes by process_vm_readv, its threads held by ptrace. */
#include "common.h"
#include "tm/bytes.h"
#include "tm/cleanup.h"
#include "tm/text.h"
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <time.h>

enum {
	PIECE = 4 << 20,       /* bytes per system call: larger ones keep a stopped target waiting and Ctrl-C deaf */
	MAPS_PIECE = 64 << 10, /* bytes of its map per system call: stdio would take 1024, while the target waits */
	ASLEEP_MS = 100,	/* a thread that is found in uninterruptible sleep after this counts as stopped */
	STOP_TIMEOUT_MS = 1000,
};

struct thread {
	int tid;
	int signal; /* to deliver when it goes on: it was on its way when we stopped the thread */
	bool stopped, gone;
};

struct live {
	int pid;
	int seen; /* through whose /proc it is seen: its main thread, or, when that has ended, another one */
	int mem; /* /proc/PID/mem, where process_vm_readv is not allowed; -1: not needed */
	TM_ARRAY(struct thread) threads;
	const struct tm_holder *holder; /* of this very process; else NULL */
	bool held;
	struct tm_memory copies; /* while it is held, and read where it is */
};

static FILE *proc_file(int pid, const char *name)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
	return fopen(path, "re");
}

/* A numeric field of /proc/PID/status, or -1. */
static long status_field(int pid, const char *field)
{
	FILE *f = proc_file(pid, "status");
	if (!f)
		return -1;
	char line[256];
	size_t n = strlen(field);
	long v = -1;
	while (v < 0 && fgets(line, sizeof line, f))
		if (strncmp(line, field, n) == 0 && line[n] == ':')
			v = strtol(line + n + 1, NULL, 10);
	fclose(f);
	return v;
}

/* The state letter of a thread: R, S, D, T (stopped), t (traced), Z ...; 0 when it is gone. */
static char thread_state(int pid, int tid)
{
	char path[64], buf[512];
	snprintf(path, sizeof path, "/proc/%d/task/%d/stat", pid, tid);
	tm_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	char *paren = strrchr(buf, ')');
	return paren && paren[1] == ' ' ? paren[2] : 0;
}

/* A main thread may end before the others (pthread_exit()): its own entries in /proc are empty then, those of any other thread are not. */
static int living_thread(int leader)
{
	char path[64], state = thread_state(leader, leader);
	int found = leader;
	snprintf(path, sizeof path, "/proc/%d/task", leader);
	DIR *d = state == 'Z' ? opendir(path) : NULL;
	for (struct dirent *e; d && found == leader && (e = readdir(d));) {
		int tid = atoi(e->d_name);
		state = tid > 0 ? thread_state(leader, tid) : 0;
		found = state && !strchr("ZXx", state) ? tid : found;
	}
	if (d)
		closedir(d);
	return found;
}

enum { TRIES = 100 }; /* to see a process through a thread that may end at any time */

/* A file of its /proc. */
static FILE *open_seen(struct live *l, const char *name)
{
	for (int i = 0; i < TRIES; i++) {
		l->seen = living_thread(l->pid);
		FILE *f = proc_file(l->seen, name);
		if (f || l->seen == l->pid || (errno != ENOENT && errno != ESRCH))
			return f;
	}
	return NULL;
}

static struct tm_error *no_permission(int pid)
{
	const char *how = "run tm as the same user or as root; in a container it needs the capability SYS_PTRACE";
	FILE *f = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
	int scope = f ? fgetc(f) - '0' : 0;
	if (f)
		fclose(f);
	if (scope == 1 || scope == 2)
		how = "kernel.yama.ptrace_scope forbids it: run tm as root (or: sysctl kernel.yama.ptrace_scope=0)";
	else if (scope == 3)
		how = "kernel.yama.ptrace_scope is 3, which forbids it to everybody until the next boot: "
		      "take a core instead";
	return tm_error_new(TM_ERR_OS, "process %d: no permission to read its memory; %s", pid, how);
}

static size_t fill(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct live *l = ctx;
	size_t done = 0;
	while (done < len) {
		size_t n = len - done < PIECE ? len - done : PIECE;
		struct iovec local = { (char *)buf + done, n };
		struct iovec remote = { (void *)(uintptr_t)(addr + done), n };
		ssize_t got = l->mem < 0 ? process_vm_readv(l->seen, &local, 1, &remote, 1, 0)
					 : pread(l->mem, local.iov_base, n, (off_t)(addr + done));
		if (got <= 0)
			break;
		done += (size_t)got;
		if ((size_t)got < n)
			break;
	}
	return done;
}

static void forget_regions(struct tm_target *t)
{
	for (size_t i = 0; i < t->regions.n; i++)
		free(t->regions.items[i].path);
	t->regions.n = 0;
}

/* One line of /proc/PID/maps. */
static struct tm_error *add_mapping(struct tm_target *t, char *line, uint64_t *run_start, uint64_t *run_end)
{
	uint64_t start, end, offset;
	char perms[5];
	int path_at = 0;
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &start, &end, perms, &offset, &path_at) < 4)
		return NULL;
	char *path = path_at ? line + path_at : (char *)"";
	path[strcspn(path, "\n")] = 0;
	if (strncmp(path, "[v", 2) == 0) /* vvar, vdso, vsyscall: the kernel's, partly unreadable */
		return NULL;
	unsigned prot = (perms[0] == 'r' ? TM_READ : 0) | (perms[1] == 'w' ? TM_WRITE : 0) | (perms[2] == 'x' ? TM_EXEC : 0);
	if (path[0] != '/')
		path = NULL;
	struct tm_error *err = tm_target_add_region(t, start, end, prot, path, offset, prot & TM_READ ? end - start : 0);
	if (err || !(prot & TM_READ))
		return err;
	/* Neighbours become one span, so that nothing straddles two. */
	if (start == *run_end) {
		*run_end = end;
		return NULL;
	}
	err = tm_memory_add_lazy(&t->memory, *run_start, *run_end - *run_start);
	*run_start = start;
	*run_end = end;
	return err;
}

/* *ENDED: the thread through which it was seen has ended in the midst of it. */
static struct tm_error *read_maps_once(struct tm_target *t, bool *ended)
{
	struct live *l = t->impl;
	FILE *f = open_seen(l, "maps");
	if (!f)
		return errno == ENOENT ? tm_error_new(TM_ERR_NOTFOUND, "no process %d", l->pid) : no_permission(l->pid);
	setvbuf(f, NULL, _IOFBF, MAPS_PIECE);
	forget_regions(t);
	uint64_t run_start = 0, run_end = 0;
	struct tm_error *err = NULL;
	tm_autofree char *line = NULL;
	size_t cap = 0;
	while (!err && getline(&line, &cap, f) > 0)
		err = add_mapping(t, line, &run_start, &run_end);
	bool denied = ferror(f);
	*ended = denied && errno == ESRCH && l->seen != l->pid;
	fclose(f);
	if (!err && denied)
		return no_permission(l->pid);
	return err ? err : tm_memory_add_lazy(&t->memory, run_start, run_end - run_start);
}

static struct tm_error *read_maps(struct tm_target *t)
{
	for (int i = 1;; i++) {
		bool ended = false;
		struct tm_error *err = read_maps_once(t, &ended);
		if (!ended || i == TRIES)
			return err;
		tm_error_free(err);
	}
}

/* ---- stopping ---- */

static struct thread *find_thread(struct live *l, int tid)
{
	for (size_t i = 0; i < l->threads.n; i++)
		if (l->threads.items[i].tid == tid)
			return &l->threads.items[i];
	return NULL;
}

/* Calls EACH for every thread that /proc lists; stops at the first error. */
static struct tm_error *each_thread(struct tm_target *t, struct tm_error *(*each)(struct tm_target *t, int tid, bool *news),
	bool *news)
{
	struct live *l = t->impl;
	char path[64];
	snprintf(path, sizeof path, "/proc/%d/task", l->pid);
	DIR *d = opendir(path);
	if (!d)
		return tm_error_new(TM_ERR_NOTFOUND, "process %d has ended", l->pid);
	struct tm_error *err = NULL;
	for (struct dirent *e; !err && (e = readdir(d));) {
		int tid = atoi(e->d_name);
		if (tid > 0)
			err = each(t, tid, news);
	}
	closedir(d);
	return err;
}

static struct tm_error *seize(struct tm_target *t, int tid, bool *news)
{
	struct live *l = t->impl;
	if (find_thread(l, tid))
		return NULL;
	if (thread_state(l->pid, tid) == 'Z')
		return NULL; /* a main thread that ended before the others */
	if (!tm_array_reserve(&l->threads, 1))
		return tm_error_nomem();
	if (ptrace(PTRACE_SEIZE, tid, 0, 0)) {
		int e = errno;
		char state = thread_state(l->pid, tid);
		long tracer = status_field(l->pid, "TracerPid");
		if (e == ESRCH || !state || strchr("ZXx", state)) /* it ends, or has ended since it was listed */
			return NULL;
		if (tracer > 0 && tracer != getpid())
			return tm_error_new(TM_ERR_OS, "process %d is held by process %ld just now: try again, or use --no-stop", l->pid, tracer);
		return e == EPERM ? no_permission(l->pid) : tm_error_os(e, "stopping thread %d", tid);
	}
	l->threads.items[l->threads.n++] = (struct thread) { .tid = tid };
	*news = true;
	if (ptrace(PTRACE_INTERRUPT, tid, 0, 0) && errno != ESRCH)
		return tm_error_os(errno, "stopping thread %d", tid);
	return NULL;
}

static double now_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct tm_error *await(struct tm_target *t, struct thread *th)
{
	struct live *l = t->impl;
	double start = now_ms();
	for (int spins = 0;; spins++) {
		int status;
		pid_t r = waitpid(th->tid, &status, __WALL | WNOHANG);
		if (r == th->tid && WIFSTOPPED(status)) {
			/* A stop that is neither ours nor a group stop is a signal on its way: it is delivered later. */
			th->signal = status >> 16 ? 0 : WSTOPSIG(status);
			th->stopped = true;
			return NULL;
		}
		if (r == th->tid || (r < 0 && errno != EINTR)) {
			th->gone = true;
			return NULL;
		}
		if (spins < 200) {
			sched_yield();
			continue;
		}
		/* In uninterruptible sleep it sits in the kernel and changes nothing; it stops when it wakes up. */
		if (now_ms() > start + ASLEEP_MS && thread_state(l->pid, th->tid) == 'D')
			return NULL;
		if (now_ms() > start + STOP_TIMEOUT_MS)
			return tm_error_new(TM_ERR_OS, "thread %d does not stop; --no-stop reads anyway", th->tid);
		struct tm_error *err = tm_poll(&t->poll, "stopping", 0, 0);
		if (err)
			return err;
		nanosleep(&(struct timespec) { .tv_nsec = 200000 }, NULL);
	}
}

static struct tm_error *resume(struct tm_target *t)
{
	struct live *l = t->impl;
	size_t kept = 0;
	for (size_t i = 0; l && i < l->threads.n; i++) {
		struct thread th = l->threads.items[i];
		if (!th.stopped && !th.gone) /* only a stopped thread can be detached: it may have woken up by now */
			tm_error_free(await(t, &th));
		if (th.stopped && !th.gone)
			ptrace(PTRACE_DETACH, th.tid, 0, (void *)(intptr_t)th.signal);
		/* One that sleeps on stays ours: the next stop must not seize it again, and our end lets it go. */
		if (!th.stopped && !th.gone)
			l->threads.items[kept++] = th;
	}
	if (l)
		l->threads.n = kept;
	return NULL;
}

static struct tm_error *is_stopped(struct tm_target *t, int tid, bool *running)
{
	struct live *l = t->impl;
	char c = thread_state(l->pid, tid);
	if (c && !strchr("TtZX", c))
		*running = true;
	return NULL;
}

static struct tm_error *set_stopped_by(struct tm_target *t, const char *fmt, long pid)
{
	struct tm_text s = { 0 };
	tm_text_printf(&s, fmt, pid);
	if (s.failed) {
		tm_text_free(&s);
		return tm_error_nomem();
	}
	free(t->stopped_by);
	t->stopped_by = s.s;
	t->stopped = true;
	return NULL;
}

static bool is_us(long tracer)
{
	return tracer > 0 && (tracer == getpid() || status_field((int)tracer, "PPid") == getpid());
}

bool tm_process_is_ours(int pid)
{
	return is_us(status_field(pid, "TracerPid"));
}

static bool differs(int thread, const char *what)
{
	char theirs[64], ours[64];
	struct stat a, b;
	snprintf(theirs, sizeof theirs, "/proc/%d/%s", thread, what);
	snprintf(ours, sizeof ours, "/proc/self/%s", what);
	return stat(theirs, &a) || stat(ours, &b) || a.st_dev != b.st_dev || a.st_ino != b.st_ino;
}

bool tm_process_has_other_files(int pid)
{
	int thread = living_thread(pid);
	return differs(thread, "ns/mnt") || differs(thread, "root");
}

bool tm_process_lost_main(int pid)
{
	return thread_state(pid, pid) == 'Z';
}

int tm_process_tracer(int pid)
{
	long tracer = status_field(pid, "TracerPid");
	return tracer > 0 ? (int)tracer : 0;
}

/* Is any thread held? Those that were may have ended, and others begun by them. */
static bool holds(const struct live *l)
{
	for (size_t i = 0; i < l->threads.n; i++)
		if (!l->threads.items[i].gone)
			return true;
	return false;
}

static struct tm_error *stop(struct tm_target *t)
{
	struct live *l = t->impl;
	int tries = 0;
	bool running = false, news;
	long tracer = status_field(l->pid, "TracerPid");
	struct tm_error *err = each_thread(t, is_stopped, &running);
	if (err)
		return err;
	if (tracer > 0 && (running || (tracer != getpid() && !t->still))) /* a tracer stops it for moments, too */
		return tm_error_new(TM_ERR_OS,
			"process %d runs under process %ld (a debugger or strace): stop it there first, "
			"or read it running with --no-stop",
			l->pid, tracer);
	if (tracer > 0)
		err = is_us(tracer) ? set_stopped_by(t, "the debugger", 0) : set_stopped_by(t, "its tracer, process %ld", tracer);
	else
		do { /* until a pass over the list finds no thread that an earlier one did not */
			news = false;
			size_t before = l->threads.n;
			err = each_thread(t, seize, &news);
			for (size_t i = before; !err && i < l->threads.n; i++)
				err = await(t, &l->threads.items[i]);
		} while (!err && (news || (!holds(l) && living_thread(l->pid) != l->pid && ++tries < TRIES)));
	if (!err && tracer <= 0 && !holds(l))
		err = tm_error_new(TM_ERR_NOTFOUND, "process %d has ended", l->pid);
	if (!err && tracer <= 0)
		err = set_stopped_by(t, running ? "tm" : "a signal before", 0);
	if (!err)
		err = read_maps(t);
	if (!err && t->regions.n)
		tm_regions_sort(t);
	if (err)
		resume(t);
	return err;
}

static struct tm_error *write_memory(struct tm_target *t, uint64_t addr, const void *data, size_t len)
{
	struct live *l = t->impl;
	struct iovec local = { (void *)(uintptr_t)data, len }, remote = { (void *)(uintptr_t)addr, len };
	ssize_t n = process_vm_writev(l->seen, &local, 1, &remote, 1, 0);
	if (n < 0 && (errno == EPERM || errno == ENOSYS)) {
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/mem", l->seen);
		tm_autoclose int fd = open(path, O_WRONLY | O_CLOEXEC);
		n = fd < 0 ? -1 : pwrite(fd, data, len, (off_t)addr);
	}
	if (n < 0)
		return tm_error_os(errno, "process %d: writing to its memory at 0x%" PRIx64, l->pid, addr);
	return (size_t)n == len ? NULL : tm_error_fault(addr, "process %d: its memory at 0x%" PRIx64 " cannot be written", l->pid, addr);
}

/* ---- files ---- */

/* The very file that is mapped, in any mount namespace and even when it has been replaced. */
static int open_mapped(struct tm_target *t, const struct tm_module *m)
{
	struct live *l = t->impl;
	const struct tm_region *r = tm_target_region(t, m->start);
	char path[128];
	int fd = -1;
	if (r && r->path) {
		snprintf(path, sizeof path, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, l->seen, r->start, r->end);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0 && t->exe && strcmp(t->exe, m->path) == 0) {
		snprintf(path, sizeof path, "/proc/%d/exe", l->seen);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

static void close_live(struct tm_target *t)
{
	struct live *l = t->impl;
	if (!l)
		return;
	if (l->mem >= 0)
		close(l->mem);
	tm_array_free(&l->threads);
	free(l);
}

static const struct tm_target_ops ops = { .stop = stop, .resume = resume, .open_file = open_mapped, .write = write_memory,
	.close = close_live };

static void read_auxv(struct tm_target *t)
{
	FILE *f = open_seen(t->impl, "auxv");
	if (!f)
		return;
	union {
		uint64_t w64[2];
		uint32_t w32[2];
	} u;
	while (fread(&u, t->memory.word * 2, 1, f) == 1) {
		uint64_t key = t->memory.word == 8 ? u.w64[0] : u.w32[0], value = t->memory.word == 8 ? u.w64[1] : u.w32[1];
		if (key == AT_PHDR)
			t->phdr = value;
	}
	fclose(f);
}

/* What /proc/PID/exe says: the path, the width of its words and its byte order. */
static struct tm_error *read_exe(struct tm_target *t)
{
	char link[64], path[4096];
	unsigned char ident[EI_NIDENT];
	struct live *l = t->impl;
	ssize_t n;
	int tries = 0;
	do {
		l->seen = living_thread(l->pid);
		snprintf(link, sizeof link, "/proc/%d/exe", l->seen);
		n = readlink(link, path, sizeof path - 1);
	} while (n < 0 && errno == ENOENT && l->seen != l->pid && ++tries < TRIES);
	if (n < 0)
		return errno == ENOENT ? tm_error_new(TM_ERR_NOTPYTHON, "process %d has no program (a kernel thread?)", t->pid)
				       : no_permission(t->pid);
	path[n] = 0;
	const char deleted[] = " (deleted)";
	if ((size_t)n > sizeof deleted && strcmp(path + n - (sizeof deleted - 1), deleted) == 0)
		path[(size_t)n - (sizeof deleted - 1)] = 0;
	t->exe = strdup(path);
	tm_autoclose int fd = open(link, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && read(fd, ident, sizeof ident) == sizeof ident && memcmp(ident, ELFMAG, SELFMAG) == 0)
		tm_memory_init(&t->memory, ident[EI_CLASS] == ELFCLASS32 ? 4 : 8, ident[EI_DATA] == ELFDATA2MSB);
	return t->exe ? NULL : tm_error_nomem();
}

/* Reading must be possible before anything is stopped. */
static struct tm_error *try_read(struct tm_target *t)
{
	struct live *l = t->impl;
	for (size_t i = 0; i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		char byte;
		if (!(r->prot & TM_READ))
			continue;
		if (fill(l, r->start, &byte, 1) == 1)
			return NULL;
		if (l->mem < 0 && (errno == EPERM || errno == ENOSYS)) {
			char path[64];
			snprintf(path, sizeof path, "/proc/%d/mem", l->seen);
			l->mem = open(path, O_RDONLY | O_CLOEXEC);
			if (l->mem < 0 || fill(l, r->start, &byte, 1) != 1)
				return no_permission(l->pid);
			return NULL;
		}
	}
	return tm_error_new(TM_ERR_NOTPYTHON, "process %d has no memory that can be read", l->pid);
}

static struct tm_error *open_process(int pid, const struct tm_target_ops *how, const struct tm_search *search, struct tm_poll poll,
	struct tm_target **ret)
{
	char name[32];
	snprintf(name, sizeof name, "process %d", pid);
	long leader = status_field(pid, "Tgid");
	if (leader <= 0)
		return tm_error_new(TM_ERR_NOTFOUND, "no process %d", pid);
	char state = thread_state((int)leader, (int)leader);
	struct tm_target *t;
	struct tm_error *err = tm_target_new(TM_KIND_PROCESS, name, sizeof(void *), TM_HOST_BIG, search, poll, &t);
	if (err)
		return err;
	struct live *l = calloc(1, sizeof *l);
	if (!l) {
		tm_target_close(t);
		return tm_error_nomem();
	}
	*l = (struct live) { .pid = (int)leader, .seen = living_thread((int)leader), .mem = -1 };
	t->impl = l;
	t->ops = how;
	t->pid = (int)leader;
	FILE *mem = l->seen != l->pid ? open_seen(l, "mem") : NULL;
	if (mem) /* the thread may end: what is open stays */
		l->mem = fcntl(fileno(mem), F_DUPFD_CLOEXEC, 0);
	if (mem)
		fclose(mem);
	err = read_exe(t);
	if (err && state == 'Z' && l->seen == l->pid) {
		tm_error_free(err);
		err = tm_error_new(TM_ERR_NOTFOUND, "process %d has ended (it is a zombie: its parent has not waited for it)", pid);
	}
	if (!err) {
		t->memory.fill = fill;
		t->memory.fill_is_shared = true; /* the system calls keep no state */
		t->memory.ctx = l;
		read_auxv(t);
		err = read_maps(t);
	}
	if (!err)
		err = try_read(t);
	bool running = false;
	if (!err)
		err = each_thread(t, is_stopped, &running);
	t->still = !running;
	if (!err)
		err = tm_target_settle(t);
	if (err) {
		tm_target_close(t);
		return err;
	}
	*ret = t;
	return NULL;
}

struct tm_error *tm_target_open_process(int pid, const struct tm_search *search, struct tm_poll poll, struct tm_target **ret)
{
	return open_process(pid, &ops, search, poll, ret);
}

/* ---- this very process ---- */

/* All that is mapped, where it is. A device may not like to be read. */
static struct tm_error *read_in_place(struct tm_target *t)
{
	struct live *l = t->impl;
	l->copies = t->memory;
	tm_memory_init(&t->memory, l->copies.word, l->copies.big);
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		if (r->there && !(r->path && strncmp(r->path, "/dev/", 5) == 0))
			err = tm_memory_add(&t->memory, r->start, r->there, (const void *)(uintptr_t)r->start);
	}
	return err;
}

static struct tm_error *hold_self(struct tm_target *t)
{
	struct live *l = t->impl;
	if (!l->holder->hold(l->holder->ctx, t->lock, t->lock_is_mutex))
		return tm_error_new(TM_ERR_OS, "the lock of tracemalloc's tables cannot be had");
	l->held = true;
	t->lock_is_ours = true;
	struct tm_error *err = set_stopped_by(t, "its own locks", 0);
	if (!err)
		err = read_maps(t);
	if (!err)
		tm_regions_sort(t);
	return err ? err : read_in_place(t);
}

static struct tm_error *release_self(struct tm_target *t)
{
	struct live *l = t->impl;
	if (l->copies.spans) {
		tm_memory_deinit(&t->memory);
		t->memory = l->copies;
		l->copies = (struct tm_memory) { 0 };
	}
	if (l->held)
		l->holder->release(l->holder->ctx);
	l->held = false;
	return NULL;
}

static const struct tm_target_ops self_ops = { .stop = hold_self, .resume = release_self, .open_file = open_mapped,
	.close = close_live };

struct tm_error *tm_target_open_self(const struct tm_holder *holder, struct tm_poll poll, struct tm_target **ret)
{
	struct tm_error *err = open_process(getpid(), &self_ops, NULL, poll, ret);
	if (err)
		return err;
	((struct live *)(*ret)->impl)->holder = holder;
	(*ret)->guarded = true;
	return NULL;
}
