/*
 * Inside the module: what its types share. There is nothing global: the state is the module's, and every type of ours keeps
 * its module in its dictionary (as __tm__), where methods find it. Limited API of Python 3.8.
 */
#ifndef TM_MODULE_H
#define TM_MODULE_H
#include <Python.h>
#include <limits.h>
#include <structmember.h>
#include "tm/command.h"
#include "tm/filter.h"
#include "tm/snapshot.h"

/*
 * References are counted by the interpreter that we are loaded in: the headers of an older Python would count those of immortal
 * objects (3.12+), too, and one day free them.
 */
#undef Py_INCREF
#undef Py_DECREF
#undef Py_XINCREF
#undef Py_XDECREF
#define Py_INCREF(o) Py_IncRef((PyObject *)(o))
#define Py_DECREF(o) Py_DecRef((PyObject *)(o))
#define Py_XINCREF(o) Py_IncRef((PyObject *)(o))
#define Py_XDECREF(o) Py_DecRef((PyObject *)(o))

enum tm_type {
	TM_TYPE_FRAME, TM_TYPE_TRACEBACK, TM_TYPE_TRACE, TM_TYPE_TRACES, TM_TYPE_STATISTIC, TM_TYPE_STATISTIC_DIFF,
	TM_TYPE_BASE_FILTER, TM_TYPE_FILTER, TM_TYPE_DOMAIN_FILTER, TM_TYPE_SNAPSHOT, TM_TYPE_TARGET, TM_TYPE_SESSION, TM_NTYPES
};

enum { TM_PART_IS_TRACING, TM_PART_GET_TRACES, TM_PART_GET_LIMIT, TM_NPARTS };

/* What is the interpreter's own. */
enum tm_own {
	TM_OWN_START,
	TM_OWN_STOP,
	TM_OWN_CLEAR,
	TM_OWN_RESET_PEAK,
	TM_OWN_IS_TRACING,
	TM_OWN_LIMIT,
	TM_OWN_TRACED,
	TM_OWN_MEMORY,
	TM_OWN_TRACES,
	TM_OWN_OBJECT,
	TM_NOWN
};

struct tm_module_state {
	PyObject *types[TM_NTYPES];
	PyObject *error; /* tm.Error */
	PyObject *host;	 /* whom the functions mean; NULL: this very process */
	PyObject *own[TM_NOWN]; /* _tracemalloc's functions; NULL: this version has none such */
	PyObject *parts[TM_NPARTS]; /* what take_snapshot() is made of, as it was: tests put others in their places */
};

extern PyModuleDef tm_module_def;
/* Borrowed from the module. NULL with TypeError when somebody took __tm__ away. */
struct tm_module_state *tm_state_of_type(PyTypeObject *type);
static inline struct tm_module_state *tm_state_of(PyObject *self)
{
	return tm_state_of_type(Py_TYPE(self));
}

/* Makes the types and adds them to the module. -1 with an exception. */
int tm_types_add(PyObject *module, struct tm_module_state *st);
extern PyType_Spec tm_frame_spec, tm_traceback_spec, tm_trace_spec, tm_traces_spec, tm_statistic_spec, tm_statistic_diff_spec,
	tm_base_filter_spec, tm_filter_spec, tm_domain_filter_spec, tm_snapshot_spec, tm_target_spec,
	tm_session_spec;

/* ---- small immutable objects: a few fields, each a Python object or NULL ---- */

enum { TM_FIELDS = 5 };
struct tm_record {
	PyObject_HEAD
	PyObject *field[TM_FIELDS];
};
#define TM_FIELD(i) (offsetof(struct tm_record, field) + (i) * sizeof(PyObject *))
/* Takes the references over, also when it fails; a NULL first field is a failure before. */
PyObject *tm_record_new(PyTypeObject *type, PyObject *const fields[TM_FIELDS]);
int tm_record_traverse(PyObject *self, visitproc visit, void *arg);
int tm_record_clear(PyObject *self);
void tm_record_dealloc(PyObject *self);
static inline PyObject *tm_field(PyObject *self, int i)
{
	return ((struct tm_record *)self)->field[i];
}
/* Compares field I of two objects, the second of which must be of TYPE, too: else NotImplemented. */
PyObject *tm_record_compare(PyObject *a, PyObject *b, enum tm_type type, int i, int op);
/* The first N fields as a tuple: what hash and equality of all of them go by. */
PyObject *tm_record_tuple(PyObject *self, int n);
/* (type, ARGS) and, of a subclass, its attributes: what pickle and copy make SELF of again. Takes ARGS over. */
PyObject *tm_reduce(PyObject *self, PyObject *args);
/* __reduce__ of objects that are made of their fields. */
PyObject *tm_record_reduce(PyObject *self, PyObject *unused);
/* Frees an object of a heap type and lets go of the type. */
void tm_object_free(PyObject *self);

/* "4.5 KiB" of a number of ours or of anybody's, as tracemalloc writes it. */
PyObject *tm_format_size(PyObject *size, bool sign);

