/*
 * This very process's tables. The GIL keeps Python code from changing them, but blocks of the raw domain come and go without
 * it, so the tables' own lock is taken, too. Between the two nothing of Python is allocated: that would want the lock.
 */
#include "module.h"
#include "tm/capture.h"
#include <dlfcn.h>
#include <sched.h>

enum { PATIENCE = 100000, ROUNDS = 3 }; /* microseconds; captures before it is given up */

struct own {
	struct tm_run *run;
	void *lock;		 /* what is held; NULL: nothing but the GIL */
	void (*unlock)(void *mutex); /* a PyMutex's; NULL: it is a PyThread_type_lock */
};

/*
 * A PyMutex is taken as its owner's quick way takes it (bit 0 of its byte, Include/cpython/pylock.h of 3.14), and never waited
 * for in its queue: that would give up the GIL, and when the mutex is handed to us, another thread waits for it with the GIL.
 * PyMutex_Unlock, which wakes who waits, is older than its place in the limited API: it is looked up where it is.
 */
static bool lock_mutex(struct own *o, unsigned char *mutex)
{
	enum { LOCKED = 1, YIELDS = 10000 };
	o->unlock = (void (*)(void *))dlsym(RTLD_DEFAULT, "PyMutex_Unlock");
	for (int i = 0; o->unlock && i < YIELDS; i++) {
		unsigned char seen = __atomic_load_n(mutex, __ATOMIC_RELAXED);
		if (!(seen & LOCKED) && __atomic_compare_exchange_n(mutex, &seen, seen | LOCKED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
			o->lock = mutex;
			return true;
		}
		sched_yield();
	}
	return false;
}

static bool hold(void *ctx, uint64_t lock, bool is_mutex)
{
	struct own *o = ctx;
	tm_run_enter(o->run);
	o->lock = NULL;
	o->unlock = NULL;
	bool held = !lock;
	if (lock && is_mutex) {
		held = lock_mutex(o, (unsigned char *)(uintptr_t)lock);
	} else if (lock) {
		PyThread_type_lock inner = *(PyThread_type_lock *)(uintptr_t)lock;
		held = inner && PyThread_acquire_lock_timed(inner, PATIENCE, 0) == PY_LOCK_ACQUIRED;
		o->lock = held ? inner : NULL;
	}
	if (!held)
		tm_run_leave(o->run);
	return held;
}

static void release(void *ctx)
{
	struct own *o = ctx;
	if (o->lock && o->unlock)
		o->unlock(o->lock);
	else if (o->lock)
		PyThread_release_lock(o->lock);
	tm_run_leave(o->run);
}

struct tm_snapshot *tm_own_snapshot(struct tm_module_state *st)
{
	struct tm_run run;
	struct own own = { .run = &run };
	struct tm_holder holder = { hold, release, &own };
	struct tm_snapshot *s = NULL;
	struct tm_error *err = NULL;
	if (tm_run_begin(&run, st, NULL) < 0)
		return NULL;
	for (int i = 0; i < ROUNDS && !s && !run.type; i++) {
		struct tm_target *t = NULL;
		tm_error_free(err);
		err = tm_target_open_self(&holder, tm_run_poll(&run), &t);
		if (!err)
			err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
		tm_target_close(t);
		if (s && !s->about.complete) { /* changed under our hands after all */
			tm_snapshot_unref(s);
			s = NULL;
		}
	}
	if (err && tm_error_code(err) != TM_ERR_INTERRUPTED && tm_error_code(err) != TM_ERR_NOMEM) {
		tm_error_free(err); /* another way is left */
		err = NULL;
	}
	if (tm_run_end(&run, err, tm_raise))
		return s;
	tm_snapshot_unref(s);
	return NULL;
}
