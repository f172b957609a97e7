/* What collections.abc.Sequence gives its subclasses besides the protocol: index() and count(). */
#include "module.h"

PyObject *tm_sequence_count(PyObject *self, PyObject *value)
{
	Py_ssize_t n = PySequence_Count(self, value);
	return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

/* A bound of a range, which may count from the end, as slices have them. */
static bool bound(PyObject *given, Py_ssize_t n, Py_ssize_t *ret)
{
	*ret = PyNumber_AsSsize_t(given, NULL);
	if (*ret == -1 && PyErr_Occurred())
		return false;
	*ret = *ret >= 0 ? *ret : *ret + n > 0 ? *ret + n : 0;
	return true;
}

PyObject *tm_sequence_index(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "value", "start", "stop", NULL };
	PyObject *value, *first = NULL, *end = Py_None;
	Py_ssize_t n = PySequence_Size(self), start = 0, stop = n;
	if (n < 0 || !PyArg_ParseTupleAndKeywords(args, kwargs, "O|OO:index", names, &value, &first, &end) ||
	    (first && !bound(first, n, &start)) || (end != Py_None && !bound(end, n, &stop)))
		return NULL;
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
