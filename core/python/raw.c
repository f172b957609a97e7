/* Traces as Python tuples (domain, size, frames, total_nframe) → a snapshot. */
#include "module.h"
#include "tm/builder.h"
#include <string.h>

enum { CACHE = 1 << 14 };

struct raw {
	struct tm_builder b;
	PyObject *names; /* str → id */
	struct tm_intern keys; /* tracebacks by content, in the order of their ids */
	TM_ARRAY(uint32_t) key;
	struct {
		PyObject *frames, *total;
		uint32_t id;
	} *seen; /* by address: what _get_traces() gives holds one tuple for each traceback */
	TM_ARRAY(uint32_t) first, next; /* tallies of a traceback, by id + 1; of further domains */
	bool has_total;
};

static int no_memory(void)
{
	PyErr_NoMemory();
	return -1;
}

/* An int from 0 to MOST. */
static int number(PyObject *object, uint64_t most, const char *what, uint64_t *ret)
{
	if (!object || !PyLong_Check(object)) {
		PyErr_Format(PyExc_TypeError, "a trace's %s is an int, not %R", what, object ? object : Py_None);
		return -1;
	}
	*ret = PyLong_AsUnsignedLongLong(object);
	if (!PyErr_Occurred() && *ret <= most)
		return 0;
	PyErr_Clear();
	PyErr_Format(PyExc_OverflowError, "a trace's %s is from 0 to %llu, not %S", what, (unsigned long long)most, object);
	return -1;
}

static int name_id(struct raw *r, PyObject *name, uint32_t *ret)
{
	if (!PyUnicode_Check(name)) {
		PyErr_Format(PyExc_TypeError, "a frame's filename is a str, not %R", name);
		return -1;
	}
	PyObject *known = PyDict_GetItemWithError(r->names, name);
	if (known) {
		*ret = (uint32_t)PyLong_AsUnsignedLong(known);
		return 0;
	}
	PyObject *bytes = PyErr_Occurred() ? NULL : PyUnicode_AsEncodedString(name, "utf-8", "surrogatepass");
	if (!bytes)
		return -1;
	*ret = tm_intern(&r->b.names, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
	Py_DECREF(bytes);
	if (*ret == UINT32_MAX)
		return no_memory();
	PyObject *id = PyLong_FromUnsignedLong(*ret);
	int failed = id ? PyDict_SetItem(r->names, name, id) : -1;
	Py_XDECREF(id);
	return failed;
}

static bool is_tuple(PyObject *object, Py_ssize_t least, Py_ssize_t most, const char *what)
{
	Py_ssize_t n = object && PyTuple_Check(object) ? PyTuple_Size(object) : -1;
	if (n >= least && n <= most)
		return true;
	PyErr_Format(PyExc_TypeError, "%s, not %R", what, object ? object : Py_None);
	return false;
}

/* Fills in r->key: name, line, name, line ..., total. */
static int key_of(struct raw *r, PyObject *frames, uint32_t total)
{
	Py_ssize_t n = PyTuple_Size(frames);
	r->key.n = 0;
	if (!tm_array_reserve(&r->key, 2 * (size_t)n + 1))
		return no_memory();
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *frame = PyTuple_GetItem(frames, i);
		uint64_t line;
		uint32_t name;
		if (!is_tuple(frame, 2, 2, "a frame is a tuple (filename, lineno)") ||
		    number(PyTuple_GetItem(frame, 1), UINT32_MAX, "line number", &line) < 0 || name_id(r, PyTuple_GetItem(frame, 0), &name) < 0)
			return -1;
		r->key.items[r->key.n++] = name;
		r->key.items[r->key.n++] = (uint32_t)line;
	}
	r->key.items[r->key.n++] = total;
	return 0;
}

