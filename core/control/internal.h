/* Inside control: one order under way. */
#ifndef TM_CONTROL_INTERNAL_H
#define TM_CONTROL_INTERNAL_H
#include "tm/control.h"
#include "tm/elffile.h"
#include "tm/layout.h"

/* Functions of the interpreter that are called, or waited for. All of them are exported, also by stripped builds. */
enum tm_function {
	TM_FN_RUN, TM_FN_ADD_PENDING, TM_FN_GIL_CHECK, TM_FN_GIL_ENSURE, TM_FN_GIL_RELEASE, TM_FN_HASH, TM_FN_EVAL_CODE, TM_FN_NOTHING,
	TM_FN_RUNTIME, TM_NFUNCTIONS
};

struct tm_control {
	struct tm_target *t;
	const struct tm_about *about;
	const struct tm_order *order;
	const struct tm_hands *hands; /* NULL: the process is ours to stop */
	bool may_call;
	const struct tm_control_row *row;
	struct tm_module *python;
	uint64_t fn[TM_NFUNCTIONS];
	uint64_t runtime_size;
	uint64_t mmap, munmap;
	uint64_t interpreter; /* the main one */
	double deadline;      /* by tm_seconds() */
	struct tm_stacks stacks, before; /* as they are, as they were the last time */
	const struct tm_stack *main;
	unsigned nbrief; /* times that it was waited for the end of a brief wait */
};

double tm_seconds(void); /* a clock that only goes on */
static inline double tm_control_left(const struct tm_control *c)
{
	double left = c->deadline - tm_seconds();
	return left > 0 ? left : 0;
}

/* A number of _Py_DebugOffsets, or of the row itself; false when it cannot be one. */
bool tm_control_offset(struct tm_control *c, uint16_t at, uint64_t *ret);
/* What the process runs: an expression of Python that names nothing and raises nothing. */
void tm_control_source(const struct tm_order *order, struct tm_text *t);

/* ---- frames ---- */

/* Reads every thread's; the main thread's is c->main. The target's memory is read anew after. */
struct tm_error *tm_control_stacks(struct tm_control *c);
/* The function at PC, "" when no symbol tells. */
void tm_control_function(struct tm_control *c, uint64_t pc, char name[64]);
/* Is a thread inside the queue of pending calls, whose lock it may hold? */
bool tm_control_in_queue(struct tm_control *c);
/* Does the main thread wait in a system call that Python made with the GIL let go? */
bool tm_control_blocked(struct tm_control *c);
/*
 * May that be the wait of a moment for a mutex of the interpreter's own (3.13+), which must not be entered twice? Not when the thread
 * stood there at the last look, too.
 */
bool tm_control_brief(struct tm_control *c);
/* Will the GIL be had soon: it is free, or its holder runs bytecode? */
bool tm_control_gil(struct tm_control *c);
bool tm_control_gil_is_free(struct tm_control *c);
/* "in sem_clockwait () < time_sleep () ..." of the main thread, for messages. */
void tm_control_where(struct tm_control *c, struct tm_text *t);

/* ---- the ways; *DONE false: not now, try again ---- */
struct tm_error *tm_control_script(struct tm_control *c, bool *done);
struct tm_error *tm_control_script_allowed(struct tm_control *c); /* has the process switched it off? */
struct tm_error *tm_control_pending(struct tm_control *c, bool *done);
struct tm_error *tm_control_on_main(struct tm_control *c, bool *done);
#endif
