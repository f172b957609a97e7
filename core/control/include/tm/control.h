/*
 * tracemalloc's verbs that change the target: the only place of tm that makes anything run in it. What to run, where and when is
 * decided here; how a debugger lets its target run is lent by the host, as five operations.
 */
#ifndef TM_CONTROL_H
#define TM_CONTROL_H
#include "tm/snapshot.h"
#include "tm/target.h"

enum tm_verb { TM_START, TM_STOP, TM_CLEAR_TRACES, TM_RESET_PEAK };

enum { TM_STACK_DEPTH = 64, TM_MOST_NFRAME = 65535 /* a traceback keeps its length in 16 bits since CPython 3.9 */ };

/* A thread, as the debugger unwinds it: its innermost frame first. */
struct tm_stack {
	int tid;
	unsigned n;
	uint64_t pc[TM_STACK_DEPTH];
};
struct tm_stacks {
	TM_ARRAY(struct tm_stack) threads;
};

/* What a debugger lends. All times are seconds; on return the target stands still. */
struct tm_hands {
	struct tm_error *(*write)(void *ctx, uint64_t addr, const void *data, size_t len);
	/* Appends every thread. */
	struct tm_error *(*threads)(void *ctx, struct tm_stacks *ret);
	/* Why nothing can be called in this target, as an error; NULL: it can. */
	struct tm_error *(*uncallable)(void *ctx);
	/*
	 * Calls the function at FUNCTION on thread TID; other threads may run meanwhile. An error has put the registers back as they
	 * were: a signal or a time-out came in between.
	 */
	struct tm_error *(*call)(void *ctx, int tid, uint64_t function, const uint64_t *args, unsigned nargs, double seconds, uint64_t *ret);
	/*
	 * Lets the process run until a thread, *TID, is about to execute ADDR with ARGUMENT (NULL: any) as its first argument; 0 when
	 * that did not happen in time. No breakpoint of the user stops it. An error: it ended, or stopped for another reason.
	 */
	struct tm_error *(*run_to)(void *ctx, uint64_t addr, const uint64_t *argument, double seconds, int *tid);
	/* Until frame LEVEL (0: the innermost) of that thread has returned. */
	struct tm_error *(*finish)(void *ctx, int tid, unsigned level, double seconds, bool *done);
	void *ctx;
};

struct tm_order {
	enum tm_verb verb;
	unsigned nframe; /* of TM_START */
	double seconds;	 /* how long to wait for the target */
	double before;	 /* that were waited before, for messages */
};

enum tm_way {
	TM_WAY_NONE,	/* there was nothing to do */
	TM_WAY_SCRIPT,	/* PEP 768 (CPython 3.14+): the process runs a script by itself; memory is written, nothing is called */
	TM_WAY_PENDING, /* a pending call, which the main thread runs between two bytecodes */
	TM_WAY_BLOCKED, /* on the main thread, which waits in a system call without the GIL */
};
extern const char *const tm_way_names[];

/* USAGE, NOTTRACING, UNSUPPORTED when this cannot be asked of a process in that state; *NEEDED: false when it is so already. */
struct tm_error *tm_control_check(const struct tm_about *about, const struct tm_order *order, bool *needed);
/* Is PEP 768 this Python's way? Then a process of this machine needs no debugger. */
bool tm_control_alone(const struct tm_about *about);
/*
 * Does it. T is the target that ABOUT was captured from; it must be opened anew to be read after. HANDS NULL: T is a live process
 * of this machine that nobody holds. On errors the target is as it was, but where the message says otherwise.
 */
struct tm_error *tm_control(struct tm_target *t, const struct tm_about *about, const struct tm_order *order, const struct tm_hands *hands,
	enum tm_way *way);
/* Did the order come true? ABOUT of a capture after. */
struct tm_error *tm_control_verify(const struct tm_about *about, const struct tm_order *order);
#endif
