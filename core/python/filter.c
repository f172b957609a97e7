/* tm.BaseFilter, tm.Filter and tm.DomainFilter, as in tracemalloc. Their attributes may be changed, as there. */
#include "module.h"
#include "tm/pattern.h"
#include <string.h>

enum { INCLUSIVE, PATTERN, LINENO, ALL_FRAMES, DOMAIN_ };
enum { ONLY_DOMAIN = 1 }; /* of DomainFilter */

/* Borrowed; None for what was never set or was deleted. */
static PyObject *get(PyObject *self, int i)
{
	return tm_field(self, i) ? tm_field(self, i) : Py_None;
}

static void set(PyObject *self, int i, PyObject *value)
{
	PyObject *before = tm_field(self, i);
	Py_INCREF(value);
	((struct tm_record *)self)->field[i] = value;
	Py_XDECREF(before);
}

static PyObject *filter_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	return ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
}

static int base_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "inclusive", NULL };
	PyObject *inclusive;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:BaseFilter", names, &inclusive))
		return -1;
	set(self, INCLUSIVE, inclusive);
	return 0;
}

/* A new reference: as os.path.normcase() on POSIX, and a final ".pyc" without its c. */
static PyObject *normalized(PyObject *filename)
{
	PyObject *path = PyOS_FSPath(filename);
	if (path && !PyUnicode_Check(path)) {
		PyErr_Format(PyExc_TypeError, "a filename is a str, not %R", path);
		Py_CLEAR(path);
	}
	PyObject *suffix = path ? PyUnicode_FromString(".pyc") : NULL;
	Py_ssize_t n = suffix ? PyUnicode_GetLength(path) : -1, compiled = n < 0 ? -1 : PyUnicode_Tailmatch(path, suffix, 0, n, 1);
	Py_XDECREF(suffix);
	PyObject *result = compiled > 0 ? PyUnicode_Substring(path, 0, n - 1) : NULL;
	if (!compiled)
		return path;
	Py_XDECREF(path);
	return result;
}

static int filter_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "inclusive", "filename_pattern", "lineno", "all_frames", "domain", NULL };
	PyObject *inclusive, *pattern, *lineno = Py_None, *all_frames = Py_False, *domain = Py_None;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO|OOO:Filter", names, &inclusive, &pattern, &lineno, &all_frames, &domain))
		return -1;
	PyObject *normal = normalized(pattern);
	if (!normal)
		return -1;
	set(self, INCLUSIVE, inclusive);
	set(self, PATTERN, normal);
	set(self, LINENO, lineno);
	set(self, ALL_FRAMES, all_frames);
	set(self, DOMAIN_, domain);
	Py_DECREF(normal);
	return 0;
}

static int domain_init(PyObject *self, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "inclusive", "domain", NULL };
	PyObject *inclusive, *domain;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "OO:DomainFilter", names, &inclusive, &domain))
		return -1;
	set(self, INCLUSIVE, inclusive);
	set(self, ONLY_DOMAIN, domain);
	return 0;
}

/* ---- matching one block; 1, 0, or -1 with an exception ---- */

static int pattern_fits(PyObject *self, PyObject *filename)
{
	struct tm_module_state *st = tm_state_of(self);
	PyObject *name = st ? normalized(filename) : NULL;
	PyObject *bytes = name ? PyUnicode_AsEncodedString(name, "utf-8", "surrogatepass") : NULL;
	PyObject *pattern = bytes && PyUnicode_Check(get(self, PATTERN)) ? PyUnicode_AsEncodedString(get(self, PATTERN), "utf-8", "surrogatepass")
									 : NULL;
	if (bytes && !pattern && !PyErr_Occurred())
		PyErr_SetString(PyExc_AttributeError, "_filename_pattern");
	struct tm_pattern *p = NULL;
	bool fits = false;
	int result = -1;
	if (pattern) {
		struct tm_error *err = tm_pattern_make(PyBytes_AsString(pattern), (size_t)PyBytes_Size(pattern), &p);
		if (!err)
			err = tm_pattern_match(p, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes), NULL, &fits);
		if (err)
			tm_raise(st, err);
		else
			result = fits;
		tm_pattern_free(p);
	}
	Py_XDECREF(pattern);
	Py_XDECREF(bytes);
	Py_XDECREF(name);
	return result;
}

