/* The rows. W is the size of a pointer; the members lie one after the other, so one text serves both widths. */
#include "tm/layout.h"
#include <string.h>

#define ALIGN(n, W) (((n) + (W) - 1) / (W) * (W))

/* hashtable.h before 3.9: sizes of key and data, both inline; num_buckets first. */
#define TABLE_36(W)                                                                                          \
	.table = { .nbuckets = 0, .nentries = (W), .buckets = 2 * (W), .key_size = 3 * (W),                  \
		.data_size = 4 * (W), .functions = 5 * (W), .nfunctions = 4, .size = 9 * (W) },              \
	.entry = { .next = 0, .hash = (W), .key = 2 * (W), .value = TM_NONE }

/* bpo-40602, bpo-40609 (3.9): entries hold two pointers; nentries first. Destroy functions (3, 4) may be NULL. */
#define TABLE_39(W)                                                                                          \
	.table = { .nentries = 0, .nbuckets = (W), .buckets = 2 * (W), .key_size = TM_NONE,                  \
		.data_size = TM_NONE, .functions = 3 * (W), .nfunctions = 7,                                 \
		.optional_functions = 1 << 3 | 1 << 4, .size = 10 * (W) },                                   \
	.entry = { .next = 0, .hash = (W), .key = 2 * (W), .value = 3 * (W) }

#define TRACE(W) .trace = { .size = 0, .traceback = (W), .sizeof_ = 2 * (W) }
#define FRAME(W) .frame = { .filename = 0, .lineno = (W), .sizeof_ = (W) + 4 }

#define TRACEBACK_36(W)                                                                                      \
	.traceback = { .hash = 0, .nframe = (W), .nframe_size = 4, .total_nframe = TM_NONE, .frames = (W) + 4 }
/* bpo-37961 (3.9): total_nframe, both 16 bits. */
#define TRACEBACK_39(W)                                                                                      \
	.traceback = { .hash = 0, .nframe = (W), .nframe_size = 2, .total_nframe = (W) + 2, .frames = (W) + 4 }

/* PEP 393 with the wstr members; without them since 3.12 (PEP 623). */
#define STR_36(W) .str = { .length = 2 * (W), .hash = 3 * (W), .state = 4 * (W), .ascii = 6 * (W), .compact = 9 * (W) }
#define STR_312(W) .str = { .length = 2 * (W), .hash = 3 * (W), .state = 4 * (W), .ascii = 5 * (W), .compact = 7 * (W) }

#define CONFIG_36 .config = { .initialized = 0, .tracing = 4, .max_nframe = 8, .use_domain = 12, .sizeof_ = 16 }
#define CONFIG_39 .config = { .initialized = 0, .tracing = 4, .max_nframe = 8, .use_domain = TM_NONE, .sizeof_ = 12 }

/* struct _tracemalloc_runtime_state: config, three allocators of five pointers, then a word each. */
#define STATE(W, n) (ALIGN(12, W) + (n) * (W))
#define RUNTIME(W, EMPTY_POINTER)                                                                            \
	.runtime = { .allocators = STATE(W, 0), .lock = STATE(W, 15), .traced = STATE(W, 16),                \
		.peak = STATE(W, 17), .filenames = STATE(W, 18), .scratch = STATE(W, 19),                    \
		.tracebacks = STATE(W, 20), .traces = STATE(W, 21), .domains = STATE(W, 22),                 \
		.empty = STATE(W, 23), .empty_is_pointer = (EMPTY_POINTER),                                  \
		.sizeof_ = STATE(W, 23) + ((EMPTY_POINTER) ? (W) : ALIGN(2 * (W) + 8, W)) + 8 }
#define NO_RUNTIME .runtime = { .allocators = TM_NONE }

/*
 * PyTypeObject: tp_flags and friends have not moved since 3.0. In front of an object: the collector's header (two words
 * since 3.8; three and padded to long double before), and from 3.11 on two words for dict and weakref pointers.
 * MANAGED_WEAKREF is 1<<3 (3.12), MANAGED_DICT 1<<4 (3.11). get_object_traceback() of 3.11 forgets the pre-header.
 */
