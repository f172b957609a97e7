/* What collections.abc.Sequence gives its subclasses besides the protocol: index() and count(). */
#include "module.h"

PyObject *tm_sequence_count(PyObject *self, PyObject *value)
{
	Py_ssize_t n = PySequence_Count(self, value);
	return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

PyObject *tm_sequence_index(PyObject *self, PyObject *args)
{
	PyObject *value;
	Py_ssize_t start = 0, stop = PY_SSIZE_T_MAX, n = PySequence_Size(self);
	if (n < 0 || !PyArg_ParseTuple(args, "O|nn:index", &value, &start, &stop))
		return NULL;
	start = start < 0 && (start += n) < 0 ? 0 : start;
	stop = stop < 0 ? stop + n : stop;
	for (Py_ssize_t i = start; i < n && i < stop; i++) {
		PyObject *item = PySequence_GetItem(self, i);
		int equal = item ? PyObject_RichCompareBool(item, value, Py_EQ) : -1;
		Py_XDECREF(item);
		if (equal)
			return equal < 0 ? NULL : PyLong_FromSsize_t(i);
	}
	PyErr_SetNone(PyExc_ValueError);
	return NULL;
}
