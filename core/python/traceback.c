/* tm.Traceback: a sequence of frames, oldest first, as tracemalloc.Traceback. */
#include "module.h"

enum { FRAMES, TOTAL };

PyObject *tm_traceback_make(struct tm_module_state *st, PyObject *frames, PyObject *total)
{
	PyObject *list = frames ? PySequence_List(frames) : NULL;
	Py_XDECREF(frames);
	if (list && PyList_Reverse(list) < 0)
		Py_CLEAR(list);
	PyObject *reversed = list ? PyList_AsTuple(list) : NULL;
	Py_XDECREF(list);
	if (!total) {
		Py_INCREF(Py_None);
		total = Py_None;
	}
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_TRACEBACK], (PyObject *const[TM_FIELDS]) { reversed, total });
}

static PyObject *traceback_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "frames", "total_nframe", NULL };
	PyObject *frames, *total = Py_None;
	struct tm_module_state *st = tm_state_of_type(type);
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O|O:Traceback", names, &frames, &total))
		return NULL;
	Py_INCREF(frames);
	Py_INCREF(total);
	PyObject *made = tm_traceback_make(st, frames, total);
	if (!made || (PyObject *)type == st->types[TM_TYPE_TRACEBACK])
		return made;
	PyObject *fields[TM_FIELDS] = { tm_field(made, FRAMES), tm_field(made, TOTAL) }; /* of a subclass */
	Py_INCREF(fields[FRAMES]);
	Py_INCREF(fields[TOTAL]);
	Py_DECREF(made);
	return tm_record_new(type, fields);
}

static PyObject *frame_of(struct tm_module_state *st, PyObject *tuple)
{
	return tm_record_new((PyTypeObject *)st->types[TM_TYPE_FRAME], (PyObject *const[TM_FIELDS]) { tuple });
}

static PyObject *traceback_subscript(PyObject *self, PyObject *index)
{
	struct tm_module_state *st = tm_state_of(self);
	PyObject *got = st ? PyObject_GetItem(tm_field(self, FRAMES), index) : NULL;
	if (!got || !PySlice_Check(index))
		return got ? frame_of(st, got) : NULL;
	Py_ssize_t n = PyTuple_Size(got);
	PyObject *frames = PyTuple_New(n);
	for (Py_ssize_t i = 0; frames && i < n; i++) {
		PyObject *tuple = PyTuple_GetItem(got, i);
		Py_INCREF(tuple);
		PyObject *frame = frame_of(st, tuple);
		if (!frame || PyTuple_SetItem(frames, i, frame) < 0)
			Py_CLEAR(frames);
	}
	Py_DECREF(got);
	return frames;
}

static PyObject *traceback_item(PyObject *self, Py_ssize_t i)
{
	struct tm_module_state *st = tm_state_of(self);
	PyObject *tuple = st ? PySequence_GetItem(tm_field(self, FRAMES), i) : NULL;
	return tuple ? frame_of(st, tuple) : NULL;
}

static Py_ssize_t traceback_len(PyObject *self)
{
	return PyObject_Size(tm_field(self, FRAMES));
}

static int traceback_contains(PyObject *self, PyObject *frame)
{
	PyObject *tuple = PyObject_GetAttrString(frame, "_frame");
	int found = tuple ? PySequence_Contains(tm_field(self, FRAMES), tuple) : -1;
	Py_XDECREF(tuple);
	return found;
}

static PyObject *traceback_compare(PyObject *a, PyObject *b, int op)
{
	return tm_record_compare(a, b, TM_TYPE_TRACEBACK, FRAMES, op);
}

static Py_hash_t traceback_hash(PyObject *self)
{
	return PyObject_Hash(tm_field(self, FRAMES));
}

static PyObject *traceback_str(PyObject *self)
{
	PyObject *first = traceback_item(self, 0), *text = first ? PyObject_Str(first) : NULL;
	Py_XDECREF(first);
	return text;
}

static PyObject *traceback_repr(PyObject *self)
{
	PyObject *frames = PySequence_Tuple(self), *total = tm_field(self, TOTAL);
	PyObject *text = !frames	   ? NULL
		: total == Py_None ? PyUnicode_FromFormat("<Traceback %R>", frames)
				   : PyUnicode_FromFormat("<Traceback %R total_nframe=%S>", frames, total);
	Py_XDECREF(frames);
	return text;
}

/* The frames that format() shows, in its order. */
static PyObject *shown_frames(PyObject *self, PyObject *limit, int most_recent_first)
{
	PyObject *frames, *zero = PyLong_FromLong(0), *minus = NULL;
	int newest = !zero || limit == Py_None ? 0 : PyObject_RichCompareBool(limit, zero, Py_GT);
	Py_XDECREF(zero);
	if (!zero || newest < 0)
		return NULL;
	PyObject *slice = limit == Py_None ? PySlice_New(NULL, NULL, NULL)
		: newest		   ? ((minus = PyNumber_Negative(limit)) ? PySlice_New(minus, NULL, NULL) : NULL)
					   : PySlice_New(NULL, limit, NULL);
	Py_XDECREF(minus);
	PyObject *tuple = slice ? PyObject_GetItem(tm_field(self, FRAMES), slice) : NULL;
	Py_XDECREF(slice);
	frames = tuple ? PySequence_List(tuple) : NULL;
	Py_XDECREF(tuple);
	if (frames && most_recent_first && PyList_Reverse(frames) < 0)
		Py_CLEAR(frames);
	return frames;
}

