/* tm.Frame: a filename and a line, as tracemalloc.Frame. */
#include "module.h"

enum { FRAME };

static PyObject *frame_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "frame", NULL };
	PyObject *frame;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:Frame", names, &frame))
		return NULL;
	Py_INCREF(frame);
	return tm_record_new(type, (PyObject *const[TM_FIELDS]) { frame });
}

static PyObject *get_item(PyObject *self, void *index)
{
	return PySequence_GetItem(tm_field(self, FRAME), (Py_ssize_t)index);
}

static PyObject *frame_compare(PyObject *a, PyObject *b, int op)
{
	return tm_record_compare(a, b, TM_TYPE_FRAME, FRAME, op);
}

static Py_hash_t frame_hash(PyObject *self)
{
	return PyObject_Hash(tm_field(self, FRAME));
}

static PyObject *shown(PyObject *self, const char *format)
{
	PyObject *filename = get_item(self, (void *)0), *lineno = filename ? get_item(self, (void *)1) : NULL;
	PyObject *text = lineno ? PyUnicode_FromFormat(format, filename, lineno) : NULL;
	Py_XDECREF(filename);
	Py_XDECREF(lineno);
	return text;
}

static PyObject *frame_str(PyObject *self)
{
	return shown(self, "%S:%S");
}

static PyObject *frame_repr(PyObject *self)
{
	return shown(self, "<Frame filename=%R lineno=%R>");
}

static PyMethodDef methods[] = {
	{ "__reduce__", tm_record_reduce, METH_NOARGS, NULL },
	{ 0 },
};

static PyMemberDef members[] = {
	{ "_frame", T_OBJECT_EX, TM_FIELD(FRAME), READONLY, NULL },
	{ 0 },
};

static PyGetSetDef getset[] = {
	{ "filename", get_item, NULL, "The file's name.", (void *)0 },
	{ "lineno", get_item, NULL, "The line's number.", (void *)1 },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Frame of a traceback." },
	{ Py_tp_new, frame_new },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_richcompare, frame_compare },
	{ Py_tp_hash, frame_hash },
	{ Py_tp_str, frame_str },
	{ Py_tp_repr, frame_repr },
	{ Py_tp_members, members },
	{ Py_tp_methods, methods },
	{ Py_tp_getset, getset },
	{ 0 },
};

PyType_Spec tm_frame_spec = { "tm.Frame", sizeof(struct tm_record), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	slots };
