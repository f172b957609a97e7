/* tm._Traces: a snapshot's blocks as a sequence; a Trace is made when it is asked for. */
#include "module.h"
#include <string.h>

struct traces {
	PyObject_HEAD
	struct tm_snapshot *snapshot;
	PyObject **names; /* str by filename id, made when first needed */
};

static struct traces *of(PyObject *self)
{
	return (struct traces *)self;
}

struct tm_snapshot *tm_traces_snapshot(PyObject *traces)
{
	return of(traces)->snapshot;
}

PyObject *tm_traces_object(struct tm_module_state *st, struct tm_snapshot *s)
{
	PyTypeObject *type = (PyTypeObject *)st->types[TM_TYPE_TRACES];
	PyObject **names = PyMem_Calloc(s->nnames ? s->nnames : 1, sizeof *names);
	PyObject *self = names ? ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0) : PyErr_NoMemory();
	if (!self) {
		PyMem_Free(names);
		tm_snapshot_unref(s);
		return NULL;
	}
	of(self)->snapshot = s;
	of(self)->names = names;
	return self;
}

static void traces_dealloc(PyObject *self)
{
	struct traces *t = of(self);
	for (uint64_t i = 0; t->names && i < t->snapshot->nnames; i++)
		Py_XDECREF(t->names[i]);
	PyMem_Free(t->names);
	tm_snapshot_unref(t->snapshot);
	tm_object_free(self);
}

/* Borrowed. */
static PyObject *filename(struct traces *t, uint32_t id)
{
	if (!t->names[id]) {
		size_t len;
		const char *name = tm_snapshot_name(t->snapshot, id, &len);
		t->names[id] = PyUnicode_DecodeUTF8(name, (Py_ssize_t)len, "surrogatepass");
	}
	return t->names[id];
}

static PyObject *frame(struct traces *t, const struct tm_frame *f)
{
	PyObject *name = filename(t, f->filename), *lineno = name ? PyLong_FromUnsignedLong(f->lineno) : NULL;
	PyObject *tuple = lineno ? PyTuple_Pack(2, name, lineno) : NULL;
	Py_XDECREF(lineno);
	return tuple;
}

PyObject *tm_traces_frames(PyObject *traces, const struct tm_frame *frames, uint32_t n)
{
	PyObject *tuple = PyTuple_New(n);
	for (uint32_t i = 0; tuple && i < n; i++) {
		PyObject *f = frame(of(traces), &frames[i]);
		if (!f || PyTuple_SetItem(tuple, i, f) < 0)
			Py_CLEAR(tuple);
	}
	return tuple;
}

/* (domain, size, frames, total_nframe), the last one only where Python had it. */
static PyObject *raw_trace(struct traces *t, const struct tm_trace *trace)
{
	const struct tm_traceback *tb = &t->snapshot->tracebacks[trace->traceback];
	PyObject *item[4] = { PyLong_FromUnsignedLong(trace->domain), PyLong_FromUnsignedLongLong(trace->size),
		tm_traces_frames((PyObject *)t, t->snapshot->frames + tb->first, tb->nframe), NULL };
	int n = t->snapshot->about.has_total_nframe ? 4 : 3;
	if (n == 4)
		item[3] = PyLong_FromUnsignedLong(tb->total_nframe);
	PyObject *tuple = NULL;
	if (item[0] && item[1] && item[2] && (n == 3 || item[3]))
		tuple = n == 4 ? PyTuple_Pack(4, item[0], item[1], item[2], item[3]) : PyTuple_Pack(3, item[0], item[1], item[2]);
	for (int i = 0; i < n; i++)
		Py_XDECREF(item[i]);
	return tuple;
}

static PyObject *trace(struct tm_module_state *st, struct traces *t, uint64_t i)
{
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_TRACE],
		(PyObject *const[TM_FIELDS]) { raw_trace(t, &t->snapshot->traces[i]) });
}

static Py_ssize_t traces_len(PyObject *self)
{
	return (Py_ssize_t)of(self)->snapshot->ntraces;
}

static PyObject *traces_item(PyObject *self, Py_ssize_t i)
{
	struct tm_module_state *st = tm_state_of(self);
	if (!st)
		return NULL;
	if (i < 0 || i >= traces_len(self)) {
		PyErr_SetString(PyExc_IndexError, "list index out of range");
		return NULL;
	}
	return trace(st, of(self), (uint64_t)i);
}

