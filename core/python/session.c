/* tm.Session: command lines of tm, run for a host. */
#include "module.h"
#include <stdlib.h>
#include <string.h>

struct session {
	PyObject_HEAD
	PyObject *host;
	struct tm_session *session;
	struct tm_run *run; /* of the command that runs; NULL between two */
	PyObject *later; /* arguments of host.launch(), which is called when the command has ended; NULL: none */
	struct tm_text out;
	struct tm_hands hands;
};

static struct session *of(PyObject *self)
{
	return (struct session *)self;
}

/* ---- what the core asks the host, while a command runs ---- */

/* Hands the text that is there on to host.write(), whole lines; ALL: the rest, too. */
static void flush(struct session *s, bool all)
{
	size_t n = s->out.len;
	while (!all && n && s->out.s[n - 1] != '\n')
		n--;
	if (!n)
		return;
	tm_run_enter(s->run);
	PyObject *text = s->run->type ? NULL : PyUnicode_DecodeUTF8(s->out.s, (Py_ssize_t)n, "backslashreplace");
	Py_XDECREF(text ? PyObject_CallMethod(s->host, "write", "O", text) : NULL);
	Py_XDECREF(text);
	tm_run_leave(s->run);
	memmove(s->out.s, s->out.s + n, s->out.len - n);
	s->out.len -= n;
}

static void write_out(void *ctx, const char *text, size_t len)
{
	enum { PIECE = 256 << 10 };
	struct session *s = ctx;
	tm_text_put(&s->out, text, len);
	if (s->out.len >= PIECE)
		flush(s, false);
}

static bool poll(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct tm_poll p = tm_run_poll(((struct session *)ctx)->run);
	return p.poll(p.ctx, what, done, total);
}

static struct tm_error *target(void *ctx, const struct tm_search *search, enum tm_road road, struct tm_target **ret)
{
	return tm_host_target(((struct session *)ctx)->run, search, road, ret);
}

static struct tm_error *evaluate(void *ctx, const char *expression, uint64_t *ret)
{
	struct tm_run *run = ((struct session *)ctx)->run;
	tm_run_enter(run);
	PyObject *text = PyUnicode_DecodeUTF8(expression, (Py_ssize_t)strlen(expression), "surrogateescape");
	PyObject *value = text ? PyObject_CallMethod(run->host, "evaluate", "O", text) : NULL;
	Py_XDECREF(text);
	if (value)
		*ret = PyLong_AsUnsignedLongLongMask(value);
	Py_XDECREF(value);
	bool failed = PyErr_Occurred() != NULL;
	tm_run_leave(run);
	return failed ? tm_run_failed(run) : NULL;
}

/* A text that host.METHOD(ARGUMENT) gives, if there is such a method; ARGUMENT may be NULL: none. */
static struct tm_error *lend_text(struct tm_run *run, const char *method, const char *argument, struct tm_text *t)
{
	tm_run_enter(run);
	PyObject *text = PyObject_HasAttrString(run->host, method) ? PyObject_CallMethod(run->host, method, argument ? "s" : NULL, argument) : NULL;
	PyObject *bytes = text && PyUnicode_Check(text) ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
	if (bytes)
		tm_text_puts(t, PyBytes_AsString(bytes));
	Py_XDECREF(bytes);
	Py_XDECREF(text);
	bool failed = PyErr_Occurred() != NULL;
	tm_run_leave(run);
	return failed ? tm_run_failed(run) : NULL;
}

static void discard(void *ctx, const char *text, size_t len)
{
}

PyObject *tm_host_command(struct tm_module_state *st, const char *const *words, int n)
{
	struct tm_run run;
	struct session s = { .run = &run };
	struct tm_session *session = NULL;
	s.hands = tm_host_hands(&s.run);
	struct tm_front front = { .out = { discard, NULL }, .poll = { poll, &s }, .lasting = true, .target = target, .ctx = &s };
	front.hands = tm_host_has_hands(st->host) ? &s.hands : NULL;
	if (tm_run_begin(&run, st, st->host) < 0)
		return NULL;
	struct tm_error *err = tm_session_open(&front, &session);
	if (!err)
		err = tm_session_run(session, n, words);
	tm_session_close(session);
	return tm_run_end(&run, err, tm_raise_command) ? Py_BuildValue("") : NULL;
}

static struct tm_error *where(void *ctx, struct tm_text *t)
{
	return lend_text(((struct session *)ctx)->run, "where", NULL, t);
}

static struct tm_error *watch(void *ctx, const char *name, uint64_t address, unsigned length)
{
	struct tm_run *run = ((struct session *)ctx)->run;
	tm_run_enter(run);
	PyObject *done = PyObject_CallMethod(run->host, "watch", "sKI", name, (unsigned long long)address, length);
	Py_XDECREF(done);
	tm_run_leave(run);
	return done ? NULL : tm_run_failed(run);
}