static int frame_fits(PyObject *self, PyObject *filename, PyObject *lineno)
{
	int fits = pattern_fits(self, filename);
	return fits > 0 && get(self, LINENO) != Py_None ? PyObject_RichCompareBool(lineno, get(self, LINENO), Py_EQ) : fits;
}

static int inclusive(PyObject *self)
{
	return PyObject_IsTrue(get(self, INCLUSIVE));
}

/* FITS for an inclusive filter, the opposite for an exclusive one. */
static int turned(PyObject *self, int fits)
{
	int in = fits < 0 ? -1 : inclusive(self);
	return in < 0 ? -1 : in ? fits : !fits;
}

/* A subclass may have methods of its own for each step. */
static bool is_plain(PyObject *self)
{
	struct tm_module_state *st = tm_state_of(self);
	PyErr_Clear();
	return st && (PyObject *)Py_TYPE(self) == st->types[TM_TYPE_FILTER];
}

/* Takes ANSWER over. */
static int is_true(PyObject *answer)
{
	int result = answer ? PyObject_IsTrue(answer) : -1;
	Py_XDECREF(answer);
	return result;
}

/* METHOD is asked of a subclass. Takes FRAME over. */
static int frame_item_fits(PyObject *self, PyObject *frame, const char *method)
{
	PyObject *filename = frame ? PySequence_GetItem(frame, 0) : NULL, *lineno = filename ? PySequence_GetItem(frame, 1) : NULL;
	int fits = !lineno	? -1
		: is_plain(self) ? frame_fits(self, filename, lineno)
				: is_true(PyObject_CallMethod(self, method, "OO", filename, lineno));
	Py_XDECREF(filename);
	Py_XDECREF(lineno);
	Py_XDECREF(frame);
	return fits;
}

static int traceback_matches(PyObject *self, PyObject *frames)
{
	int all = PyObject_IsTrue(get(self, ALL_FRAMES)), fits = 0;
	if (!all && !is_plain(self)) /* which turns the answer by itself */
		return frame_item_fits(self, PySequence_GetItem(frames, 0), "_match_frame");
	Py_ssize_t n = all < 0 ? -1 : all ? PySequence_Size(frames) : 1;
	for (Py_ssize_t i = 0; !fits && i < n; i++)
		fits = frame_item_fits(self, PySequence_GetItem(frames, i), "_match_frame_impl");
	return turned(self, n < 0 ? -1 : fits);
}

/* How a domain counts besides: an inclusive filter wants both, an exclusive one lets go what is of another. */
static int with_domain(PyObject *self, int matches, PyObject *trace)
{
	if (matches < 0 || get(self, DOMAIN_) == Py_None)
		return matches;
	PyObject *domain = PySequence_GetItem(trace, 0);
	int same = domain ? PyObject_RichCompareBool(domain, get(self, DOMAIN_), Py_EQ) : -1, in = same < 0 ? -1 : inclusive(self);
	Py_XDECREF(domain);
	return in < 0 ? -1 : in ? matches && same : matches || !same;
}

static PyObject *truth(int result)
{
	return result < 0 ? NULL : PyBool_FromLong(result);
}

static PyObject *match_frame_impl(PyObject *self, PyObject *args)
{
	PyObject *filename, *lineno;
	return PyArg_ParseTuple(args, "OO:_match_frame_impl", &filename, &lineno) ? truth(frame_fits(self, filename, lineno)) : NULL;
}

static PyObject *match_frame(PyObject *self, PyObject *args)
{
	PyObject *filename, *lineno;
	if (!PyArg_ParseTuple(args, "OO:_match_frame", &filename, &lineno))
		return NULL;
	return truth(turned(self, is_plain(self) ? frame_fits(self, filename, lineno)
						 : is_true(PyObject_CallMethod(self, "_match_frame_impl", "OO", filename, lineno))));
}

static PyObject *match_traceback(PyObject *self, PyObject *frames)
{
	return truth(traceback_matches(self, frames));
}

