/* tm.Snapshot: all traces of one moment, as tracemalloc.Snapshot. */
#include "module.h"
#include "tm/compare.h"
#include "tm/query.h"
#include "tm/store.h"
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

static PyObject *snapshot_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "traces", "traceback_limit", NULL };
	struct tm_module_state *st = tm_state_of_type(type);
	PyObject *list, *limit;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "OO:Snapshot", names, &list, &limit))
		return NULL;
	Py_INCREF(limit);
	return tm_record_new(type, (PyObject *const[TM_FIELDS]) { tm_traces_of_list(st, list), limit });
}

/* N rows as a list; ROW makes one. */
static PyObject *list_of(uint64_t n, PyObject *(*row)(struct tm_module_state *st, PyObject *traces, const void *data, uint64_t i),
	struct tm_module_state *st, PyObject *traces, const void *data)
{
	PyObject *list = PyList_New((Py_ssize_t)n);
	for (uint64_t i = 0; list && i < n; i++) {
		PyObject *item = row(st, traces, data, i);
		if (!item || PyList_SetItem(list, (Py_ssize_t)i, item) < 0)
			Py_CLEAR(list);
	}
	return list;
}

static PyObject *statistic(struct tm_module_state *st, PyObject *traces, const void *data, uint64_t i)
{
	const struct tm_statistic *row = &((const struct tm_statistics *)data)->rows[i];
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
	PyObject *key_name, *traces = tm_field(self, TRACES);
	int cumulative = 0;
	enum tm_key key;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O|p:statistics", names, &key_name, &cumulative) ||
	    key_of(key_name, cumulative, &key) < 0)
		return NULL;
	struct tm_snapshot *s = tm_traces_snapshot(traces);
	struct tm_statistics *result = NULL;
	struct tm_run run;
	if (!s || tm_run_begin(&run, st, NULL) < 0)
		return NULL;
	struct tm_poll poll = tm_run_poll(&run);
	struct tm_error *err = tm_statistics_make(s, key, cumulative, &poll, &result);
	PyObject *list = tm_run_end(&run, err, tm_raise) ? list_of(result->nrows, statistic, st, traces, result) : NULL;
	tm_statistics_free(result);
	return list;
}

static PyObject *signed_number(tm_i128 n)
{
	PyObject *number = tm_long_u128(n < 0 ? -(tm_u128)n : (tm_u128)n);
	PyObject *negative = n < 0 && number ? PyNumber_Negative(number) : NULL;
	if (n >= 0)
		return number;
	Py_XDECREF(number);
	return negative;
}

static PyObject *difference(struct tm_module_state *st, PyObject *traces, const void *data, uint64_t i)
{
	const struct tm_statistic_diff *row = &((const struct tm_compare *)data)->rows[i];
	PyObject *fields[TM_FIELDS] = { tm_traceback_make(st, tm_traces_frames(traces, row->frames, row->nframe), NULL),
		tm_long_u128(row->size), signed_number(row->size_diff), PyLong_FromUnsignedLongLong(row->count),
		PyLong_FromLongLong(row->count_diff) };
	if (!fields[1] || !fields[2] || !fields[3] || !fields[4])
		Py_CLEAR(fields[0]);
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_STATISTIC_DIFF], fields);
}

/* OLD's traces, a new reference: of our Snapshot, or of one of tracemalloc's own. */
static PyObject *traces_of(struct tm_module_state *st, PyObject *old)
{
	PyObject *traces = PyObject_GetAttrString(old, "traces");
	int ours = traces ? PyObject_IsInstance(traces, st->types[TM_TYPE_TRACES]) : -1;
	if (ours > 0)
		return traces;
	PyObject *list = !ours ? PyObject_GetAttrString(traces, "_traces") : NULL, *made = list ? tm_traces_of_list(st, list) : NULL;
	Py_XDECREF(list);
	Py_XDECREF(traces);
	return made;
}

static PyObject *compare(struct tm_module_state *st, PyObject *old, PyObject *now, enum tm_key key, int cumulative)
{
	struct tm_snapshot *a = tm_traces_snapshot(old), *b = a ? tm_traces_snapshot(now) : NULL;
	struct tm_compare *result = NULL;
	struct tm_run run;
	if (!b || tm_run_begin(&run, st, NULL) < 0)
		return NULL;
	struct tm_poll poll = tm_run_poll(&run);
	struct tm_error *err = tm_compare_make(a, b, key, cumulative, &poll, &result);
	PyObject *names = tm_run_end(&run, err, tm_raise) ? tm_traces_object(st, tm_snapshot_ref(result->snapshot)) : NULL;
	PyObject *list = names ? list_of(result->nrows, difference, st, names, result) : NULL;
	Py_XDECREF(names);
	tm_compare_free(result);
	return list;
}

static PyObject *snapshot_compare_to(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "old_snapshot", "key_type", "cumulative", NULL };
	struct tm_module_state *st = tm_state_of(self);
	PyObject *old, *key_name;
	int cumulative = 0;
	enum tm_key key;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "OO|p:compare_to", names, &old, &key_name, &cumulative) ||
	    key_of(key_name, cumulative, &key) < 0)
		return NULL;
	PyObject *traces = traces_of(st, old), *list = traces ? compare(st, traces, tm_field(self, TRACES), key, cumulative) : NULL;
	Py_XDECREF(traces);
	return list;
}

/* ---- filters ---- */

static PyObject *with_traces(PyObject *self, PyObject *traces)
{
	Py_INCREF(tm_field(self, LIMIT));
	return tm_record_new(Py_TYPE(self), (PyObject *const[TM_FIELDS]) { traces, tm_field(self, LIMIT) });
}

/* All of FILTERS as the core's, or NULL: not all are plain ones, or an exception is set. *KEEP is what they borrow. */
static struct tm_filter *converted(struct tm_module_state *st, PyObject *filters, PyObject *keep)
{
	Py_ssize_t n = PyList_Size(filters);
	struct tm_filter *all = PyMem_Calloc((size_t)n + 1, sizeof *all);
	int good = all ? 1 : (PyErr_NoMemory(), -1);
	for (Py_ssize_t i = 0; good > 0 && i < n; i++)
		good = tm_filter_convert(st, PyList_GetItem(filters, i), keep, &all[i]);
	if (good > 0)
		return all;
	PyMem_Free(all);
	return NULL;
}

static PyObject *filter_in_core(PyObject *self, struct tm_module_state *st, const struct tm_filter *filters, size_t n)
{
	struct tm_snapshot *s = tm_traces_snapshot(tm_field(self, TRACES)), *passed = NULL;
	struct tm_run run;
	if (!s || tm_run_begin(&run, st, NULL) < 0)
		return NULL;
	struct tm_poll poll = tm_run_poll(&run);
	struct tm_error *err = tm_snapshot_filter(s, filters, n, true, &poll, &passed);
	return tm_run_end(&run, err, tm_raise) ? with_traces(self, tm_traces_object(st, passed)) : NULL;
}

/* -1 with an exception, else whether one of FILTERS of this kind says (inclusive) yes or (exclusive) no to TRACE. */
static int any_says(PyObject *filters, PyObject *trace, bool including, bool *asked)
{
	int said = 0;
	for (Py_ssize_t i = 0; !said && i < PyList_Size(filters); i++) {
		PyObject *filter = PyList_GetItem(filters, i), *in = PyObject_GetAttrString(filter, "inclusive");
		int kind = in ? PyObject_IsTrue(in) : -1;
		Py_XDECREF(in);
		if (kind < 0)
			return -1;
		if ((kind > 0) != including)
			continue;
		*asked = true;
		PyObject *answer = PyObject_CallMethod(filter, "_match", "(O)", trace);
		int match = answer ? PyObject_IsTrue(answer) : -1;
		Py_XDECREF(answer);
		if (match < 0)
			return -1;
		said = including ? match : !match;
	}
	return said;
}

static int passes(PyObject *filters, PyObject *trace)
{
	bool asked = false;
	int included = any_says(filters, trace, true, &asked);
	if (included < 0 || (asked && !included))
		return included;
	int excluded = any_says(filters, trace, false, &asked);
	return excluded < 0 ? -1 : !excluded;
}

/* Filters of somebody's own: each trace is asked for. */
static PyObject *filter_by_asking(PyObject *self, struct tm_module_state *st, PyObject *filters)
{
	PyObject *all = tm_traces_list(tm_field(self, TRACES)), *passed = all ? PyList_New(0) : NULL;
	Py_ssize_t n = passed ? PySequence_Size(all) : 0;
	for (Py_ssize_t i = 0; passed && i < n; i++) {
		PyObject *trace = PySequence_GetItem(all, i);
		int pass = trace ? passes(filters, trace) : -1;
		if (pass < 0 || (pass && PyList_Append(passed, trace) < 0))
			Py_CLEAR(passed);
		Py_XDECREF(trace);
	}
	Py_XDECREF(all);
	PyObject *result = passed ? with_traces(self, tm_traces_of_list(st, passed)) : NULL;
	Py_XDECREF(passed);
	return result;
}