static void watched(void *ctx, const char *name, struct tm_text *t)
{
	tm_error_free(lend_text(((struct session *)ctx)->run, "watched", name, t));
}

static struct tm_error *record(void *ctx, const char *location)
{
	struct tm_run *run = ((struct session *)ctx)->run;
	tm_run_enter(run);
	PyObject *text = PyUnicode_DecodeUTF8(location, (Py_ssize_t)strlen(location), "surrogateescape");
	PyObject *done = text ? PyObject_CallMethod(run->host, "record", "O", text) : NULL;
	Py_XDECREF(text);
	Py_XDECREF(done);
	tm_run_leave(run);
	return done ? NULL : tm_run_failed(run);
}

static void program(void *ctx, struct tm_text *t)
{
	tm_error_free(lend_text(((struct session *)ctx)->run, "program", NULL, t));
}

static struct tm_error *launch(void *ctx, const struct tm_launch *l)
{
	struct session *s = ctx;
	tm_run_enter(s->run);
	PyObject *name = l->program ? PyUnicode_DecodeUTF8(l->program, (Py_ssize_t)strlen(l->program), "surrogateescape") : (Py_INCREF(Py_None), Py_None);
	PyObject *line = PyUnicode_DecodeUTF8(l->line, (Py_ssize_t)strlen(l->line), "surrogateescape");
	Py_XDECREF(s->later);
	s->later = name && line ? Py_BuildValue("(OOiO)", name, line, (int)l->nframe, l->python ? Py_True : Py_False) : NULL;
	Py_XDECREF(name);
	Py_XDECREF(line);
	bool failed = !s->later;
	tm_run_leave(s->run);
	return failed ? tm_run_failed(s->run) : NULL;
}

/* ---- methods ---- */

static int session_traverse(PyObject *self, visitproc visit, void *arg)
{
	Py_VISIT(of(self)->host);
	Py_VISIT(of(self)->later);
	return 0;
}

static int session_clear(PyObject *self)
{
	Py_CLEAR(of(self)->host);
	Py_CLEAR(of(self)->later);
	return 0;
}

static void session_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	session_clear(self);
	tm_session_close(of(self)->session);
	tm_text_free(&of(self)->out);
	tm_object_free(self);
}

static PyObject *session_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "host", NULL };
	PyObject *host;
	struct tm_module_state *st = tm_state_of_type(type);
	if (!st || !PyArg_ParseTupleAndKeywords(args, kwargs, "O:Session", names, &host))
		return NULL;
	PyObject *self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
	if (!self)
		return NULL;
	struct session *s = of(self);
	Py_INCREF(host);
	s->host = host;
	struct tm_front front = { .out = { write_out, s }, .poll = { poll, s }, .lasting = true, .ctx = s };
	front.target = PyObject_HasAttrString(host, "target") ? target : NULL;
	front.evaluate = PyObject_HasAttrString(host, "evaluate") ? evaluate : NULL;
	front.where = where;
	s->hands = tm_host_hands(&s->run);
	front.hands = tm_host_has_hands(host) ? &s->hands : NULL;
	front.launch = PyObject_HasAttrString(host, "launch") ? launch : NULL;
	front.program = program;
	front.watch = PyObject_HasAttrString(host, "watch") ? watch : NULL;
	front.watched = watched;
	front.record = PyObject_HasAttrString(host, "record") ? record : NULL;
	struct tm_error *err = tm_session_open(&front, &s->session);
	if (!err)
		return self;
	tm_raise(st, err);
	Py_DECREF(self);
	return NULL;
}

static int screen_of(PyObject *host, int *terminal, long *width)
{
	PyObject *t = PyObject_HasAttrString(host, "terminal") ? PyObject_GetAttrString(host, "terminal") : NULL;
	*terminal = t ? PyObject_IsTrue(t) : 0;
	Py_XDECREF(t);
	if (PyErr_Occurred())
		return -1;
	PyObject *w = PyObject_HasAttrString(host, "width") ? PyObject_GetAttrString(host, "width") : NULL;
	*width = w ? PyLong_AsLong(w) : 0;
	Py_XDECREF(w);
	return PyErr_Occurred() ? -1 : 0;
}

/* LINE in UTF-8, as a new reference to bytes. */
static PyObject *encoded(PyObject *line)
{
	PyObject *bytes = PyUnicode_Check(line) ? PyUnicode_AsEncodedString(line, "utf-8", "surrogateescape")
						: PyErr_Format(PyExc_TypeError, "a command line is a str, or a list of its words");
	if (bytes && strlen(PyBytes_AsString(bytes)) != (size_t)PyBytes_Size(bytes)) {
		PyErr_SetString(PyExc_ValueError, "a command line holds no NUL");
		Py_CLEAR(bytes);
	}
	return bytes;
}

/* Another thread, or a callback, must not meet a command half-way. */
static bool busy(const struct session *s)
{
	if (s->run)
		PyErr_SetString(PyExc_RuntimeError, "a command of this session is running already");
	return s->run;
}

/* A line, or its words. All live as long as KEPT. */
struct line {
	PyObject *kept;
	const char *text;   /* NULL: words */
	const char **words;
	Py_ssize_t nwords;
};

static PyObject *at_home(PyObject *bytes)
{
	const char *home = getenv("HOME"), *text = bytes ? PyBytes_AsString(bytes) : "";
	if (!home || !*home || strncmp(text, "~/", 2) != 0)
		return bytes;
	PyObject *path = PyBytes_FromFormat("%s%s", home, text + 1);
	Py_DECREF(bytes);
	return path;
}

static bool line_words(struct line *l, PyObject *list, bool home)
{
	l->nwords = PyList_Size(list);
	l->kept = PyList_New(l->nwords);
	l->words = l->kept ? PyMem_Calloc((size_t)l->nwords + 1, sizeof *l->words) : NULL;
	if (!l->words)
		return PyErr_NoMemory(), false;
	for (Py_ssize_t i = 0; i < l->nwords; i++) {
		PyObject *bytes = encoded(PyList_GetItem(list, i));
		bytes = home ? at_home(bytes) : bytes;
		if (!bytes || PyList_SetItem(l->kept, i, bytes) < 0)
			return false;
		l->words[i] = PyBytes_AsString(bytes);
	}
	return true;
}

static void line_free(struct line *l)
{
	PyMem_Free(l->words);
	Py_XDECREF(l->kept);
}

/* HOME: ~/ leads to the home folder, in words as a line has it. */
static bool line_init(struct line *l, PyObject *given, bool home)
{
	*l = (struct line) { 0 };
	if (PyList_Check(given) && line_words(l, given, home))
		return true;
	if (!PyList_Check(given) && (l->kept = encoded(given))) {
		l->text = PyBytes_AsString(l->kept);
		return true;
	}
	line_free(l);
	return false;
}

/* What the command, when it was a GOOD one, left to be done behind it. */
static bool launch_later(struct session *s, bool good)
{
	PyObject *later = s->later;
	s->later = NULL;
	PyObject *method = good && later ? PyObject_GetAttrString(s->host, "launch") : NULL;
	PyObject *done = method ? PyObject_CallObject(method, later) : NULL;
	good = later ? done != NULL : good;
	Py_XDECREF(done);
	Py_XDECREF(method);
	Py_XDECREF(later);
	return good;
}

static PyObject *session_run(PyObject *self, PyObject *given)
{
	struct session *s = of(self);
	struct tm_module_state *st = tm_state_of(self);
	struct tm_run run;
	struct line line;
	int terminal;
	long width;
	if (!st || screen_of(s->host, &terminal, &width) < 0 || !line_init(&line, given, true))
		return NULL;
	if (busy(s)) {
		line_free(&line);
		return NULL;
	}
	s->run = &run; /* before the GIL is released */
	if (tm_run_begin(&run, st, s->host) < 0) {
		s->run = NULL;
		line_free(&line);
		return NULL;
	}
	tm_session_screen(s->session, terminal, width > 0 && width < 1 << 16 ? (unsigned)width : 0);
	struct tm_error *err = line.text ? tm_session_run_line(s->session, line.text)
					 : tm_session_run(s->session, (int)line.nwords, line.words);
	if (!err && s->out.failed)
		err = tm_error_nomem();
	flush(s, true);
	s->out.failed = false;
	bool good = tm_run_end(&run, err, tm_raise_command);
	s->run = NULL; /* commands may run again: what is launched may run some */
	line_free(&line);
	if (!launch_later(s, good))
		return NULL;
	Py_INCREF(Py_None);
	return Py_None;
}

static PyObject *session_complete(PyObject *self, PyObject *given)
{
	struct tm_module_state *st = tm_state_of(self);
	struct tm_completion c;
	struct line line;
	if (!st || busy(of(self)) || !line_init(&line, given, false))
		return NULL;
	struct tm_error *err = line.text ? tm_session_complete(of(self)->session, line.text, &c) :
		tm_session_complete_word(of(self)->session, line.words, (size_t)line.nwords, &c);
	PyObject *before = line.text && !err ? PyUnicode_DecodeUTF8(line.text, (Py_ssize_t)c.start, "surrogateescape") : NULL;
	Py_ssize_t start = before ? PyUnicode_GetLength(before) : 0; /* in letters */
	Py_XDECREF(before);
	line_free(&line);
	if (err) {
		tm_raise(st, err);
		return NULL;
	}
	PyObject *words = PyList_New(0);
	for (size_t i = 0; words && i < c.words.n; i++) {
		PyObject *word = PyUnicode_DecodeUTF8(c.words.items[i], (Py_ssize_t)strlen(c.words.items[i]), NULL);
		if (!word && PyErr_ExceptionMatches(PyExc_UnicodeDecodeError))
			PyErr_Clear(); /* a file's name that no host could type */
		else if (!word || PyList_Append(words, word) < 0)
			Py_CLEAR(words);
		Py_XDECREF(word);
	}
	PyObject *result = words ? Py_BuildValue("(OnO)", words, start, c.expression ? Py_True : Py_False) : NULL;
	Py_XDECREF(words);
	tm_completion_free(&c);
	return result;
}

static PyObject *session_crossed(PyObject *self, PyObject *args)
{
	const char *name;
	PyObject *bytes;
	if (!PyArg_ParseTuple(args, "sS:crossed", &name, &bytes))
		return NULL;
	return PyBool_FromLong(tm_session_crossed(of(self)->session, name, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes)));
}

static PyObject *session_snapshot(PyObject *self, PyObject *args)
{
	const char *name;
	struct tm_module_state *st = tm_state_of(self);
	if (!st || !PyArg_ParseTuple(args, "s:snapshot", &name) || busy(of(self)))
		return NULL;
	struct tm_snapshot *found = tm_session_snapshot(of(self)->session, name);
	if (found)
		return tm_snapshot_object(st, found);
	return PyErr_Format(PyExc_KeyError, "no snapshot '%s' in this session", name);
}

static PyObject *setting(const struct tm_option *o, const void *at)
{
	if (o->type == TM_OPTION_FLAG)
		return PyBool_FromLong(*(const bool *)at);
	if (o->type == TM_OPTION_NUMBER)
		return PyLong_FromUnsignedLongLong(*(const uint64_t *)at);
	const char *text = o->type == TM_OPTION_CHOICE ? o->choices[*(const unsigned *)at] : *(const char *const *)at;
	return PyUnicode_DecodeUTF8(text ? text : "", text ? (Py_ssize_t)strlen(text) : 0, "backslashreplace");
}

static PyObject *session_settings(PyObject *self, PyObject *unused)
{
	PyObject *all = PyDict_New();
	for (const struct tm_option *o = tm_options; all && o->name; o++) {
		PyObject *value = o->setting ? setting(o, tm_session_default(of(self)->session, o)) : NULL;
		if (o->setting && (!value || PyDict_SetItemString(all, o->name, value) < 0))
			Py_CLEAR(all);
		Py_XDECREF(value);
	}
	return all;
}

static PyMethodDef methods[] = {
	{ "run", session_run, METH_O,
		"run(line)\n\nRuns one command, such as 'statistics --by filename', or the list of its words (~/ leads to the home folder). What it prints goes to\n"
		"host.write(str). Raises tm.Error, whose status is the exit status of the shell; KeyboardInterrupt; and what the host's\n"
		"functions raise." },
	{ "complete", session_complete, METH_O,
		"complete(line) -> (words, start, expression)\n\nWhat may stand at the end of LINE: whole WORDS, names of files among them, for what\n"
		"begins at START, with backslashes where they are needed; EXPRESSION: also one of the host's language. LINE may be the list of\n"
		"its words, of which the last one is completed." },
	{ "settings", session_settings, METH_NOARGS, "settings() -> dict\n\nThe present defaults, by name: what 'tm config' shows." },
	{ "crossed", session_crossed, METH_VARARGS,
		"crossed(name, data) -> bool\n\nDo the bytes that host.watch(NAME, ...) was asked to watch say that the line of 'tm break' is reached?" },
	{ "snapshot", session_snapshot, METH_VARARGS, "snapshot(name) -> Snapshot\n\nOne that the session keeps. Raises KeyError." },
	{ 0 },
};

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Session(host)\n\nRuns tm's commands. HOST has write(text); and where it can: target() -> Target, evaluate(expression) -> int,\n"
		     "where() -> str, poll(what, done, total) -> bool (true: stop), program() -> str, launch(program, line, nframe, python),\n"
		     "watch(name, address, length), watched(name) -> str, record(location), and the attributes terminal and width. A host whose\n"
		     "target can be changed has write_memory(address, data); threads() -> [(tid, [pc, ...])]; call(tid, function, arguments, seconds) ->\n"
		     "int; run_to(address, argument or None, seconds) -> tid or None; finish(tid, level, seconds) -> bool." },
	{ Py_tp_new, session_new },
	{ Py_tp_traverse, session_traverse },
	{ Py_tp_clear, session_clear },
	{ Py_tp_dealloc, session_dealloc },
	{ Py_tp_methods, methods },
	{ 0 },
};

PyType_Spec tm_session_spec = { "tm.Session", sizeof(struct session), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots };
