/* tm.Trace: one block, as tracemalloc.Trace. */
#include "module.h"

enum { TRACE };

static PyObject *trace_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "trace", NULL };
	PyObject *trace;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Trace", names, &trace))
		return NULL;
	Py_INCREF(trace);
	return tm_record_new(type, (PyObject *const[TM_FIELDS]) { trace });
}

static PyObject *get_item(PyObject *self, void *index)
{
	return PySequence_GetItem(tm_field(self, TRACE), (Py_ssize_t)index);
}

static PyObject *get_traceback(PyObject *self, void *unused)
{
	struct tm_module_state *st = tm_state_of(self);
	Py_ssize_t n = st ? PySequence_Size(tm_field(self, TRACE)) : -1;
	PyObject *frames = n < 0 ? NULL : PySequence_GetItem(tm_field(self, TRACE), 2);
	PyObject *total = frames && n > 3 ? PySequence_GetItem(tm_field(self, TRACE), 3) : NULL;
	if (frames && n > 3 && !total) {
		Py_DECREF(frames);
		return NULL;
	}
	return frames ? tm_traceback_make(st, frames, total) : NULL;
}

static PyObject *trace_compare(PyObject *a, PyObject *b, int op)
{
	if (op == Py_EQ || op == Py_NE)
		return tm_record_compare(a, b, TM_TYPE_TRACE, TRACE, op);
	Py_INCREF(Py_NotImplemented);
	return Py_NotImplemented;
}

static Py_hash_t trace_hash(PyObject *self)
{
	return PyObject_Hash(tm_field(self, TRACE));
}

static PyObject *shown(PyObject *self, bool repr)
{
	PyObject *domain = get_item(self, (void *)0), *size = domain ? get_item(self, (void *)1) : NULL;
	PyObject *text = size ? tm_format_size(size, false) : NULL, *traceback = text ? get_traceback(self, NULL) : NULL;
	PyObject *all = !traceback ? NULL
		: repr	   ? PyUnicode_FromFormat("<Trace domain=%S size=%S, traceback=%R>", domain, text, traceback)
				   : PyUnicode_FromFormat("%S: %S", traceback, text);
	Py_XDECREF(domain);
	Py_XDECREF(size);
	Py_XDECREF(text);
	Py_XDECREF(traceback);
	return all;
}

static PyObject *trace_str(PyObject *self)
{
	return shown(self, false);
}

static PyObject *trace_repr(PyObject *self)
{
	return shown(self, true);
}

static PyMethodDef methods[] = {
	{ "__reduce__", tm_record_reduce, METH_NOARGS, NULL },
	{ 0 },
};

static PyMemberDef members[] = {
	{ "_trace", T_OBJECT_EX, TM_FIELD(TRACE), READONLY, NULL },
	{ 0 },
};

static PyGetSetDef getset[] = {
	{ "domain", get_item, NULL, "Whose memory it is; 0 is Python's own.", (void *)0 },
	{ "size", get_item, NULL, "Bytes that were asked for.", (void *)1 },
	{ "traceback", get_traceback, NULL, "Where it was allocated.", NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Trace of a memory block." },
	{ Py_tp_new, trace_new },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_richcompare, trace_compare },
	{ Py_tp_hash, trace_hash },
	{ Py_tp_str, trace_str },
	{ Py_tp_repr, trace_repr },
	{ Py_tp_members, members },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, getset },
	{ 0 },
};

PyType_Spec tm_trace_spec = { "tm.Trace", sizeof(struct tm_record), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	slots };