#define OBJECT(W, GC, FLAGS, PYTHON_FLAGS)                                                                   \
	.object = { .ob_type = (W), .tp_name = 3 * (W), .tp_basicsize = 4 * (W), .tp_itemsize = 5 * (W),     \
		.tp_flags = 21 * (W), .gc_head = (GC), .preheader_flags = (FLAGS), .preheader = 2 * (W),     \
		.python_preheader_flags = (PYTHON_FLAGS) }
#define GC_36(W) ((W) == 8 ? 32 : 16)

#define ROWS(W)                                                                                              \
	/* 3.6.15, 3.7.16, 3.8.18 */                                                                         \
	{ .pythons = "3.6-3.7", .first = 0x0306, .last = 0x0307, .word = (W), .root = TM_ROOT_GLOBALS,       \
	  .lock_kind = TM_LOCK_SEMAPHORE, .filename_kind = TM_FILENAME_OBJECT, TABLE_36(W), TRACE(W),        \
	  FRAME(W), TRACEBACK_36(W), STR_36(W), CONFIG_36, NO_RUNTIME, OBJECT(W, GC_36(W), 0, 0) },          \
	{ .pythons = "3.8", .first = 0x0308, .last = 0x0308, .word = (W), .root = TM_ROOT_GLOBALS,           \
	  .lock_kind = TM_LOCK_SEMAPHORE, .filename_kind = TM_FILENAME_OBJECT, TABLE_36(W), TRACE(W),        \
	  FRAME(W), TRACEBACK_36(W), STR_36(W), CONFIG_36, NO_RUNTIME, OBJECT(W, 2 * (W), 0, 0) },           \
	/* 3.9.2, 3.9.18, 3.10.13 */                                                                         \
	{ .pythons = "3.9-3.10", .first = 0x0309, .last = 0x030a, .word = (W), .root = TM_ROOT_GLOBALS,      \
	  .lock_kind = TM_LOCK_SEMAPHORE, .filename_kind = TM_FILENAME_OBJECT, TABLE_39(W), TRACE(W),        \
	  FRAME(W), TRACEBACK_39(W), STR_36(W), CONFIG_39, NO_RUNTIME, OBJECT(W, 2 * (W), 0, 0) },           \
	/* 3.11.2, 3.11.7 */                                                                                 \
	{ .pythons = "3.11", .first = 0x030b, .last = 0x030b, .word = (W), .root = TM_ROOT_GLOBALS,          \
	  .lock_kind = TM_LOCK_SEMAPHORE, .filename_kind = TM_FILENAME_OBJECT, TABLE_39(W), TRACE(W),        \
	  FRAME(W), TRACEBACK_39(W), STR_36(W), CONFIG_39, NO_RUNTIME, OBJECT(W, 2 * (W), 1 << 4, 0) },      \
	/* 3.12.1, 3.13.0, 3.13.5, 3.13.18; the state moved into _PyRuntime with gh-81057 */                 \
	{ .pythons = "3.12-3.13", .first = 0x030c, .last = 0x030d, .word = (W), .root = TM_ROOT_RUNTIME,     \
	  .lock_kind = TM_LOCK_SEMAPHORE, .filename_kind = TM_FILENAME_OBJECT, TABLE_39(W), TRACE(W),        \
	  FRAME(W), TRACEBACK_39(W), STR_312(W), CONFIG_39, RUNTIME(W, false),                               \
	  OBJECT(W, 2 * (W), 3 << 3, 3 << 3) },                                                              \
	/* 3.14.10; the lock became a PyMutex with gh-128679 */                                              \
	{ .pythons = "3.14", .first = 0x030e, .last = 0x030e, .word = (W), .root = TM_ROOT_RUNTIME,          \
	  .lock_kind = TM_LOCK_MUTEX, .filename_kind = TM_FILENAME_OBJECT, TABLE_39(W), TRACE(W),            \
	  FRAME(W), TRACEBACK_39(W), STR_312(W), CONFIG_39, RUNTIME(W, false),                               \
	  OBJECT(W, 2 * (W), 3 << 3, 3 << 3) },                                                              \
	/* 3.15.2; filenames are C strings of its own, the empty traceback a pointer */                      \
	{ .pythons = "3.15", .first = 0x030f, .last = 0x030f, .word = (W), .root = TM_ROOT_RUNTIME,          \
	  .lock_kind = TM_LOCK_MUTEX, .filename_kind = TM_FILENAME_BYTES, TABLE_39(W), TRACE(W),             \
	  FRAME(W), TRACEBACK_39(W), STR_312(W), CONFIG_39, RUNTIME(W, true),                                \
	  OBJECT(W, 2 * (W), 3 << 3, 3 << 3) }