static int traceback_id(struct raw *r, PyObject *frames, PyObject *total, uint32_t *ret)
{
	uint64_t depth = 0;
	size_t slot = ((uintptr_t)frames >> 4) % CACHE;
	if (r->seen[slot].frames == frames && r->seen[slot].total == total) {
		*ret = r->seen[slot].id;
		return 0;
	}
	if (!is_tuple(frames, 0, PY_SSIZE_T_MAX, "a trace's frames are a tuple") ||
	    (total && total != Py_None && number(total, UINT32_MAX, "total_nframe", &depth) < 0) || key_of(r, frames, (uint32_t)depth) < 0)
		return -1;
	*ret = tm_intern(&r->keys, (const char *)r->key.items, r->key.n * sizeof *r->key.items);
	if (*ret == UINT32_MAX)
		return no_memory();
	if (*ret == r->b.tracebacks.n) {
		uint32_t nframe = (uint32_t)(r->key.n / 2);
		struct tm_traceback tb = { r->b.frames.n, nframe, (uint32_t)depth };
		if (!tm_array_push(&r->b.tracebacks, tb) || !tm_array_push(&r->first, 0) || !tm_array_reserve(&r->b.frames, nframe))
			return no_memory();
		memcpy(r->b.frames.items + r->b.frames.n, r->key.items, nframe * sizeof *r->b.frames.items);
		r->b.frames.n += nframe;
	}
	r->seen[slot].frames = frames;
	r->seen[slot].total = total;
	r->seen[slot].id = *ret;
	return 0;
}
_Static_assert(sizeof(struct tm_frame) == 2 * sizeof(uint32_t), "frames are copied out of keys");

static int tally(struct raw *r, uint32_t traceback, uint32_t domain, uint64_t size)
{
	uint32_t at = r->first.items[traceback];
	while (at && r->b.tallies.items[at - 1].domain != domain)
		at = r->next.items[at - 1];
	if (!at) {
		struct tm_tally t = { .traceback = traceback, .domain = domain };
		if (!tm_array_push(&r->b.tallies, t) || !tm_array_push(&r->next, r->first.items[traceback]))
			return no_memory();
		at = r->first.items[traceback] = (uint32_t)r->b.tallies.n;
	}
	struct tm_tally *t = &r->b.tallies.items[at - 1];
	t->count++;
	t->size_high += __builtin_add_overflow(t->size_low, size, &t->size_low);
	return 0;
}

static int add(struct raw *r, PyObject *trace)
{
	uint64_t domain, size;
	uint32_t traceback;
	if (!is_tuple(trace, 3, 4, "a trace is a tuple (domain, size, frames) or (domain, size, frames, total_nframe)"))
		return -1;
	PyObject *total = PyTuple_Size(trace) == 4 ? PyTuple_GetItem(trace, 3) : NULL;
	r->has_total |= total != NULL;
	if (number(PyTuple_GetItem(trace, 0), UINT32_MAX, "domain", &domain) < 0 ||
	    number(PyTuple_GetItem(trace, 1), UINT64_MAX, "size", &size) < 0 ||
	    traceback_id(r, PyTuple_GetItem(trace, 2), total, &traceback) < 0 || tally(r, traceback, (uint32_t)domain, size) < 0)
		return -1;
	struct tm_trace t = { .size = size, .domain = (uint32_t)domain, .traceback = traceback };
	return tm_array_push(&r->b.traces, t) ? 0 : no_memory();
}

struct tm_snapshot *tm_raw_snapshot(PyObject *traces)
{
	struct raw r = { .b.want_traces = true, .names = PyDict_New(), .seen = PyMem_Calloc(CACHE, sizeof *r.seen) };
	struct tm_snapshot *s = NULL;
	PyObject *held = r.names ? PySequence_Tuple(traces) : NULL; /* so that what is seen keeps its address */
	Py_ssize_t n = held ? PyTuple_Size(held) : 0;
	int failed = !r.seen ? no_memory() : held ? 0 : -1;
	for (Py_ssize_t i = 0; !failed && i < n; i++)
		failed = add(&r, PyTuple_GetItem(held, i));
	r.b.ntraces = r.b.traces.n;
	if (!failed && !(s = tm_builder_freeze(&r.b)))
		no_memory();
	if (s) {
		s->about = (struct tm_about) { .tracing = true, .complete = true, .has_total_nframe = r.has_total || !n,
			.python_minor = r.has_total || !n ? 0x0309 : 0x0308 };
	}
	tm_builder_deinit(&r.b);
	tm_intern_free(&r.keys);
	tm_array_free(&r.key);
	tm_array_free(&r.first);
	tm_array_free(&r.next);
	PyMem_Free(r.seen);
	Py_XDECREF(held);
	Py_XDECREF(r.names);
	return s;
}
