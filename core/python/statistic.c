/* tm.Statistic: the blocks of one key together, as tracemalloc.Statistic. */
#include "module.h"
#include "tm/number.h"

enum { TRACEBACK, SIZE, COUNT, NFIELDS };

PyObject *tm_long_u128(tm_u128 n)
{
	PyObject *low = PyLong_FromUnsignedLongLong((unsigned long long)n);
	if (!low || n >> 64 == 0)
		return low;
	PyObject *high = PyLong_FromUnsignedLongLong((unsigned long long)(n >> 64)), *bits = PyLong_FromLong(64);
	PyObject *shifted = high && bits ? PyNumber_Lshift(high, bits) : NULL;
	PyObject *both = shifted ? PyNumber_Or(shifted, low) : NULL;
	Py_XDECREF(low);
	Py_XDECREF(high);
	Py_XDECREF(bits);
	Py_XDECREF(shifted);
	return both;
}

PyObject *tm_format_size(PyObject *size, bool sign)
{
	double value = PyFloat_AsDouble(size);
	if (value == -1.0 && PyErr_Occurred())
		return NULL;
	struct tm_text t = { 0 };
	tm_text_size(&t, value, sign);
	PyObject *text = t.failed ? PyErr_NoMemory() : PyUnicode_FromString(tm_text_str(&t));
	tm_text_free(&t);
	return text;
}

static PyObject *statistic_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "traceback", "size", "count", NULL };
	PyObject *f[TM_FIELDS] = { 0 };
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO:Statistic", names, &f[TRACEBACK], &f[SIZE], &f[COUNT]))
		return NULL;
	for (int i = 0; i < NFIELDS; i++)
		Py_INCREF(f[i]);
	return tm_record_new(type, f);
}

static PyObject *statistic_compare(PyObject *a, PyObject *b, int op)
{
	struct tm_module_state *st = tm_state_of(a);
	int ours = !st ? -1 : op == Py_EQ || op == Py_NE ? PyObject_IsInstance(b, st->types[TM_TYPE_STATISTIC]) : 0;
	if (ours < 0)
		return NULL;
	if (!ours) {
		Py_INCREF(Py_NotImplemented);
		return Py_NotImplemented;
	}
	PyObject *ta = tm_record_tuple(a, NFIELDS), *tb = ta ? tm_record_tuple(b, NFIELDS) : NULL;
	PyObject *result = tb ? PyObject_RichCompare(ta, tb, op) : NULL;
	Py_XDECREF(ta);
	Py_XDECREF(tb);
	return result;
}

static Py_hash_t statistic_hash(PyObject *self)
{
	PyObject *t = tm_record_tuple(self, NFIELDS);
	Py_hash_t hash = t ? PyObject_Hash(t) : -1;
	Py_XDECREF(t);
	return hash;
}

static PyObject *statistic_str(PyObject *self)
{
	PyObject *size = tm_format_size(tm_field(self, SIZE), false), *average = NULL, *quotient = NULL;
	int counted = size ? PyObject_IsTrue(tm_field(self, COUNT)) : -1;
	if (counted > 0) {
		quotient = PyNumber_TrueDivide(tm_field(self, SIZE), tm_field(self, COUNT));
		average = quotient ? tm_format_size(quotient, false) : NULL;
		counted = average ? 1 : -1;
	}
	PyObject *text = counted < 0 ? NULL
		: counted ? PyUnicode_FromFormat("%S: size=%S, count=%S, average=%S", tm_field(self, TRACEBACK), size,
				  tm_field(self, COUNT), average)
			  : PyUnicode_FromFormat("%S: size=%S, count=%S", tm_field(self, TRACEBACK), size, tm_field(self, COUNT));
	Py_XDECREF(size);
	Py_XDECREF(average);
	Py_XDECREF(quotient);
	return text;
}

static PyObject *statistic_repr(PyObject *self)
{
	return PyUnicode_FromFormat("<Statistic traceback=%R size=%S count=%S>", tm_field(self, TRACEBACK), tm_field(self, SIZE),
		tm_field(self, COUNT));
}

static PyObject *sort_key(PyObject *self, PyObject *unused)
{
	return PyTuple_Pack(3, tm_field(self, SIZE), tm_field(self, COUNT), tm_field(self, TRACEBACK));
}

static PyMemberDef members[] = {
	{ "traceback", T_OBJECT_EX, TM_FIELD(TRACEBACK), READONLY, "Traceback where the blocks were allocated." },
	{ "size", T_OBJECT_EX, TM_FIELD(SIZE), READONLY, "Total size of the blocks in bytes." },
	{ "count", T_OBJECT_EX, TM_FIELD(COUNT), READONLY, "Number of blocks." },
	{ 0 },
};

static PyMethodDef methods[] = {
	{ "_sort_key", sort_key, METH_NOARGS, NULL },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Statistic on memory allocations." },
	{ Py_tp_new, statistic_new },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_richcompare, statistic_compare },
	{ Py_tp_hash, statistic_hash },
	{ Py_tp_str, statistic_str },
	{ Py_tp_repr, statistic_repr },
	{ Py_tp_members, members },
	{ Py_tp_methods, methods },
	{ 0 },
};

PyType_Spec tm_statistic_spec = { "tm.Statistic", sizeof(struct tm_record), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots };
