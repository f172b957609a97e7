/*
 * tm._Traces: blocks as a sequence. Either a snapshot's, each Trace being made when it is asked for, or tuples of Python's, of
 * which a snapshot is made when it is asked for.
 */
#include "module.h"
#include <string.h>

struct traces {
	PyObject_HEAD
	struct tm_snapshot *snapshot; /* NULL: not made yet, of LIST */
	PyObject **names;	      /* str by filename id, made when first needed */
	PyObject *list;		      /* what Python gave; NULL: nothing */
};

static struct traces *of(PyObject *self)
{
	return (struct traces *)self;
}

static int set_snapshot(struct traces *t, struct tm_snapshot *s)
{
	t->names = PyMem_Calloc(s->nnames ? s->nnames : 1, sizeof *t->names);
	if (!t->names) {
		tm_snapshot_unref(s);
		PyErr_NoMemory();
		return -1;
	}
	t->snapshot = s;
	return 0;
}

struct tm_snapshot *tm_traces_snapshot(PyObject *traces)
{
	struct traces *t = of(traces);
	if (!t->snapshot) {
		struct tm_snapshot *s = tm_raw_snapshot(t->list);
		if (!s || t->snapshot) /* another thread was faster */
			tm_snapshot_unref(s);
		else if (set_snapshot(t, s) < 0)
			return NULL;
	}
	return t->snapshot;
}

static PyObject *alloc(PyTypeObject *type)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

PyObject *tm_traces_object(struct tm_module_state *st, struct tm_snapshot *s)
{
	PyObject *self = alloc((PyTypeObject *)st->types[TM_TYPE_TRACES]);
	if (!self)
		tm_snapshot_unref(s);
	else if (set_snapshot(of(self), s) < 0)
		Py_CLEAR(self);
	return self;
}

PyObject *tm_traces_of_list(struct tm_module_state *st, PyObject *list)
{
	PyObject *self = alloc((PyTypeObject *)st->types[TM_TYPE_TRACES]);
	if (self) {
		Py_INCREF(list);
		of(self)->list = list;
	}
	return self;
}

static PyObject *traces_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "traces", NULL };
	struct tm_module_state *st = tm_state_of_type(type);
	PyObject *list;
	return st && PyArg_ParseTupleAndKeywords(args, kwargs, "O:_Traces", names, &list) ? tm_traces_of_list(st, list) : NULL;
}

static int traces_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(of(self)->list);
	return 0;
}

static int traces_clear(PyObject *self)
{
	Py_CLEAR(of(self)->list);
	return 0;
}

static void traces_dealloc(PyObject *self)
{
	struct traces *t = of(self);
	PyObject_GC_UnTrack(self);
	traces_clear(self);
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

static PyObject *trace(struct tm_module_state *st, struct traces *t, Py_ssize_t i)
{
	PyObject *raw = t->list ? PySequence_GetItem(t->list, i) : raw_trace(t, &t->snapshot->traces[i]);
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_TRACE], (PyObject *const[TM_FIELDS]) { raw });
}

static Py_ssize_t traces_len(PyObject *self)
{
	return of(self)->list ? PyObject_Size(of(self)->list) : (Py_ssize_t)of(self)->snapshot->ntraces;
}

static PyObject *traces_item(PyObject *self, Py_ssize_t i)
{
	struct tm_module_state *st = tm_state_of(self);
	Py_ssize_t n = st ? traces_len(self) : -1;
	if (n < 0)
		return NULL;
	if (i < 0 || i >= n) {
		PyErr_SetString(PyExc_IndexError, "list index out of range");
		return NULL;
	}
	return trace(st, of(self), i);
}

static PyObject *traces_slice(PyObject *self, PyObject *slice)
{
	struct tm_module_state *st = tm_state_of(self);
	Py_ssize_t start, stop, step;
	Py_ssize_t n = st && PySlice_Unpack(slice, &start, &stop, &step) == 0 ? traces_len(self) : -1;
	if (n < 0)
		return NULL;
	n = PySlice_AdjustIndices(n, &start, &stop, step);
	PyObject *tuple = PyTuple_New(n);
	for (Py_ssize_t i = 0; tuple && i < n; i++, start += step) {
		PyObject *item = trace(st, of(self), start);
		if (!item || PyTuple_SetItem(tuple, i, item) < 0)
			Py_CLEAR(tuple);
	}
	return tuple;
}