static PyObject *snapshot_filter_traces(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "filters", NULL };
	struct tm_module_state *st = tm_state_of(self);
	PyObject *filters;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O:filter_traces", names, &filters))
		return NULL;
	if (!PyObject_HasAttrString((PyObject *)Py_TYPE(filters), "__iter__")) {
		PyObject *name = PyObject_GetAttrString((PyObject *)Py_TYPE(filters), "__name__");
		if (name)
			PyErr_Format(PyExc_TypeError, "filters must be a list of filters, not %S", name);
		Py_XDECREF(name);
		return NULL;
	}
	PyObject *iterator = PyObject_GetIter(filters);
	if (!iterator)
		return NULL;
	PyObject *list = PySequence_List(iterator), *keep = list ? PyList_New(0) : NULL;
	struct tm_filter *plain = keep ? converted(st, list, keep) : NULL;
	PyObject *result = plain		? filter_in_core(self, st, plain, (size_t)PyList_Size(list))
		: PyErr_Occurred() ? NULL
					: filter_by_asking(self, st, list);
	PyMem_Free(plain);
	Py_XDECREF(keep);
	Py_XDECREF(list);
	Py_DECREF(iterator);
	return result;
}

/* ---- files ---- */

static PyObject *snapshot_dump(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "filename", NULL };
	struct tm_module_state *st = tm_state_of(self);
	struct tm_snapshot *s = st ? tm_traces_snapshot(tm_field(self, TRACES)) : NULL;
	PyObject *path;
	struct tm_run run;
	if (!s || !PyArg_ParseTupleAndKeywords(args, kwargs, "O&:dump", names, PyUnicode_FSConverter, &path))
		return NULL;
	bool good = tm_run_begin(&run, st, NULL) == 0;
	if (good) {
		struct tm_poll poll = tm_run_poll(&run);
		struct tm_error *err = tm_snapshot_dump(s, PyBytes_AsString(path), true, TM_PICKLE_AUTO, &poll);
		good = tm_run_end(&run, err, tm_raise);
	}
	Py_DECREF(path);
	if (!good)
		return NULL;
	Py_INCREF(Py_None);
	return Py_None;
}

static PyObject *snapshot_load(PyObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "filename", NULL };
	struct tm_module_state *st = tm_state_of_type((PyTypeObject *)type);
	PyObject *filename;
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O:load", names, &filename))
		return NULL;
	struct tm_snapshot *s = tm_source_of(st, filename, 0, true);
	return s ? tm_snapshot_object(st, s) : NULL;
}

/* ---- pickle and copy ---- */

static PyObject *own_type(void)
{
	PyObject *own = PyImport_ImportModule("tracemalloc"), *type = own ? PyObject_GetAttrString(own, "Snapshot") : NULL;
	Py_XDECREF(own);
	return type;
}

/* What a Snapshot is made of, ours and tracemalloc's. */
static PyObject *arguments(PyObject *self)
{
	PyObject *list = tm_traces_list(tm_field(self, TRACES)), *args = list ? PyTuple_Pack(2, list, tm_field(self, LIMIT)) : NULL;
	Py_XDECREF(list);
	return args;
}

/* Pickled as tracemalloc's own Snapshot: what reads it need not know tm. A subclass is somebody's who knows it. */
static PyObject *snapshot_reduce(PyObject *self, PyObject *unused)
{
	struct tm_module_state *st = tm_state_of(self);
	PyObject *args = st ? arguments(self) : NULL;
	if (!args || (PyObject *)Py_TYPE(self) != st->types[TM_TYPE_SNAPSHOT])
		return tm_reduce(self, args);
	PyObject *type = own_type(), *result = type ? PyTuple_Pack(2, type, args) : NULL;
	Py_XDECREF(type);
	Py_DECREF(args);
	return result;
}

