/* Small immutable objects: Frame, Traceback, Trace, Statistic. */
#include "module.h"

void tm_object_free(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	((freefunc)PyType_GetSlot(type, Py_tp_free))(self);
	Py_DECREF(type);
}

PyObject *tm_record_new(PyTypeObject *type, PyObject *const fields[TM_FIELDS])
{
	struct tm_record *r = fields[0] ? (struct tm_record *)((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0) : NULL;
	for (int i = 0; i < TM_FIELDS; i++)
		if (r)
			r->field[i] = fields[i];
		else
			Py_XDECREF(fields[i]);
	return (PyObject *)r;
}

/* The type is not visited: 3.8 must not, and to leave it out costs only what a cycle through a type would. */
int tm_record_traverse(PyObject *self, visitproc visit, void *arg)
{
	for (int i = 0; i < TM_FIELDS; i++)
		Py_VISIT(tm_field(self, i));
	return 0;
}

int tm_record_clear(PyObject *self)
{
	for (int i = 0; i < TM_FIELDS; i++)
		Py_CLEAR(((struct tm_record *)self)->field[i]);
	return 0;
}

void tm_record_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	tm_record_clear(self);
	tm_object_free(self);
}

static PyObject *not_implemented(void)
{
	Py_INCREF(Py_NotImplemented);
	return Py_NotImplemented;
}

PyObject *tm_record_compare(PyObject *a, PyObject *b, enum tm_type type, int i, int op)
{
	struct tm_module_state *st = tm_state_of(a);
	int ours = st ? PyObject_IsInstance(b, st->types[type]) : -1;
	if (ours < 0)
		return NULL;
	return ours ? PyObject_RichCompare(tm_field(a, i), tm_field(b, i), op) : not_implemented();
}

PyObject *tm_record_tuple(PyObject *self, int n)
{
	PyObject *t = PyTuple_New(n);
	for (int i = 0; t && i < n; i++) {
		Py_INCREF(tm_field(self, i));
		PyTuple_SetItem(t, i, tm_field(self, i));
	}
	return t;
}

PyObject *tm_reduce(PyObject *self, PyObject *args)
{
	PyObject *dict = args ? PyObject_GetAttrString(self, "__dict__") : NULL;
	if (args && !dict)
		PyErr_Clear();
	PyObject *result = !args ? NULL : dict ? PyTuple_Pack(3, Py_TYPE(self), args, dict) : PyTuple_Pack(2, Py_TYPE(self), args);
	Py_XDECREF(dict);
	Py_XDECREF(args);
	return result;
}

PyObject *tm_record_reduce(PyObject *self, PyObject *unused)
{
	int n = 0;
	while (n < TM_FIELDS && tm_field(self, n))
		n++;
	return tm_reduce(self, tm_record_tuple(self, n));
}