static PyObject *traces_subscript(PyObject *self, PyObject *index)
{
	if (PySlice_Check(index))
		return traces_slice(self, index);
	Py_ssize_t i = PyNumber_AsSsize_t(index, PyExc_IndexError), n = i == -1 && PyErr_Occurred() ? -1 : traces_len(self);
	return n < 0 ? NULL : traces_item(self, i < 0 ? i + n : i);
}

/* Sizes first: a Python tuple is made only for a block that may be it. */
static int contains_raw(struct traces *t, PyObject *tuple)
{
	PyObject *size = PyTuple_Check(tuple) && PyTuple_Size(tuple) > 1 ? PyTuple_GetItem(tuple, 1) : NULL;
	bool known = size && PyLong_CheckExact(size);
	unsigned long long want = known ? PyLong_AsUnsignedLongLong(size) : 0;
	int found = 0;
	if (PyErr_Occurred()) { /* no block is so large, or of a negative size */
		PyErr_Clear();
		return 0;
	}
	for (uint64_t i = 0; !found && i < t->snapshot->ntraces; i++) {
		if (known && t->snapshot->traces[i].size != want)
			continue;
		PyObject *raw = raw_trace(t, &t->snapshot->traces[i]);
		found = raw ? PyObject_RichCompareBool(raw, tuple, Py_EQ) : -1;
		Py_XDECREF(raw);
	}
	return found;
}

static int traces_contains(PyObject *self, PyObject *wanted)
{
	struct traces *t = of(self);
	PyObject *tuple = PyObject_GetAttrString(wanted, "_trace");
	int found = !tuple ? -1 : t->list ? PySequence_Contains(t->list, tuple) : contains_raw(t, tuple);
	Py_XDECREF(tuple);
	return found;
}

PyObject *tm_traces_list(PyObject *self)
{
	struct traces *t = of(self);
	if (t->list) {
		Py_INCREF(t->list);
		return t->list;
	}
	PyObject *list = PyList_New((Py_ssize_t)t->snapshot->ntraces);
	for (uint64_t i = 0; list && i < t->snapshot->ntraces; i++) {
		PyObject *raw = raw_trace(t, &t->snapshot->traces[i]);
		if (!raw || PyList_SetItem(list, (Py_ssize_t)i, raw) < 0)
			Py_CLEAR(list);
	}
	return list;
}

static PyObject *get_raw(PyObject *self, void *unused)
{
	return tm_traces_list(self);
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
	Py_ssize_t na = traces_len(a), nb = na < 0 ? -1 : traces_len(b);
	if (nb < 0)
		return NULL;
	if (na != nb)
		return PyBool_FromLong(op == Py_NE);
	PyObject *la = tm_traces_list(a), *lb = la ? tm_traces_list(b) : NULL;
	PyObject *result = lb ? PyObject_RichCompare(la, lb, op) : NULL;
	Py_XDECREF(la);
	Py_XDECREF(lb);
	return result;
}

static PyObject *traces_repr(PyObject *self)
{
	Py_ssize_t n = traces_len(self);
	return n < 0 ? NULL : PyUnicode_FromFormat("<Traces len=%zd>", n);
}

static PyObject *traces_reduce(PyObject *self, PyObject *unused)
{
	PyObject *list = tm_traces_list(self), *args = list ? PyTuple_Pack(1, list) : NULL;
	Py_XDECREF(list);
	return tm_reduce(self, args);
}

static PyMethodDef methods[] = {
	{ "index", (PyCFunction)(void (*)(void))tm_sequence_index, METH_VARARGS | METH_KEYWORDS, "index(value, start=0, stop=None) -> first index of value" },
	{ "__reduce__", traces_reduce, METH_NOARGS, NULL },
	{ "count", tm_sequence_count, METH_O, "count(value) -> number of occurrences of value" },
	{ 0 },
};

static PyGetSetDef getset[] = {
	{ "_traces", get_raw, NULL, "All traces as a list of tuples (domain, size, frames, total_nframe).", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Sequence of the traces of a snapshot; each Trace is made when it is asked for." },
	{ Py_tp_new, traces_new },
	{ Py_tp_traverse, traces_traverse },
	{ Py_tp_clear, traces_clear },
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

PyType_Spec tm_traces_spec = { "tm._Traces", sizeof(struct traces), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots };
