/* Where the threads stand: what is safe depends on nothing else. */
#include "internal.h"
#include <stdio.h>
#include <string.h>

enum { LOOK_DEEP = 6 };

struct tm_error *tm_control_stacks(struct tm_control *c)
{
	struct tm_stacks reused = c->before;
	c->before = c->stacks;
	c->stacks = reused;
	c->stacks.threads.n = 0;
	c->main = NULL;
	tm_memory_forget(&c->t->memory);
	struct tm_error *err = c->hands->threads(c->hands->ctx, &c->stacks);
	for (size_t i = 0; !err && i < c->stacks.threads.n; i++)
		if (c->stacks.threads.items[i].tid == c->t->pid)
			c->main = &c->stacks.threads.items[i];
	if (!err && !c->main)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s: it has no main thread any more", c->t->name);
	bool in_python = false;
	for (unsigned i = 0; !err && i < c->main->n; i++)
		in_python |= tm_target_module(c->t, c->main->pc[i]) == c->python;
	if (!err && !in_python)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s: its main thread is not in Python, or its stack cannot be unwound", c->t->name);
	return err;
}

void tm_control_function(struct tm_control *c, uint64_t pc, char name[64])
{
	const struct tm_module *at = tm_target_module(c->t, pc);
	struct tm_module *m = at ? &c->t->modules.items[at - c->t->modules.items] : NULL;
	struct tm_elffile *file = m ? tm_module_file(c->t, m) : NULL;
	name[0] = 0;
	if (!file || tm_elffile_function(file, pc - m->bias, name, 64))
		return;
	struct tm_elffile *debug = tm_module_debug(c->t, m);
	if (debug && !tm_elffile_function(debug, pc - m->bias, name, 64))
		name[0] = 0;
}

/*
 * Whoever waits for a PyMutex is known to it by an address on the stack: a call that waits there cannot be given up, and if the thread
 * holds it itself that call never ends. (A semaphore, before 3.13, minds neither.)
 */
static bool queue_is_locked(struct tm_control *c)
{
	struct tm_memory *m = &c->t->memory;
	uint64_t runtime = c->fn[TM_FN_RUNTIME];
	uint32_t max, loop, pending, first, next;
	unsigned char mutex[4];
	for (uint64_t at = runtime; c->row->cookie && at < runtime + TM_QUEUE_WITHIN; at += 8)
		if (tm_memory_u32(m, at + TM_QUEUE_MAX, &max) && max == TM_QUEUE_MOST && tm_memory_u32(m, at + TM_QUEUE_MAXLOOP, &loop) && !loop &&
		    tm_memory_u32(m, at + TM_QUEUE_NPENDING, &pending) && pending <= TM_QUEUE_MOST &&
		    tm_memory_read(m, at + TM_QUEUE_MUTEX, mutex, 4) == 4 && mutex[0] < 4 && !mutex[1] && !mutex[2] && !mutex[3] &&
		    tm_memory_u32(m, at + TM_QUEUE_FIRST, &first) && first < TM_QUEUE_ROOM && tm_memory_u32(m, at + TM_QUEUE_NEXT, &next) &&
		    next < TM_QUEUE_ROOM)
			return mutex[0] & 1;
	return false;
}

bool tm_control_in_queue(struct tm_control *c)
{
	char name[64];
	if (queue_is_locked(c))
		return true;
	for (size_t i = 0; i < c->stacks.threads.n; i++) {
		const struct tm_stack *s = &c->stacks.threads.items[i];
		for (unsigned k = 0; k < s->n && k < LOOK_DEEP; k++) {
			if (tm_target_module(c->t, s->pc[k]) != c->python)
				continue;
			tm_control_function(c, s->pc[k] - (k > 0), name);
			if (strstr(name, "PendingCall") || strstr(name, "make_pending") || strstr(name, "pending_call"))
				return true;
		}
	}
	return false;
}

/* The module is the C library or the loader: what it holds while it waits, nobody knows. */
static bool is_libc(const struct tm_module *m)
{
	const char *slash = strrchr(m->path, '/'), *name = slash ? slash + 1 : m->path;
	return strncmp(name, "libc.", 5) == 0 || strncmp(name, "libc-", 5) == 0 || strncmp(name, "libpthread", 10) == 0 || strncmp(name, "ld-", 3) == 0;
}

/* Functions in which a thread waits by its own will, holding nothing of the C library's. */
static bool waits(const char *name)
{
	static const char *const names[] = { "accept", "accept4", "clock_nanosleep", "connect", "epoll_pwait", "epoll_wait", "flock", "msgrcv", "nanosleep",
		"pause", "poll", "ppoll", "pread64", "pselect", "pthread_join", "read", "readv", "recv", "recvfrom", "recvmsg", "select", "sem_clockwait",
		"sem_timedwait", "sem_wait", "send", "sendmsg", "sendto", "sigsuspend", "sigtimedwait", "sigwait", "sigwaitinfo", "sleep", "usleep", "wait",
		"wait3", "wait4", "waitid", "waitpid", "write", "writev" };
	while (*name == '_') /* __select, __libc_read */
		name++;
	if (strncmp(name, "libc_", 5) == 0)
		name += 5;
	char bare[64];
	snprintf(bare, sizeof bare, "%s", name);
	char *version = strchr(bare, '@');
	if (version)
		*version = 0;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(names[i], bare) == 0)
			return true;
	return false;
}

/*
 * Does the main thread wait by its own will? Its pc is right behind a system call, which is inside the C library: NAME is its outermost
 * function on the way to it, one of the above, called from Python or one of its extensions.
 */
static bool in_wait(struct tm_control *c, char name[64])
{
	unsigned char insn[2];
	const struct tm_stack *s = c->main;
	if (tm_memory_read(&c->t->memory, s->pc[0] - 2, insn, 2) != 2 || insn[0] != 0x0f || insn[1] != 0x05)
		return false;
	unsigned n = 0;
	for (; n < s->n; n++) {
		const struct tm_module *m = tm_target_module(c->t, s->pc[n]);
		if (!m || !is_libc(m))
			break;
	}
	if (!n || n >= s->n || !tm_target_module(c->t, s->pc[n]))
		return false;
	tm_control_function(c, s->pc[n - 1] - (n > 1), name);
	if (waits(name))
		return true;
	/* glibc's sem_wait jumps to its slow half, which has no name or any: who called it does nothing else there. */
	tm_control_function(c, s->pc[n] - 1, name);
	bool semaphore = strcmp(name, "_PySemaphore_Wait") == 0 || strcmp(name, "_PySemaphore_PlatformWait") == 0 ||
		strcmp(name, "PyThread_acquire_lock_timed") == 0;
	strcpy(name, "sem_wait");
	return semaphore;
}

bool tm_control_blocked(struct tm_control *c)
{
	char name[64];
	return in_wait(c, name);
}

bool tm_control_brief(struct tm_control *c)
{
	char name[64];
	if (!c->row->cookie || !in_wait(c, name) || !strstr(name, "sem_"))
		return false;
	for (size_t i = 0; i < c->before.threads.n; i++) {
		const struct tm_stack *then = &c->before.threads.items[i];
		if (then->tid == c->main->tid && then->n == c->main->n && memcmp(then->pc, c->main->pc, then->n * sizeof *then->pc) == 0)
			return false;
	}
	return true;
}

/* Where in its innermost frame of bytecode the thread is; 0: it has none, or none is known by a symbol. */
static uint64_t bytecode_pc(struct tm_control *c, const struct tm_stack *s)
{
	char name[64];
	for (unsigned i = 0; i < s->n; i++) {
		if (tm_target_module(c->t, s->pc[i]) != c->python)
			continue;
		tm_control_function(c, s->pc[i] - (i > 0), name);
		if (strcmp(name, "_PyEval_EvalFrameDefault") == 0)
			return s->pc[i];
	}
	return 0;
}

/* Has another thread than the main one come further in its bytecode since the last look? */
static bool runs_bytecode(struct tm_control *c)
{
	for (size_t i = 0; i < c->stacks.threads.n; i++) {
		const struct tm_stack *now = &c->stacks.threads.items[i];
		for (size_t k = 0; k < c->before.threads.n && now != c->main; k++)
			if (c->before.threads.items[k].tid == now->tid && bytecode_pc(c, &c->before.threads.items[k]) != bytecode_pc(c, now))
				return true;
	}
	return false;
}

static bool gil_locked(struct tm_control *c, uint32_t *locked)
{
	uint64_t offset, gil = 0;
	if (!tm_control_offset(c, c->row->gil, &offset))
		return false;
	if (!c->row->gil_is_pointer)
		gil = c->fn[TM_FN_RUNTIME] + offset;
	else if (!tm_memory_word(&c->t->memory, c->interpreter + offset, &gil))
		return false;
	return tm_memory_u32(&c->t->memory, gil + TM_GIL_LOCKED, locked) && *locked <= 1;
}

bool tm_control_gil(struct tm_control *c)
{
	uint32_t locked;
	return gil_locked(c, &locked) && (!locked || runs_bytecode(c));
}

bool tm_control_gil_is_free(struct tm_control *c)
{
	uint32_t locked;
	tm_memory_forget(&c->t->memory);
	return gil_locked(c, &locked) && !locked;
}

void tm_control_where(struct tm_control *c, struct tm_text *t)
{
	char name[64];
	unsigned shown = 0;
	for (unsigned i = 0; c->main && i < c->main->n && shown < 4; i++) {
		tm_control_function(c, c->main->pc[i] - (i > 0), name);
		if (name[0])
			tm_text_printf(t, "%s%s ()", shown++ ? " of " : "in ", name);
	}
}
