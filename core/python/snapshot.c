/* tm.Snapshot: all traces of one moment, as tracemalloc.Snapshot. */
#include "module.h"
#include "tm/query.h"
#include <string.h>

enum { TRACES, LIMIT };

PyObject *tm_snapshot_object(struct tm_module_state *st, struct tm_snapshot *s)
{
	PyObject *limit = s->about.has_limit ? PyLong_FromUnsignedLong(s->about.limit) : (Py_INCREF(Py_None), Py_None);
	PyObject *traces = limit ? tm_traces_object(st, s) : (tm_snapshot_unref(s), NULL);
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_SNAPSHOT], (PyObject *const[TM_FIELDS]) { traces, limit });
}

static int key_of(PyObject *name, int cumulative, enum tm_key *ret)
{
	static const char *const keys[] = { [TM_BY_LINENO] = "lineno", [TM_BY_FILENAME] = "filename", [TM_BY_TRACEBACK] = "traceback" };
	for (int i = 0; i < 3; i++)
		if (PyUnicode_Check(name) && PyUnicode_CompareWithASCIIString(name, keys[i]) == 0) {
			*ret = (enum tm_key)i;
			if (!cumulative || i != TM_BY_TRACEBACK)
				return 0;
			PyErr_Format(PyExc_ValueError, "cumulative mode cannot by used with key type %R", name);
			return -1;
		}
	PyErr_Format(PyExc_ValueError, "unknown key_type: %R", name);
	return -1;
}

static PyObject *statistic(struct tm_module_state *st, PyObject *traces, const struct tm_statistic *row)
{
	PyObject *fields[TM_FIELDS] = { tm_traceback_make(st, tm_traces_frames(traces, row->frames, row->nframe), NULL),
		tm_long_u128(row->size), PyLong_FromUnsignedLongLong(row->count) };
	if (!fields[1] || !fields[2])
		Py_CLEAR(fields[0]);
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_STATISTIC], fields);
}

static PyObject *snapshot_statistics(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "key_type", "cumulative", NULL };
	struct tm_module_state *st = tm_state_of(self);
	PyObject *key_name, *traces = tm_field(self, TRACES), *list = NULL;
	int cumulative = 0;
	enum tm_key key;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:statistics", names, &key_name, &cumulative) ||
	    key_of(key_name, cumulative, &key) < 0)
		return NULL;
	struct tm_statistics *result = NULL;
	struct tm_run run;
	if (tm_run_begin(&run, st, NULL) < 0)
		return NULL;
	struct tm_poll poll = tm_run_poll(&run);
	struct tm_error *err = tm_statistics_make(tm_traces_snapshot(traces), key, cumulative, &poll, &result);
	if (tm_run_end(&run, err, tm_raise))
		list = PyList_New((Py_ssize_t)result->nrows);
	for (uint64_t i = 0; list && i < result->nrows; i++) {
		PyObject *row = statistic(st, traces, &result->rows[i]);
		if (!row || PyList_SetItem(list, (Py_ssize_t)i, row) < 0)
			Py_CLEAR(list);
	}
	tm_statistics_free(result);
	return list;
}

/* What is not tracemalloc's: how far the numbers can be trusted. */
static PyObject *get_complete(PyObject *self, void *unused)
{
	return PyBool_FromLong(tm_traces_snapshot(tm_field(self, TRACES))->about.complete);
}

static PyObject *get_notes(PyObject *self, void *unused)
{
	const struct tm_snapshot *s = tm_traces_snapshot(tm_field(self, TRACES));
	PyObject *list = PyList_New((Py_ssize_t)s->nnotes);
	for (size_t i = 0; list && i < s->nnotes; i++) {
		PyObject *note = PyUnicode_DecodeUTF8(s->notes[i].text, (Py_ssize_t)strlen(s->notes[i].text), "backslashreplace");
		if (!note || PyList_SetItem(list, (Py_ssize_t)i, note) < 0)
			Py_CLEAR(list);
	}
	return list;
}

static PyMemberDef members[] = {
	{ "traces", T_OBJECT_EX, TM_FIELD(TRACES), READONLY, "Sequence of Trace, one for each block." },
	{ "traceback_limit", T_OBJECT_EX, TM_FIELD(LIMIT), READONLY, "The most frames of a traceback; None: not known." },
	{ 0 },
};

static PyGetSetDef getset[] = {
	{ "complete", get_complete, NULL, "Every check of the tables agreed and nothing is missing.", NULL },
	{ "notes", get_notes, NULL, "What is missing, torn or damaged, and other remarks: list of str.", NULL },
	{ 0 },
};

static PyMethodDef methods[] = {
	{ "statistics", (PyCFunction)(void (*)(void))snapshot_statistics, METH_VARARGS | METH_KEYWORDS,
		"statistics(key_type, cumulative=False) -> list of Statistic\n\n"
		"KEY_TYPE is 'lineno', 'filename' or 'traceback'. Sorted by size, count and traceback, the largest first. Raises\n"
		"ValueError for another key, or for a cumulative 'traceback'." },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Snapshot of the traces of all memory blocks that Python has allocated." },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_members, members },
	{ Py_tp_getset, getset },
	{ Py_tp_methods, methods },
	{ 0 },
};

PyType_Spec tm_snapshot_spec = { "tm.Snapshot", sizeof(struct tm_record), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots };
