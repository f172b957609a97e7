/*
 * Where CPython keeps tracemalloc's state, as numbers. This room alone names Python versions; every other one reads these
 * numbers. No row is trusted: capture/evidence.c decides whether one fits.
 *
 * Sources: CPython Modules/_tracemalloc.c (3.6-3.12), Python/tracemalloc.c (3.13-3.15), Modules/hashtable.h,
 * Python/hashtable.c, Include/internal/pycore_{tracemalloc,hashtable,runtime}.h, Include/cpython/unicodeobject.h of the
 * releases named in each row; checked against the DWARF of the interpreters at hand by tests/matrix/test_layout.py.
 */
#ifndef TM_LAYOUT_H
#define TM_LAYOUT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TM_NONE = 0xffff }; /* this build has no such member */

enum tm_root {
	TM_ROOT_GLOBALS, /* static variables of the module */
	TM_ROOT_RUNTIME, /* a struct inside _PyRuntime */
};

enum tm_lock {
	TM_LOCK_SEMAPHORE, /* pointer to a sem_t: its first 32 bits are 0 while held */
	TM_LOCK_MUTEX,	   /* PyMutex: bit 0 of the byte is set while held */
};

enum tm_filename {
	TM_FILENAME_OBJECT, /* a Python str */
	TM_FILENAME_BYTES,  /* NUL-terminated UTF-8 with surrogates */
};

/* All offsets in bytes. */
struct tm_layout {
	const char *pythons;	  /* "3.9-3.11" */
	uint16_t first, last;	  /* 0x0309, 0x030b */
	uint8_t word;		  /* bytes in a pointer */
	enum tm_root root;
	enum tm_lock lock_kind;
	enum tm_filename filename_kind;

	struct { /* _Py_hashtable_t */
		uint16_t nentries, nbuckets, buckets;
		uint16_t key_size, data_size; /* ≤ 3.8: entries carry key and data inline */
		uint16_t functions, nfunctions; /* function pointers, one after the other */
		uint16_t optional_functions; /* bit i: function i may be NULL */
		uint16_t size;
	} table;
	struct { /* _Py_hashtable_entry_t */
		uint16_t next, hash, key;
		uint16_t value; /* pointer-sized; TM_NONE: data lies inline behind the key */
	} entry;
	struct { /* trace_t */
		uint16_t size, traceback, sizeof_;
	} trace;
	struct { /* traceback_t */
		uint16_t hash, nframe;
		uint8_t nframe_size; /* 2 or 4 */
		uint16_t total_nframe; /* 2 bytes */
		uint16_t frames;
	} traceback;
	struct { /* frame_t, packed */
		uint16_t filename, lineno, sizeof_;
	} frame;
	struct { /* PyASCIIObject, PyCompactUnicodeObject, PyUnicodeObject */
		uint16_t length, hash, state, ascii, compact;
	} str;
	struct { /* tracemalloc_config: ints */
		uint16_t initialized, tracing, max_nframe, use_domain, sizeof_;
	} config;
	struct { /* struct _tracemalloc_runtime_state; offsets from its beginning */
		uint16_t allocators, lock, traced, peak, filenames, scratch, tracebacks, traces, domains, empty;
		bool empty_is_pointer;
		uint16_t sizeof_;
	} runtime;
	struct { /* PyObject, PyTypeObject, and what lies in front of an object */
		uint16_t ob_type, tp_name, tp_basicsize, tp_itemsize, tp_flags;
		uint16_t gc_head;	       /* bytes of the collector's header */
		uint32_t preheader_flags;      /* any of these type flags: a pre-header lies in front */
		uint16_t preheader;	       /* its bytes */
		uint32_t python_preheader_flags; /* the flags that get_object_traceback() of this version looks at */
	} object;
};

extern const struct tm_layout tm_layouts[];
extern const size_t tm_nlayouts;

/* Where _PyRuntime.tracemalloc was seen: a hint to look at first. Later micro releases may move it. */
struct tm_runtime_hint {
	uint16_t python;     /* 0x030d */
	uint8_t word;
	bool debug;	     /* Py_DEBUG */
	uint32_t offset;     /* of the state in _PyRuntime */
};
extern const struct tm_runtime_hint tm_runtime_hints[];
extern const size_t tm_nruntime_hints;

