/* tm.Statistic and tm.StatisticDiff: the blocks of one key together, as in tracemalloc. */
#include "module.h"
#include "tm/number.h"

enum { TRACEBACK, SIZE, COUNT, NFIELDS };
enum { DIFF_SIZE = 1, SIZE_DIFF, DIFF_COUNT, COUNT_DIFF, DIFF_NFIELDS };

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

static PyObject *make(PyTypeObject *type, PyObject *fields[TM_FIELDS], int n)
{
	for (int i = 0; i < n; i++)
		Py_INCREF(fields[i]);
	return tm_record_new(type, fields);
}

static PyObject *statistic_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "traceback", "size", "count", NULL };
	PyObject *f[TM_FIELDS] = { 0 };
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOO:Statistic", names, &f[TRACEBACK], &f[SIZE], &f[COUNT]))
		return NULL;
	return make(type, f, NFIELDS);
}

static PyObject *diff_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "traceback", "size", "size_diff", "count", "count_diff", NULL };
	PyObject *f[TM_FIELDS] = { 0 };
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OOOOO:StatisticDiff", names, &f[TRACEBACK], &f[DIFF_SIZE], &f[SIZE_DIFF],
		    &f[DIFF_COUNT], &f[COUNT_DIFF]))
		return NULL;
	return make(type, f, DIFF_NFIELDS);
}

/* Equal when all N fields are. */
static PyObject *compare(PyObject *a, PyObject *b, int op, enum tm_type type, int n)
{
	struct tm_module_state *st = tm_state_of(a);
	int ours = !st ? -1 : op == Py_EQ || op == Py_NE ? PyObject_IsInstance(b, st->types[type]) : 0;
	if (ours < 0)
		return NULL;
	if (!ours) {
		Py_INCREF(Py_NotImplemented);
		return Py_NotImplemented;
	}
	PyObject *ta = tm_record_tuple(a, n), *tb = ta ? tm_record_tuple(b, n) : NULL;
	PyObject *result = tb ? PyObject_RichCompare(ta, tb, op) : NULL;
	Py_XDECREF(ta);
	Py_XDECREF(tb);
	return result;
}

static PyObject *statistic_compare(PyObject *a, PyObject *b, int op)
{
	return compare(a, b, op, TM_TYPE_STATISTIC, NFIELDS);
}

static PyObject *diff_compare(PyObject *a, PyObject *b, int op)
{
	return compare(a, b, op, TM_TYPE_STATISTIC_DIFF, DIFF_NFIELDS);
}

static Py_hash_t hash(PyObject *self, int n)
{
	PyObject *t = tm_record_tuple(self, n);
	Py_hash_t h = t ? PyObject_Hash(t) : -1;
	Py_XDECREF(t);
	return h;
}

static Py_hash_t statistic_hash(PyObject *self)
{
	return hash(self, NFIELDS);
}

static Py_hash_t diff_hash(PyObject *self)
{
	return hash(self, DIFF_NFIELDS);
}

/* Appends ", average=..." where there are blocks. Takes TEXT over. */
static PyObject *with_average(PyObject *text, PyObject *size, PyObject *count)
{
	int counted = text ? PyObject_IsTrue(count) : -1;
	if (!counted)
		return text;
	PyObject *quotient = counted > 0 ? PyNumber_TrueDivide(size, count) : NULL;
	PyObject *average = quotient ? tm_format_size(quotient, false) : NULL;
	PyObject *all = average ? PyUnicode_FromFormat("%S, average=%S", text, average) : NULL;
	Py_XDECREF(quotient);
	Py_XDECREF(average);
	Py_XDECREF(text);
	return all;
}

static PyObject *statistic_str(PyObject *self)
{
	PyObject *count = tm_field(self, COUNT), *size = tm_format_size(tm_field(self, SIZE), false);
	PyObject *text = size ? PyUnicode_FromFormat("%S: size=%S, count=%S", tm_field(self, TRACEBACK), size, count) : NULL;
	Py_XDECREF(size);
	return with_average(text, tm_field(self, SIZE), count);
}

static PyObject *statistic_repr(PyObject *self)
{
	return PyUnicode_FromFormat("<Statistic traceback=%R size=%S count=%S>", tm_field(self, TRACEBACK), tm_field(self, SIZE),
		tm_field(self, COUNT));
}

/* "+3" and the like, as "%+i" writes it. */
static PyObject *with_sign(PyObject *number)
{
	PyObject *zero = PyLong_FromLong(0);
	int negative = zero ? PyObject_RichCompareBool(number, zero, Py_LT) : -1;
	Py_XDECREF(zero);
	return negative < 0 ? NULL : PyUnicode_FromFormat(negative ? "%S" : "+%S", number);
}