static PyObject *filter_match(PyObject *self, PyObject *trace)
{
	PyObject *frames = PySequence_GetItem(trace, 2);
	int result = !frames ? -1 : is_plain(self) ? traceback_matches(self, frames) : is_true(PyObject_CallMethod(self, "_match_traceback", "(O)", frames));
	result = with_domain(self, result, trace);
	Py_XDECREF(frames);
	return truth(result);
}

static PyObject *domain_match(PyObject *self, PyObject *trace)
{
	PyObject *domain = PySequence_GetItem(trace, 0);
	int same = domain ? PyObject_RichCompareBool(domain, get(self, ONLY_DOMAIN), Py_EQ) : -1;
	Py_XDECREF(domain);
	return truth(turned(self, same));
}

static PyObject *base_match(PyObject *self, PyObject *trace)
{
	PyErr_SetNone(PyExc_NotImplementedError);
	return NULL;
}

/* ---- pickle and copy: a filter has no fixed fields before it is initialized, and what a subclass takes then is its own ---- */

static PyObject *filter_reduce(PyObject *self, PyObject *unused)
{
	PyObject *copyreg = PyImport_ImportModule("copyreg"), *make = copyreg ? PyObject_GetAttrString(copyreg, "__newobj__") : NULL;
	PyObject *dict = make ? PyObject_GetAttrString(self, "__dict__") : NULL;
	PyObject *fields = make ? PyTuple_New(TM_FIELDS) : NULL;
	if (make && !dict)
		PyErr_Clear();
	for (int i = 0; fields && i < TM_FIELDS; i++) {
		Py_INCREF(get(self, i));
		PyTuple_SetItem(fields, i, get(self, i));
	}
	PyObject *result = fields ? Py_BuildValue("O(O)(OO)", make, Py_TYPE(self), fields, dict ? dict : Py_None) : NULL;
	Py_XDECREF(copyreg);
	Py_XDECREF(make);
	Py_XDECREF(dict);
	Py_XDECREF(fields);
	return result;
}

static PyObject *filter_setstate(PyObject *self, PyObject *args)
{
	PyObject *fields, *dict;
	if (!PyArg_ParseTuple(args, "(O!O):__setstate__", &PyTuple_Type, &fields, &dict))
		return NULL;
	if (PyTuple_Size(fields) != TM_FIELDS)
		return PyErr_Format(PyExc_ValueError, "a filter's state has %d fields", TM_FIELDS);
	for (int i = 0; i < TM_FIELDS; i++)
		set(self, i, PyTuple_GetItem(fields, i));
	PyObject *own = dict == Py_None ? NULL : PyObject_GetAttrString(self, "__dict__");
	int failed = dict == Py_None ? 0 : own ? PyDict_Update(own, dict) : -1;
	Py_XDECREF(own);
	if (failed)
		return NULL;
	Py_INCREF(Py_None);
	return Py_None;
}

/* ---- for the core ---- */

/* A number that no block has where OBJECT is none that one could have. */
static bool number_of(PyObject *object, bool *has, uint64_t *ret)
{
	*has = object != Py_None;
	if (!*has)
		return true;
	if (!PyLong_Check(object))
		return false;
	*ret = PyLong_AsUnsignedLongLong(object);
	if (PyErr_Occurred()) {
		PyErr_Clear();
		*ret = UINT64_MAX;
	}
	return true;
}

int tm_filter_convert(struct tm_module_state *st, PyObject *self, PyObject *keep, struct tm_filter *ret)
{
	bool filter = (PyObject *)Py_TYPE(self) == st->types[TM_TYPE_FILTER];
	if (!filter && (PyObject *)Py_TYPE(self) != st->types[TM_TYPE_DOMAIN_FILTER])
		return 0;
	int in = inclusive(self), all = filter ? PyObject_IsTrue(get(self, ALL_FRAMES)) : 0;
	*ret = (struct tm_filter) { .inclusive = in > 0, .all_frames = all > 0 };
	if (in < 0 || all < 0)
		return -1;
	if (!filter)
		return get(self, ONLY_DOMAIN) != Py_None && number_of(get(self, ONLY_DOMAIN), &ret->has_domain, &ret->domain);
	if (!PyUnicode_Check(get(self, PATTERN)) || !number_of(get(self, LINENO), &ret->has_lineno, &ret->lineno) ||
	    !number_of(get(self, DOMAIN_), &ret->has_domain, &ret->domain))
		return 0;
	PyObject *pattern = PyUnicode_AsEncodedString(get(self, PATTERN), "utf-8", "surrogatepass");
	int failed = pattern ? PyList_Append(keep, pattern) : -1;
	if (!failed) {
		ret->pattern = PyBytes_AsString(pattern);
		ret->pattern_len = (size_t)PyBytes_Size(pattern);
	}
	Py_XDECREF(pattern);
	return failed ? -1 : 1;
}

/* ---- the types ---- */

static PyMemberDef base_members[] = {
	{ "inclusive", T_OBJECT, TM_FIELD(INCLUSIVE), 0, "Keep what fits (true), or all else." },
	{ 0 },
};

static PyMemberDef filter_members[] = {
	{ "_filename_pattern", T_OBJECT, TM_FIELD(PATTERN), READONLY, NULL },
	{ "filename_pattern", T_OBJECT, TM_FIELD(PATTERN), READONLY, "Pattern of the file's name." },
	{ "lineno", T_OBJECT, TM_FIELD(LINENO), 0, "The line, or None for any." },
	{ "all_frames", T_OBJECT, TM_FIELD(ALL_FRAMES), 0, "Look at every frame, not just the newest." },
	{ "domain", T_OBJECT, TM_FIELD(DOMAIN_), 0, "Whose memory, or None for anybody's." },
	{ 0 },
};

static PyMemberDef domain_members[] = {
	{ "_domain", T_OBJECT, TM_FIELD(ONLY_DOMAIN), READONLY, NULL },
	{ "domain", T_OBJECT, TM_FIELD(ONLY_DOMAIN), READONLY, "Whose memory." },
	{ 0 },
};

static PyMethodDef base_methods[] = {
	{ "__reduce__", filter_reduce, METH_NOARGS, NULL },
	{ "__setstate__", filter_setstate, METH_VARARGS, NULL },
	{ "_match", base_match, METH_O, NULL },
	{ 0 },
};

static PyMethodDef filter_methods[] = {
	{ "_match_frame_impl", match_frame_impl, METH_VARARGS, NULL },
	{ "_match_frame", match_frame, METH_VARARGS, NULL },
	{ "_match_traceback", match_traceback, METH_O, NULL },
	{ "_match", filter_match, METH_O, NULL },
	{ 0 },
};

static PyMethodDef domain_methods[] = {
	{ "_match", domain_match, METH_O, NULL },
	{ 0 },
};

#define SLOTS(kind, doc)                                                                                                                 \
	{                                                                                                                                \
		{ Py_tp_doc, doc }, { Py_tp_new, filter_new }, { Py_tp_init, kind##_init }, { Py_tp_traverse, tm_record_traverse },      \
			{ Py_tp_clear, tm_record_clear }, { Py_tp_dealloc, tm_record_dealloc }, { Py_tp_members, kind##_members },       \
			{ Py_tp_methods, kind##_methods }, { 0 },                                                                        \
	}

static PyType_Slot base_slots[] = SLOTS(base, "BaseFilter(inclusive)\n\nWhat filters have in common; subclasses have _match(trace).");
static PyType_Slot filter_slots[] = SLOTS(filter,
	"Filter(inclusive, filename_pattern, lineno=None, all_frames=False, domain=None)\n\n"
	"Keeps, or leaves out, the blocks whose newest frame (or any) is in a file whose name fits.");
static PyType_Slot domain_slots[] = SLOTS(domain, "DomainFilter(inclusive, domain)\n\nKeeps, or leaves out, the blocks of a domain.");

#define FLAGS (Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC)
PyType_Spec tm_base_filter_spec = { "tm.BaseFilter", sizeof(struct tm_record), 0, FLAGS, base_slots };
PyType_Spec tm_filter_spec = { "tm.Filter", sizeof(struct tm_record), 0, FLAGS, filter_slots };
PyType_Spec tm_domain_filter_spec = { "tm.DomainFilter", sizeof(struct tm_record), 0, FLAGS, domain_slots };