/* Traceback out of frames as CPython stores them, newest first: a tuple of (filename, lineno). Takes FRAMES, TOTAL over. */
PyObject *tm_traceback_make(struct tm_module_state *st, PyObject *frames, PyObject *total);
/* index() and count() as collections.abc.Sequence has them. */
PyObject *tm_sequence_index(PyObject *self, PyObject *args, PyObject *kwargs);
PyObject *tm_sequence_count(PyObject *self, PyObject *value);

/* ---- snapshots ---- */

/* A Snapshot; takes the reference over. */
PyObject *tm_snapshot_object(struct tm_module_state *st, struct tm_snapshot *s);
/* The frames of a traceback as tuples, newest first; filenames are made once for each TRACES object. */
PyObject *tm_traces_frames(PyObject *traces, const struct tm_frame *frames, uint32_t n);
PyObject *tm_traces_object(struct tm_module_state *st, struct tm_snapshot *s);
PyObject *tm_traces_of_list(struct tm_module_state *st, PyObject *list); /* of Python tuples; borrows LIST */
/* Borrowed; made now where the traces are Python's: then NULL with an exception when they are none. */
struct tm_snapshot *tm_traces_snapshot(PyObject *traces);
PyObject *tm_traces_list(PyObject *traces); /* the tuples, a new reference */
/*
 * A snapshot of Python tuples. TypeError for what is no trace; OverflowError for sizes that do not fit 64 bits, domains and
 * lines that do not fit 32, and negative ones.
 */
struct tm_snapshot *tm_raw_snapshot(PyObject *traces);
/* 1: SELF is a filter that the core can apply, *RET, whose text KEEP (a list) keeps; 0: it is not; -1 with an exception. */
int tm_filter_convert(struct tm_module_state *st, PyObject *self, PyObject *keep, struct tm_filter *ret);
PyObject *tm_long_u128(tm_u128 n);

/* ---- work without the GIL, callbacks with it ---- */

struct tm_run {
	PyThreadState *ts;		/* while the GIL is released */
	PyObject *type, *value, *trace; /* what a callback raised first */
	struct tm_module_state *st;
	PyObject *host;			/* kept; may be NULL */
	PyObject *kept;			/* list: what must outlive the run and its targets */
};
/* From here on Python objects are out of bounds but in callbacks. Always paired with tm_run_end. */
int tm_run_begin(struct tm_run *run, struct tm_module_state *st, PyObject *host);
/*
 * Takes ERR over. True: all went well. False: an exception is set: a callback's own, KeyboardInterrupt, or one made of ERR;
 * RAISE makes it.
 */
bool tm_run_end(struct tm_run *run, struct tm_error *err, void (*raise)(struct tm_module_state *st, struct tm_error *err));
void tm_run_enter(struct tm_run *run); /* a callback begins */
void tm_run_leave(struct tm_run *run); /* it ends; an exception that is set is kept for the end */
struct tm_poll tm_run_poll(struct tm_run *run);
/* An error that stands for the exception that is kept. */
struct tm_error *tm_run_failed(const struct tm_run *run);

/* The exception for ERR, by one table: OSError, MemoryError, ValueError, KeyboardInterrupt, else tm.Error. Frees ERR. */
void tm_raise(struct tm_module_state *st, struct tm_error *err);
/* tm.Error with status and message, whatever ERR is: for commands. */
void tm_raise_command(struct tm_module_state *st, struct tm_error *err);

/* ---- files and processes ---- */

/* The snapshot of a file or, with PID, of a process. NULL with an exception; only FILES: a core is refused. */
struct tm_snapshot *tm_source_of(struct tm_module_state *st, PyObject *path, int pid, bool files);

/* ---- this process ---- */

/*
 * A snapshot of this very process's tables, which are held still by the GIL and their own lock while they are copied. NULL with
 * or without an exception: without one, they could not be read, or not without a doubt.
 */
struct tm_snapshot *tm_own_snapshot(struct tm_module_state *st);

/* ---- live control ---- */

/* The host's six methods as the core calls them, with the GIL released; CTX is where the run stands. */
bool tm_host_has_hands(PyObject *host);
struct tm_hands tm_host_hands(struct tm_run **run);

/* Runs one row for what the module is bound to, silently. None, or NULL with an exception. */
PyObject *tm_host_command(struct tm_module_state *st, const char *const *words, int n);

/* ---- targets ---- */

/* Asks HOST for its target (host.target()) and opens it; called with the GIL released. */
struct tm_error *tm_host_target(struct tm_run *run, const struct tm_search *search, enum tm_road road, struct tm_target **ret);
/* Opens what a Target describes; called with the GIL released. The run keeps the object. */
struct tm_error *tm_target_open(struct tm_run *run, PyObject *target, const struct tm_search *search, enum tm_road road,
	struct tm_target **ret);
/* A new reference, or NULL with an exception: TypeError when it is no Target. */
PyObject *tm_target_of_host(struct tm_module_state *st, PyObject *host);
/*
 * PATH: by which way the core file is opened that this process has open under the name NAMED, or MAPPED ("": under any name). False: it
 * is mapped no more. A name that nothing here has open is believed.
 */
bool tm_held_core(const char *named, bool mapped, char path[PATH_MAX]);
#endif