const struct tm_layout tm_layouts[] = { ROWS(8), ROWS(4) };
const size_t tm_nlayouts = sizeof tm_layouts / sizeof *tm_layouts;

const struct tm_runtime_hint tm_runtime_hints[] = {
	{ .python = 0x030c, .word = 8, .offset = 2768 },		 /* 3.12.1 */
	{ .python = 0x030d, .word = 8, .offset = 10080 },		 /* 3.13.0, 3.13.5 */
	{ .python = 0x030d, .word = 8, .offset = 10104 },		 /* 3.13.15, 3.13.18 */
	{ .python = 0x030e, .word = 8, .offset = 10296 },		 /* 3.14.8, 3.14.10 */
	{ .python = 0x030f, .word = 8, .offset = 10432 },		 /* 3.15.0, 3.15.2 */
	{ .python = 0x030d, .word = 8, .debug = true, .offset = 26072 }, /* 3.13.5 Py_DEBUG: the parser's state is larger */
	{ .python = 0x030d, .word = 8, .debug = true, .offset = 26096 }, /* 3.13.15, 3.13.18 */
	{ .python = 0x030e, .word = 8, .debug = true, .offset = 26288 }, /* 3.14.8, 3.14.10 */
	{ .python = 0x030f, .word = 8, .debug = true, .offset = 26432 }, /* 3.15.0, 3.15.2 */
	{ .python = 0x030d, .word = 4, .offset = 5360 },		 /* 3.13.5 */
	{ .python = 0x030f, .word = 4, .offset = 5672 },		 /* 3.15.2 */
	{ .python = 0x030d, .word = 4, .debug = true, .offset = 13356 }, /* 3.13.5 */
	{ .python = 0x030f, .word = 4, .debug = true, .offset = 13672 }, /* 3.15.2 */
};
const size_t tm_nruntime_hints = sizeof tm_runtime_hints / sizeof *tm_runtime_hints;

const struct tm_statics_hint tm_statics_hints[] = {
	{ .seen_in = "GCC, 3.9-3.11", .tracebacks = 8, .filenames = 0x18, .domains = -8, .traced = 0x28, .peak = 0x20 },
	{ .seen_in = "GCC, 3.6-3.8", .tracebacks = 8, .filenames = 0x18, .domains = 0, .traced = 0x28, .peak = 0x20 },
	{ .seen_in = "Debian 3.9.2, LTO", .tracebacks = 8, .filenames = 0x10, .domains = -8, .traced = -0x30, .peak = -0x38 },
	{ .seen_in = "Debian 3.11.2, LTO", .tracebacks = -8, .filenames = -0x10, .domains = 8, .traced = 0x30, .peak = 0x28 },
	{ .seen_in = "clang 14", .tracebacks = 0x28, .filenames = 0x30, .domains = 8, .traced = 0x18, .peak = 0x20 },
};
const size_t tm_nstatics_hints = sizeof tm_statics_hints / sizeof *tm_statics_hints;

const char *const tm_global_names[TM_NGLOBALS] = {
	[TM_GLOBAL_TRACES] = "tracemalloc_traces",
	[TM_GLOBAL_TRACEBACKS] = "tracemalloc_tracebacks",
	[TM_GLOBAL_FILENAMES] = "tracemalloc_filenames",
	[TM_GLOBAL_DOMAINS] = "tracemalloc_domains",
	[TM_GLOBAL_CONFIG] = "_Py_tracemalloc_config",
	[TM_GLOBAL_STATIC_CONFIG] = "tracemalloc_config", /* 3.6, 3.7 */
	[TM_GLOBAL_TRACED] = "tracemalloc_traced_memory",
	[TM_GLOBAL_PEAK] = "tracemalloc_peak_traced_memory",
	[TM_GLOBAL_LOCK] = "tables_lock",
	[TM_GLOBAL_EMPTY] = "tracemalloc_empty_traceback",
	[TM_GLOBAL_RUNTIME] = "_PyRuntime",
	[TM_GLOBAL_VERSION] = "Py_Version", /* 3.11+ */
	[TM_GLOBAL_TRACK] = "PyTraceMalloc_Track",
	[TM_GLOBAL_TRACK_36] = "_PyTraceMalloc_Track",
	[TM_GLOBAL_DEBUG_BUILD] = "_Py_NegativeRefcount", /* exists with Py_REF_DEBUG only */
	[TM_GLOBAL_DEBUG_BUILD_36] = "_Py_RefTotal",
};

/*
 * pycore_runtime.h, pycore_interp.h, pycore_gil.h, pycore_debug_offsets.h; seen in the DWARF of 3.8.18, 3.9.18, 3.10.13, 3.11.7,
 * 3.12.1, 3.13.0 and in the memory of 3.14.10 and 3.15.2.
 */
const struct tm_control_row tm_control_rows[] = {
	{ .first = 0x0308, .last = 0x0308, .finalizing = 16, .initialized_before = 4, .interpreter = 40, .gil = 0x480, .path = TM_NONE },
	{ .first = 0x0309, .last = 0x030a, .finalizing = 16, .initialized_before = 4, .interpreter = 40, .gil = 0x160, .path = TM_NONE },
	{ .first = 0x030b, .last = 0x030b, .finalizing = 24, .initialized_before = 8, .interpreter = 48, .gil = 0x168, .path = TM_NONE },
	{ .first = 0x030c, .last = 0x030c, .finalizing = 24, .initialized_before = 8, .interpreter = 48, .gil = 0x180, .gil_is_pointer = true,
	  .path = TM_NONE },
	{ .first = 0x030d, .last = 0x030d, .cookie = true, .finalizing = 32, .initialized_before = 8, .interpreter = 40, .gil = 112,
	  .gil_is_pointer = true, .path = TM_NONE },
	{ .first = 0x030e, .last = 0x030e, .cookie = true, .finalizing = 32, .initialized_before = 8, .interpreter = 40, .gil = 120,
	  .gil_is_pointer = true, .threads = 72, .next = 192, .native_thread_id = 224, .eval_breaker = 712, .remote = 720, .enabled = 728,
	  .pending = 736, .path = 744, .path_size = 752 },
	{ .first = 0x030f, .last = 0x030f, .cookie = true, .finalizing = 32, .initialized_before = 8, .interpreter = 40, .gil = 120,
	  .gil_is_pointer = true, .threads = 72, .next = 192, .native_thread_id = 248, .eval_breaker = 840, .remote = 848, .enabled = 856,
	  .pending = 864, .path = 872, .path_size = 880 },
};
const size_t tm_ncontrol_rows = sizeof tm_control_rows / sizeof *tm_control_rows;

const struct tm_layout *tm_layout_for(uint16_t python, unsigned word, size_t start)
{
	for (size_t i = start; i < tm_nlayouts; i++) {
		const struct tm_layout *l = &tm_layouts[i];
		if (l->word == word && (!python || (python >= l->first && python <= l->last)))
			return l;
	}
	return NULL;
}