static PyObject *traces_slice(PyObject *self, PyObject *slice)
{
	struct tm_module_state *st = tm_state_of(self);
	Py_ssize_t start, stop, step;
	if (!st || PySlice_Unpack(slice, &start, &stop, &step) < 0)
		return NULL;
	Py_ssize_t n = PySlice_AdjustIndices(traces_len(self), &start, &stop, step);
	PyObject *tuple = PyTuple_New(n);
	for (Py_ssize_t i = 0; tuple && i < n; i++, start += step) {
		PyObject *item = trace(st, of(self), (uint64_t)start);
		if (!item || PyTuple_SetItem(tuple, i, item) < 0)
			Py_CLEAR(tuple);
	}
	return tuple;
}

static PyObject *traces_subscript(PyObject *self, PyObject *index)
{
	if (PySlice_Check(index))
		return traces_slice(self, index);
	Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError);
	if (i == -1 && PyErr_Occurred())
		return NULL;
	return traces_item(self, i < 0 ? i + traces_len(self) : i);
}

/* Sizes and domains first: a Python tuple is made only for a trace that may be it. */
static int traces_contains(PyObject *self, PyObject *wanted)
{
	struct traces *t = of(self);
	PyObject *tuple = PyObject_GetAttrString(wanted, "_trace"), *size = tuple ? PySequence_GetItem(tuple, 1) : NULL;
	int found = tuple ? 0 : -1;
	unsigned long long want = size && PyLong_Check(size) ? PyLong_AsUnsignedLongLong(size) : 0;
	PyErr_Clear();
	for (uint64_t i = 0; tuple && size && !found && i < t->snapshot->ntraces; i++) {
		if (t->snapshot->traces[i].size != want)
			continue;
		PyObject *raw = raw_trace(t, &t->snapshot->traces[i]);
		found = raw ? PyObject_RichCompareBool(raw, tuple, Py_EQ) : -1;
		Py_XDECREF(raw);
	}
	if (!tuple) /* as Python's own: what is no Trace has no _trace */
		PyErr_SetString(PyExc_AttributeError, "_trace");
	Py_XDECREF(tuple);
	Py_XDECREF(size);
	return found;
}

static PyObject *get_raw(PyObject *self, void *unused)
{
	struct traces *t = of(self);
	PyObject *list = PyList_New((Py_ssize_t)t->snapshot->ntraces);
	for (uint64_t i = 0; list && i < t->snapshot->ntraces; i++) {
		PyObject *raw = raw_trace(t, &t->snapshot->traces[i]);
		if (!raw || PyList_SetItem(list, (Py_ssize_t)i, raw) < 0)
			Py_CLEAR(list);
	}
	return list;
}

static PyObject *traces_compare(PyObject *a, PyObject *b, int op)
{
	struct tm_module_state *st = tm_state_of(a);
	int ours = !st ? -1 : op == Py_EQ || op == Py_NE ? PyObject_IsInstance(b, st->types[TM_TYPE_TRACES]) : 0;
	if (ours < 0)
		return NULL;
	if (!ours) {
		Py_INCREF(Py_NotImplemented);
		return Py_NotImplemented;
	}
	if (of(a)->snapshot->ntraces != of(b)->snapshot->ntraces)
		return PyBool_FromLong(op == Py_NE);
	PyObject *la = get_raw(a, NULL), *lb = la ? get_raw(b, NULL) : NULL;
	PyObject *result = lb ? PyObject_RichCompare(la, lb, op) : NULL;
	Py_XDECREF(la);
	Py_XDECREF(lb);
	return result;
}

static PyObject *traces_repr(PyObject *self)
{
	return PyUnicode_FromFormat("<Traces len=%zd>", traces_len(self));
}

static PyMethodDef methods[] = {
	{ "index", tm_sequence_index, METH_VARARGS, "index(value, start=0, stop=None) -> first index of value" },
	{ "count", tm_sequence_count, METH_O, "count(value) -> number of occurrences of value" },
	{ 0 },
};

static PyGetSetDef getset[] = {
	{ "_traces", get_raw, NULL, "All traces as a new list of tuples (domain, size, frames, total_nframe).", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Sequence of the traces of a snapshot; each Trace is made when it is asked for." },
	{ Py_tp_dealloc, traces_dealloc },
	{ Py_tp_richcompare, traces_compare },
	{ Py_tp_hash, PyObject_HashNotImplemented },
	{ Py_tp_repr, traces_repr },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, getset },
	{ Py_sq_length, traces_len },
	{ Py_sq_item, traces_item },
	{ Py_sq_contains, traces_contains },
	{ Py_mp_length, traces_len },
	{ Py_mp_subscript, traces_subscript },
	{ 0 },
};

PyType_Spec tm_traces_spec = { "tm._Traces", sizeof(struct traces), 0, Py_TPFLAGS_DEFAULT, slots };