/* linecache.getline(...).strip(), looked up when it is called: scripts replace tm.linecache. */
static PyObject *source_line(PyObject *linecache, PyObject *filename, PyObject *lineno)
{
	PyObject *line = PyObject_CallMethod(linecache, "getline", "OO", filename, lineno);
	PyObject *stripped = line ? PyObject_CallMethod(line, "strip", NULL) : NULL;
	Py_XDECREF(line);
	return stripped;
}

static int append(PyObject *lines, PyObject *text)
{
	int failed = text ? PyList_Append(lines, text) : -1;
	Py_XDECREF(text);
	return failed;
}

static int append_frame(PyObject *lines, PyObject *linecache, PyObject *frame)
{
	PyObject *filename = PySequence_GetItem(frame, 0), *lineno = filename ? PySequence_GetItem(frame, 1) : NULL;
	int failed = lineno ? append(lines, PyUnicode_FromFormat("  File \"%S\", line %S", filename, lineno)) : -1;
	PyObject *line = failed ? NULL : source_line(linecache, filename, lineno);
	failed = line ? PyObject_IsTrue(line) : -1;
	if (failed > 0)
		failed = append(lines, PyUnicode_FromFormat("    %S", line));
	Py_XDECREF(line);
	Py_XDECREF(filename);
	Py_XDECREF(lineno);
	return failed;
}

static PyObject *traceback_format(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "limit", "most_recent_first", NULL };
	PyObject *limit = Py_None;
	int most_recent_first = 0;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|Op:format", names, &limit, &most_recent_first))
		return NULL;
	PyObject *module = PyObject_GetAttrString((PyObject *)Py_TYPE(self), "__tm__");
	PyObject *linecache = module ? PyObject_GetAttrString(module, "linecache") : NULL;
	PyObject *frames = linecache ? shown_frames(self, limit, most_recent_first) : NULL;
	PyObject *lines = frames ? PyList_New(0) : NULL;
	for (Py_ssize_t i = 0; lines && i < PyList_Size(frames); i++)
		if (append_frame(lines, linecache, PyList_GetItem(frames, i)) < 0)
			Py_CLEAR(lines);
	Py_XDECREF(frames);
	Py_XDECREF(linecache);
	Py_XDECREF(module);
	return lines;
}

/* Of frames as they are given: newest first. */
static PyObject *traceback_reduce(PyObject *self, PyObject *unused)
{
	PyObject *frames = PySequence_List(tm_field(self, FRAMES));
	if (frames && PyList_Reverse(frames) < 0)
		Py_CLEAR(frames);
	PyObject *tuple = frames ? PyList_AsTuple(frames) : NULL, *args = tuple ? PyTuple_Pack(2, tuple, tm_field(self, TOTAL)) : NULL;
	Py_XDECREF(frames);
	Py_XDECREF(tuple);
	return tm_reduce(self, args);
}

static PyMemberDef members[] = {
	{ "_frames", T_OBJECT_EX, TM_FIELD(FRAMES), READONLY, NULL },
	{ "_total_nframe", T_OBJECT_EX, TM_FIELD(TOTAL), READONLY, NULL },
	{ "total_nframe", T_OBJECT_EX, TM_FIELD(TOTAL), READONLY,
		"How many frames there were, 65535: or more; None: not known." },
	{ 0 },
};

static PyMethodDef methods[] = {
	{ "format", (PyCFunction)(void (*)(void))traceback_format, METH_VARARGS | METH_KEYWORDS,
		"format(limit=None, most_recent_first=False) -> list of str\n\n"
		"The frames as lines of text with the sources' lines. A positive LIMIT shows the newest LIMIT frames, a negative one\n"
		"leaves out so many of the newest." },
	{ "index", (PyCFunction)(void (*)(void))tm_sequence_index, METH_VARARGS | METH_KEYWORDS, "index(value, start=0, stop=None) -> first index of value" },
	{ "__reduce__", traceback_reduce, METH_NOARGS, NULL },
	{ "count", tm_sequence_count, METH_O, "count(value) -> number of occurrences of value" },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Sequence of Frame instances sorted from the oldest frame to the most recent frame." },
	{ Py_tp_new, traceback_new },
	{ Py_tp_traverse, tm_record_traverse },
	{ Py_tp_clear, tm_record_clear },
	{ Py_tp_dealloc, tm_record_dealloc },
	{ Py_tp_richcompare, traceback_compare },
	{ Py_tp_hash, traceback_hash },
	{ Py_tp_str, traceback_str },
	{ Py_tp_repr, traceback_repr },
	{ Py_tp_members, members },
	{ Py_tp_methods, methods },
	{ Py_sq_length, traceback_len },
	{ Py_sq_item, traceback_item },
	{ Py_sq_contains, traceback_contains },
	{ Py_mp_length, traceback_len },
	{ Py_mp_subscript, traceback_subscript },
	{ 0 },
};

PyType_Spec tm_traceback_spec = { "tm.Traceback", sizeof(struct tm_record), 0,
	Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC, slots };