static PyObject *diff_str(PyObject *self)
{
	PyObject *count = tm_field(self, DIFF_COUNT), *size = tm_format_size(tm_field(self, DIFF_SIZE), false);
	PyObject *size_diff = size ? tm_format_size(tm_field(self, SIZE_DIFF), true) : NULL;
	PyObject *count_diff = size_diff ? with_sign(tm_field(self, COUNT_DIFF)) : NULL;
	PyObject *text = count_diff ? PyUnicode_FromFormat("%S: size=%S (%S), count=%S (%S)", tm_field(self, TRACEBACK), size, size_diff, count,
					      count_diff)
				    : NULL;
	Py_XDECREF(size);
	Py_XDECREF(size_diff);
	Py_XDECREF(count_diff);
	return with_average(text, tm_field(self, DIFF_SIZE), count);
}

static PyObject *diff_repr(PyObject *self)
{
	PyObject *size_diff = with_sign(tm_field(self, SIZE_DIFF)), *count_diff = size_diff ? with_sign(tm_field(self, COUNT_DIFF)) : NULL;
	PyObject *text = count_diff ? PyUnicode_FromFormat("<StatisticDiff traceback=%R size=%S (%S) count=%S (%S)>", tm_field(self, TRACEBACK),
					      tm_field(self, DIFF_SIZE), size_diff, tm_field(self, DIFF_COUNT), count_diff)
				    : NULL;
	Py_XDECREF(size_diff);
	Py_XDECREF(count_diff);
	return text;
}

static PyObject *statistic_key(PyObject *self, PyObject *unused)
{
	return PyTuple_Pack(3, tm_field(self, SIZE), tm_field(self, COUNT), tm_field(self, TRACEBACK));
}

static PyObject *diff_key(PyObject *self, PyObject *unused)
{
	PyObject *size = PyNumber_Absolute(tm_field(self, SIZE_DIFF)), *count = size ? PyNumber_Absolute(tm_field(self, COUNT_DIFF)) : NULL;
	PyObject *key = count ? PyTuple_Pack(5, size, tm_field(self, DIFF_SIZE), count, tm_field(self, DIFF_COUNT), tm_field(self, TRACEBACK))
			      : NULL;
	Py_XDECREF(size);
	Py_XDECREF(count);
	return key;
}

static PyMemberDef statistic_members[] = {
	{ "traceback", T_OBJECT_EX, TM_FIELD(TRACEBACK), READONLY, "Traceback where the blocks were allocated." },
	{ "size", T_OBJECT_EX, TM_FIELD(SIZE), READONLY, "Total size of the blocks in bytes." },
	{ "count", T_OBJECT_EX, TM_FIELD(COUNT), READONLY, "Number of blocks." },
	{ 0 },
};

static PyMemberDef diff_members[] = {
	{ "traceback", T_OBJECT_EX, TM_FIELD(TRACEBACK), READONLY, "Traceback where the blocks were allocated." },
	{ "size", T_OBJECT_EX, TM_FIELD(DIFF_SIZE), READONLY, "Total size of the blocks in the new snapshot, in bytes." },
	{ "size_diff", T_OBJECT_EX, TM_FIELD(SIZE_DIFF), READONLY, "Difference to the old snapshot, in bytes." },
	{ "count", T_OBJECT_EX, TM_FIELD(DIFF_COUNT), READONLY, "Number of blocks in the new snapshot." },
	{ "count_diff", T_OBJECT_EX, TM_FIELD(COUNT_DIFF), READONLY, "Difference to the old snapshot." },
	{ 0 },
};

static PyMethodDef statistic_methods[] = {
	{ "_sort_key", statistic_key, METH_NOARGS, NULL },
	{ "__reduce__", tm_record_reduce, METH_NOARGS, NULL },
	{ 0 },
};

static PyMethodDef diff_methods[] = {
	{ "_sort_key", diff_key, METH_NOARGS, NULL },
	{ "__reduce__", tm_record_reduce, METH_NOARGS, NULL },
	{ 0 },
};

#define SLOTS(kind, doc)                                                                                                                 \
	{                                                                                                                                \
		{ Py_tp_doc, doc }, { Py_tp_new, kind##_new }, { Py_tp_traverse, tm_record_traverse }, { Py_tp_clear, tm_record_clear }, \
			{ Py_tp_dealloc, tm_record_dealloc }, { Py_tp_richcompare, kind##_compare }, { Py_tp_hash, kind##_hash },        \
			{ Py_tp_str, kind##_str }, { Py_tp_repr, kind##_repr }, { Py_tp_members, kind##_members },                       \
			{ Py_tp_methods, kind##_methods }, { 0 },                                                                        \
	}

static PyType_Slot statistic_slots[] = SLOTS(statistic, "Statistic on memory allocations.");
static PyType_Slot diff_slots[] = SLOTS(diff, "Statistic difference on memory allocations between an old and a new snapshot.");

PyType_Spec tm_statistic_spec = { "tm.Statistic", sizeof(struct tm_record), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, statistic_slots };
PyType_Spec tm_statistic_diff_spec = { "tm.StatisticDiff", sizeof(struct tm_record), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, diff_slots };