/* How a linker laid out the static variables, as distances from tracemalloc_traces. A hint too. */
struct tm_statics_hint {
	const char *seen_in;
	int16_t tracebacks, filenames, domains, traced, peak;
};
extern const struct tm_statics_hint tm_statics_hints[];
extern const size_t tm_nstatics_hints;

/*
 * What live control has to know of _PyRuntime and of the interpreter's state. Offsets in bytes; with COOKIE, positions in
 * _Py_DebugOffsets of the numbers (8 bytes each) that are the offsets.
 */
struct tm_control_row {
	uint16_t first, last; /* 0x030e */
	bool cookie;
	uint16_t finalizing, interpreter; /* in _PyRuntime: pointers */
	uint8_t initialized_before;	  /* an int so many bytes before finalizing */
	uint16_t gil;			  /* in _PyRuntime, or where it is a pointer to it, in the interpreter */
	bool gil_is_pointer;
	/* PEP 768, or TM_NONE */
	uint16_t threads, next, native_thread_id, eval_breaker, remote, enabled, pending, path, path_size;
};
extern const struct tm_control_row tm_control_rows[];
extern const size_t tm_ncontrol_rows;
enum {
	TM_GIL_LOCKED = 16,		 /* int in struct _gil_runtime_state: 0 while nobody has it; -1 before it is made */
	TM_EVAL_STOP_BIT = 1 << 5, /* _PY_EVAL_PLEASE_STOP_BIT of eval_breaker, 3.14-3.15 */
	/* struct _pending_calls of the main thread in 3.13.0-3.13.18: it has moved, but its bounds give it away */
	TM_QUEUE_MUTEX = 8, TM_QUEUE_NPENDING = 12, TM_QUEUE_MAX = 16, TM_QUEUE_MAXLOOP = 20, TM_QUEUE_FIRST = 7224, TM_QUEUE_NEXT = 7228,
	TM_QUEUE_MOST = 32, TM_QUEUE_ROOM = 300, TM_QUEUE_WITHIN = 16 << 10, /* of _PyRuntime */
};

/* _Py_DebugOffsets (3.13+) at the beginning of _PyRuntime: 8 bytes "xdebugpy", then numbers of 8 bytes. */
enum {
	TM_COOKIE_VERSION = 8,
	TM_COOKIE_FREE_THREADED = 16,
	TM_COOKIE_RUNTIME_SIZE = 24,
};
#define TM_COOKIE "xdebugpy"
#define TM_COOKIE_SINCE 0x030d0000u /* PY_VERSION_HEX of the first release that has it */

enum tm_type_flag { /* tp_flags, the same in all versions */
	TM_TPFLAG_READY = 1u << 12,
	TM_TPFLAG_HAVE_GC = 1u << 14,
	TM_TPFLAG_TYPE_SUBCLASS = 1u << 31,
};

/* The row for PYTHON (0x030b; 0: any) and WORD at or behind tm_layouts[START]; NULL when there is none. */
const struct tm_layout *tm_layout_for(uint16_t python, unsigned word, size_t start);

/* tracemalloc's name of each variable of the TM_ROOT_GLOBALS rows. */
enum tm_global {
	TM_GLOBAL_TRACES, TM_GLOBAL_TRACEBACKS, TM_GLOBAL_FILENAMES, TM_GLOBAL_DOMAINS, TM_GLOBAL_CONFIG,
	TM_GLOBAL_STATIC_CONFIG, TM_GLOBAL_TRACED, TM_GLOBAL_PEAK, TM_GLOBAL_LOCK, TM_GLOBAL_EMPTY,
	TM_GLOBAL_RUNTIME, TM_GLOBAL_VERSION, TM_GLOBAL_TRACK, TM_GLOBAL_TRACK_36, TM_GLOBAL_DEBUG_BUILD, TM_GLOBAL_DEBUG_BUILD_36,
	TM_NGLOBALS
};
extern const char *const tm_global_names[TM_NGLOBALS];
#endif