/* Of the same blocks, which nobody changes. DEEPER: copy.deepcopy(), for what a subclass keeps besides; NULL: as it is. */
static PyObject *copied(PyObject *self, PyObject *deeper, PyObject *memo)
{
	PyObject *traces = tm_field(self, TRACES), *dict = PyObject_GetAttrString(self, "__dict__");
	if (!dict)
		PyErr_Clear();
	Py_INCREF(traces);
	PyObject *copy = with_traces(self, traces);
	PyObject *kept = copy && dict && deeper ? PyObject_CallFunctionObjArgs(deeper, dict, memo, NULL) : dict;
	PyObject *own = copy && kept ? PyObject_GetAttrString(copy, "__dict__") : NULL;
	if (copy && dict && (!own || PyDict_Update(own, kept) < 0))
		Py_CLEAR(copy);
	Py_XDECREF(own);
	if (kept != dict)
		Py_XDECREF(kept);
	Py_XDECREF(dict);
	return copy;
}

static PyObject *snapshot_copy(PyObject *self, PyObject *unused)
{
	return copied(self, NULL, NULL);
}

static PyObject *snapshot_deepcopy(PyObject *self, PyObject *memo)
{
	PyObject *module = PyImport_ImportModule("copy"), *deeper = module ? PyObject_GetAttrString(module, "deepcopy") : NULL;
	PyObject *copy = deeper ? copied(self, deeper, memo) : NULL;
	Py_XDECREF(module);
	Py_XDECREF(deeper);
	return copy;
}

/* For tracemalloc's own compare_to(), whose old snapshot SELF may be: its statistics are of its own types. */
static PyObject *snapshot_group_by(PyObject *self, PyObject *args)
{
	PyObject *type = own_type(), *own_args = type ? arguments(self) : NULL, *own = own_args ? PyObject_CallObject(type, own_args) : NULL;
	PyObject *method = own ? PyObject_GetAttrString(own, "_group_by") : NULL, *groups = method ? PyObject_CallObject(method, args) : NULL;
	Py_XDECREF(type);
	Py_XDECREF(own_args);
	Py_XDECREF(own);
	Py_XDECREF(method);
	return groups;
}

/* What is not tracemalloc's: how far the numbers can be trusted. */
static PyObject *get_complete(PyObject *self, void *unused)
{
	const struct tm_snapshot *s = tm_traces_snapshot(tm_field(self, TRACES));
	return s ? PyBool_FromLong(s->about.complete) : NULL;
}

static PyObject *get_notes(PyObject *self, void *unused)
{
	const struct tm_snapshot *s = tm_traces_snapshot(tm_field(self, TRACES));
	PyObject *list = s ? PyList_New((Py_ssize_t)s->nnotes) : NULL;
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
	{ "dump", (PyCFunction)(void (*)(void))snapshot_dump, METH_VARARGS | METH_KEYWORDS,
		"dump(filename)\n\nWrites what tracemalloc.Snapshot.load() reads. An existing file is replaced when the new one is complete." },
	{ "load", (PyCFunction)(void (*)(void))snapshot_load, METH_VARARGS | METH_KEYWORDS | METH_CLASS,
		"load(filename) -> Snapshot\n\nOf a file that dump() or 'tm snapshot -o' wrote, compressed or not. Executes nothing. Raises OSError;\n"
		"tm.Error when it is no such file, or damaged." },
	{ "__reduce__", snapshot_reduce, METH_NOARGS, NULL },
	{ "__copy__", snapshot_copy, METH_NOARGS, NULL },
	{ "__deepcopy__", snapshot_deepcopy, METH_O, NULL },
	{ "_group_by", snapshot_group_by, METH_VARARGS, NULL },
	{ "compare_to", (PyCFunction)(void (*)(void))snapshot_compare_to, METH_VARARGS | METH_KEYWORDS,
		"compare_to(old_snapshot, key_type, cumulative=False) -> list of StatisticDiff\n\n"
		"What grew and shrank since OLD_SNAPSHOT, which may be tracemalloc's own. Sorted by the differences' sizes." },
	{ "filter_traces", (PyCFunction)(void (*)(void))snapshot_filter_traces, METH_VARARGS | METH_KEYWORDS,
		"filter_traces(filters) -> Snapshot\n\n"
		"A new snapshot of the blocks that a list of Filter and DomainFilter lets pass: those that an inclusive one fits, if there\n"
		"is one, and no exclusive one." },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_new, snapshot_new },
	{ Py_tp_doc, "Snapshot of the traces of all memory blocks that Python has allocated." },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_members, members },
	{ Py_tp_getset, getset },
	{ Py_tp_methods, methods },
	{ 0 },
};

PyType_Spec tm_snapshot_spec = { "tm.Snapshot", sizeof(struct tm_record), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
	slots };
