/* The module tm: CPython's tracemalloc for a target outside, or for this very process. */
#include "module.h"
#include <stdio.h>
#include "tm/capture.h"
#include "tm/query.h"
#include "tm/registers.h"
#include <string.h>

static struct tm_module_state *state(PyObject *module)
{
	return PyModule_GetState(module);
}

struct tm_module_state *tm_state_of_type(PyTypeObject *type)
{
	PyObject *module = PyObject_GetAttrString((PyObject *)type, "__tm__");
	if (!module)
		return NULL;
	struct tm_module_state *st = PyModule_Check(module) && PyModule_GetDef(module) == &tm_module_def ? state(module) : NULL;
	Py_DECREF(module); /* the type's dictionary keeps it */
	if (!st)
		PyErr_SetString(PyExc_TypeError, "__tm__ is not the module tm");
	return st;
}

/* In this order: a base before what derives from it. */
static const struct {
	enum tm_type type;
	PyType_Spec *spec;
	int base;	 /* -1: object */
	bool sequence; /* counts as a collections.abc.Sequence */
} types[] = {
	{ TM_TYPE_FRAME, &tm_frame_spec, -1, false },
	{ TM_TYPE_TRACEBACK, &tm_traceback_spec, -1, true },
	{ TM_TYPE_TRACE, &tm_trace_spec, -1, false },
	{ TM_TYPE_TRACES, &tm_traces_spec, -1, true },
	{ TM_TYPE_STATISTIC, &tm_statistic_spec, -1, false },
	{ TM_TYPE_STATISTIC_DIFF, &tm_statistic_diff_spec, -1, false },
	{ TM_TYPE_BASE_FILTER, &tm_base_filter_spec, -1, false },
	{ TM_TYPE_FILTER, &tm_filter_spec, TM_TYPE_BASE_FILTER, false },
	{ TM_TYPE_DOMAIN_FILTER, &tm_domain_filter_spec, TM_TYPE_BASE_FILTER, false },
	{ TM_TYPE_SNAPSHOT, &tm_snapshot_spec, -1, false },
	{ TM_TYPE_TARGET, &tm_target_spec, -1, false },
	{ TM_TYPE_SESSION, &tm_session_spec, -1, false },
};

static int add_type(PyObject *module, struct tm_module_state *st, size_t i, PyObject *sequence)
{
	PyObject *bases = types[i].base < 0 ? NULL : PyTuple_Pack(1, st->types[types[i].base]);
	PyObject *type = types[i].base < 0 || bases ? PyType_FromSpecWithBases(types[i].spec, bases) : NULL;
	Py_XDECREF(bases);
	st->types[types[i].type] = type;
	if (!type || PyObject_SetAttrString(type, "__tm__", module) < 0 ||
	    PyObject_SetAttrString(module, strchr(types[i].spec->name, '.') + 1, type) < 0)
		return -1;
	PyObject *done = types[i].sequence ? PyObject_CallMethod(sequence, "register", "O", type) : NULL;
	Py_XDECREF(done);
	return types[i].sequence && !done ? -1 : 0;
}

int tm_types_add(PyObject *module, struct tm_module_state *st)
{
	PyObject *abc = PyImport_ImportModule("collections.abc"), *sequence = abc ? PyObject_GetAttrString(abc, "Sequence") : NULL;
	int failed = sequence ? 0 : -1;
	for (size_t i = 0; !failed && i < sizeof types / sizeof *types; i++)
		failed = add_type(module, st, i, sequence);
	Py_XDECREF(sequence);
	Py_XDECREF(abc);
	return failed;
}

/* ---- the functions of tracemalloc ---- */

/* The snapshot of the host's target; NULL with an exception. LOOK: what else to do while the target is open. */
static struct tm_snapshot *capture(struct tm_module_state *st, bool traces, void (*look)(struct tm_target *t, struct tm_snapshot *s, void *ctx),
	void *ctx)
{
	struct tm_run run;
	struct tm_target *t = NULL;
	struct tm_snapshot *s = NULL;
	if (tm_run_begin(&run, st, st->host) < 0)
		return NULL;
	struct tm_error *err = tm_host_target(&run, NULL, TM_ROAD_AUTO, &t);
	if (!err)
		err = tm_capture(t, &(struct tm_capture_options) { .traces = traces }, &s);
	if (!err && look)
		look(t, s, ctx);
	tm_target_close(t);
	if (tm_run_end(&run, err, tm_raise))
		return s;
	tm_snapshot_unref(s);
	return NULL;
}

static const char *const own_names[TM_NOWN] = { [TM_OWN_START] = "start", [TM_OWN_STOP] = "stop", [TM_OWN_CLEAR] = "clear_traces",
	[TM_OWN_RESET_PEAK] = "reset_peak", [TM_OWN_IS_TRACING] = "is_tracing", [TM_OWN_LIMIT] = "get_traceback_limit",
	[TM_OWN_TRACED] = "get_traced_memory", [TM_OWN_MEMORY] = "get_tracemalloc_memory", [TM_OWN_TRACES] = "_get_traces",
	[TM_OWN_OBJECT] = "_get_object_traceback" };

/*
 * Looked up once: a name that is made to ask for a function would be traced itself, and tracemalloc may be tm by now. reset_peak is of
 * 3.9 and later.
 */
static int find_own(struct tm_module_state *st)
{
	PyObject *module = PyImport_ImportModule("_tracemalloc");
	for (int i = 0; module && i < TM_NOWN; i++) {
		st->own[i] = PyObject_GetAttrString(module, own_names[i]);
		if (!st->own[i] && !PyErr_ExceptionMatches(PyExc_AttributeError))
			Py_CLEAR(module);
		else if (!st->own[i])
			PyErr_Clear();
	}
	Py_XDECREF(module);
	return module ? 0 : -1;
}

/* This process's own answer. */
static PyObject *own(PyObject *module, enum tm_own function, PyObject *args)
{
	PyObject *f = state(module)->own[function];
	return f ? PyObject_CallObject(f, args)
		 : PyErr_Format(PyExc_AttributeError, "module 'tracemalloc' has no attribute '%s'", own_names[function]);
}

/* Recording is the interpreter's own, or of a target outside by live control: COMMAND is tm's row. */
static PyObject *record(PyObject *module, enum tm_own function, const char *command, PyObject *args)
{
	char number[24];
	const char *words[] = { command, number };
	long nframe = 1;
	if (!state(module)->host)
		return own(module, function, args);
	if (args && !PyArg_ParseTuple(args, "|l:start", &nframe))
		return NULL;
	snprintf(number, sizeof number, "%ld", nframe);
	return tm_host_command(state(module), words, args ? 2 : 1);
}

static PyObject *start(PyObject *module, PyObject *args)
{
	return record(module, TM_OWN_START, "start", args);
}

static PyObject *stop(PyObject *module, PyObject *unused)
{
	return record(module, TM_OWN_STOP, "stop", NULL);
}

static PyObject *clear_traces(PyObject *module, PyObject *unused)
{
	return record(module, TM_OWN_CLEAR, "clear-traces", NULL);
}

static PyObject *reset_peak(PyObject *module, PyObject *unused)
{
	return record(module, TM_OWN_RESET_PEAK, "reset-peak", NULL);
}

static PyObject *is_tracing(PyObject *module, PyObject *unused)
{
	if (!state(module)->host)
		return own(module, TM_OWN_IS_TRACING, NULL);
	struct tm_snapshot *s = capture(state(module), false, NULL, NULL);
	PyObject *result = s ? PyBool_FromLong(s->about.tracing) : NULL;
	tm_snapshot_unref(s);
	return result;
}

static PyObject *unknown(const char *what)
{
	return PyErr_Format(PyExc_RuntimeError, "%s of this target is not known", what);
}

static PyObject *get_traceback_limit(PyObject *module, PyObject *unused)
{
	if (!state(module)->host)
		return own(module, TM_OWN_LIMIT, NULL);
	struct tm_snapshot *s = capture(state(module), false, NULL, NULL);
	PyObject *result = !s ? NULL : s->about.has_limit ? PyLong_FromUnsignedLong(s->about.limit) : unknown("the traceback limit");
	tm_snapshot_unref(s);
	return result;
}

static PyObject *get_traced_memory(PyObject *module, PyObject *unused)
{
	if (!state(module)->host)
		return own(module, TM_OWN_TRACED, NULL);
	struct tm_snapshot *s = capture(state(module), false, NULL, NULL);
	PyObject *result = NULL;
	if (s && !s->about.tracing)
		result = Py_BuildValue("(ii)", 0, 0);
	else if (s)
		result = s->about.has_traced && s->about.has_peak
			? Py_BuildValue("(KK)", (unsigned long long)s->about.traced, (unsigned long long)s->about.peak)
			: unknown("the traced memory");
	tm_snapshot_unref(s);
	return result;
}

static PyObject *get_tracemalloc_memory(PyObject *module, PyObject *unused)
{
	if (!state(module)->host)
		return own(module, TM_OWN_MEMORY, NULL);
	struct tm_snapshot *s = capture(state(module), false, NULL, NULL);
	PyObject *result = !s ? NULL
		: s->about.has_memory ? PyLong_FromUnsignedLongLong(s->about.memory)
				      : unknown("tracemalloc's own memory");
	tm_snapshot_unref(s);
	return result;
}

static PyObject *not_tracing(void)
{
	return PyErr_Format(PyExc_RuntimeError, "the tracemalloc module must be tracing memory allocations to take a snapshot");
}

static const char *const parts[TM_NPARTS] = { [TM_PART_IS_TRACING] = "is_tracing", [TM_PART_GET_TRACES] = "_get_traces",
	[TM_PART_GET_LIMIT] = "get_traceback_limit" };

/* The module's present function; *REPLACED becomes true when it is not the first one. */
static PyObject *part(PyObject *module, int i, bool *replaced)
{
	PyObject *f = PyObject_GetAttrString(module, parts[i]);
	*replaced |= f && f != state(module)->parts[i];
	Py_XDECREF(f); /* the module keeps it */
	return f;
}

/* As tracemalloc does it: Snapshot(_get_traces(), get_traceback_limit()). */
static PyObject *snapshot_by_parts(PyObject *module, PyObject *get_traces_now, PyObject *get_limit)
{
	PyObject *traces = PyObject_CallObject(get_traces_now, NULL), *limit = traces ? PyObject_CallObject(get_limit, NULL) : NULL;
	PyObject *snapshot = limit ? PyObject_CallFunctionObjArgs(state(module)->types[TM_TYPE_SNAPSHOT], traces, limit, NULL) : NULL;
	Py_XDECREF(traces);
	Py_XDECREF(limit);
	return snapshot;
}

static PyObject *take_snapshot(PyObject *module, PyObject *unused)
{
	struct tm_module_state *st = state(module);
	bool replaced = false;
	PyObject *f[TM_NPARTS];
	for (int i = 0; i < TM_NPARTS; i++)
		if (!(f[i] = part(module, i, &replaced)))
			return NULL;
	PyObject *tracing = st->host && !replaced ? NULL : PyObject_CallObject(f[TM_PART_IS_TRACING], NULL);
	int on = tracing ? PyObject_IsTrue(tracing) : st->host && !replaced ? 1 : -1;
	Py_XDECREF(tracing);
	if (on <= 0)
		return on ? NULL : not_tracing();
	struct tm_snapshot *s = replaced ? NULL : st->host ? capture(st, true, NULL, NULL) : tm_own_snapshot(st);
	if (s && s->about.tracing)
		return tm_snapshot_object(st, s);
	tm_snapshot_unref(s);
	if (PyErr_Occurred())
		return NULL;
	return s && st->host ? not_tracing() : snapshot_by_parts(module, f[TM_PART_GET_TRACES], f[TM_PART_GET_LIMIT]);
}

static void find_block(struct tm_target *t, struct tm_snapshot *s, void *ctx)
{
	uint64_t *addr = ctx;
	struct tm_object object;
	if (tm_object_at(t, s->about.python_minor, *addr, &object))
		*addr = object.block;
}

/* Traceback of the first block at ADDR, or None. */
static PyObject *traceback_at(struct tm_module_state *st, struct tm_snapshot *s, uint64_t addr)
{
	uint64_t *order = NULL, n = 0;
	struct tm_error *err = tm_traces_at(s, addr, &order, &n);
	if (err) {
		tm_raise(st, err);
		return NULL;
	}
	if (!n) {
		free(order);
		Py_INCREF(Py_None);
		return Py_None;
	}
	const struct tm_traceback *tb = &s->tracebacks[s->traces[order[0]].traceback];
	free(order);
	PyObject *traces = tm_traces_object(st, tm_snapshot_ref(s));
	PyObject *result = traces ? tm_traceback_make(st, tm_traces_frames(traces, s->frames + tb->first, tb->nframe), NULL) : NULL;
	Py_XDECREF(traces);
	return result;
}

static PyObject *open_source(PyObject *module, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "path_or_pid", NULL };
	struct tm_module_state *st = state(module);
	PyObject *source;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:open", names, &source))
		return NULL;
	long pid = PyLong_Check(source) ? PyLong_AsLong(source) : 0;
	if (PyErr_Occurred())
		return NULL;
	if (PyLong_Check(source) && (pid <= 0 || pid > INT32_MAX))
		return PyErr_Format(PyExc_ProcessLookupError, "no process %S", source);
	struct tm_snapshot *s = tm_source_of(st, PyLong_Check(source) ? NULL : source, (int)pid, false);
	return s ? tm_snapshot_object(st, s) : NULL;
}

/* tracemalloc's private parts that scripts and tests use. */
static PyObject *get_traces(PyObject *module, PyObject *unused)
{
	struct tm_module_state *st = state(module);
	if (!st->host)
		return own(module, TM_OWN_TRACES, NULL);
	struct tm_snapshot *s = capture(st, true, NULL, NULL);
	if (s && !s->about.tracing) {
		tm_snapshot_unref(s);
		return PyList_New(0);
	}
	PyObject *traces = s ? tm_traces_object(st, s) : NULL, *list = traces ? tm_traces_list(traces) : NULL;
	Py_XDECREF(traces);
	return list;
}

static PyObject *format_size(PyObject *module, PyObject *args)
{
	PyObject *size;
	int sign;
	return PyArg_ParseTuple(args, "Op:_format_size", &size, &sign) ? tm_format_size(size, sign) : NULL;
}

static PyObject *get_object_traceback(PyObject *module, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "obj", NULL };
	struct tm_module_state *st = state(module);
	PyObject *object;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:get_object_traceback", names, &object))
		return NULL;
	if (!st->host) {
		PyObject *one = PyTuple_Pack(1, object), *frames = one ? own(module, TM_OWN_OBJECT, one) : NULL;
		Py_XDECREF(one);
		return !frames || frames == Py_None ? frames : tm_traceback_make(st, frames, NULL);
	}
	PyObject *number = PyNumber_Long(object); /* an int, or a gdb.Value */
	uint64_t addr = number ? PyLong_AsUnsignedLongLongMask(number) : 0;
	Py_XDECREF(number);
	struct tm_snapshot *s = PyErr_Occurred() ? NULL : capture(st, true, find_block, &addr);
	PyObject *result = !s ? NULL : s->about.tracing ? traceback_at(st, s, addr) : (Py_INCREF(Py_None), Py_None);
	tm_snapshot_unref(s);
	return result;
}

/* ---- for hosts ---- */

/* _registers(tid): all registers of a thread that this process traces; _set_registers(tid, them). For GDB's hands. */
static PyObject *registers(PyObject *module, PyObject *args)
{
	int tid;
	struct tm_registers r;
	if (!PyArg_ParseTuple(args, "i:_registers", &tid))
		return NULL;
	struct tm_error *err = tm_registers_get(tid, &r);
	if (err) {
		tm_raise(state(module), err);
		return NULL;
	}
	PyObject *result = PyBytes_FromStringAndSize((const char *)r.bytes, (Py_ssize_t)r.n);
	tm_registers_free(&r);
	return result;
}

static PyObject *set_registers(PyObject *module, PyObject *args)
{
	int tid;
	PyObject *bytes;
	char *p;
	Py_ssize_t n;
	if (!PyArg_ParseTuple(args, "iO!:_set_registers", &tid, &PyBytes_Type, &bytes) || PyBytes_AsStringAndSize(bytes, &p, &n) < 0)
		return NULL;
	struct tm_error *err = tm_registers_set(tid, (const uint8_t *)p, (size_t)n);
	if (err) {
		tm_raise(state(module), err);
		return NULL;
	}
	Py_INCREF(Py_None);
	return Py_None;
}

static PyObject *bind(PyObject *module, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "host", NULL };
	PyObject *host;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O:bind", names, &host))
		return NULL;
	PyObject *before = state(module)->host;
	state(module)->host = host == Py_None ? NULL : host;
	Py_XINCREF(state(module)->host);
	Py_XDECREF(before);
	Py_INCREF(Py_None);
	return Py_None;
}

static PyObject *option_row(const struct tm_option *o)
{
	PyObject *choices = PyList_New(0);
	for (int i = 0; choices && o->choices && o->choices[i]; i++) {
		PyObject *choice = PyUnicode_FromString(o->choices[i]);
		if (!choice || PyList_Append(choices, choice) < 0)
			Py_CLEAR(choices);
		Py_XDECREF(choice);
	}
	static const char *const kinds[] = { [TM_OPTION_FLAG] = "flag", [TM_OPTION_NUMBER] = "number", [TM_OPTION_STRING] = "string",
		[TM_OPTION_STRINGS] = "strings", [TM_OPTION_CHOICE] = "choice" };
	char letter[2] = { o->letter, 0 };
	return !choices ? NULL
			: Py_BuildValue("{s:s,s:s,s:s,s:z,s:N,s:s,s:O}", "name", o->name, "letter", letter, "type", kinds[o->type], "value",
				  o->value, "choices", choices, "help", o->help, "setting", o->setting ? Py_True : Py_False);
}

static PyObject *option_rows(unsigned groups)
{
	PyObject *rows = PyList_New(0);
	for (const struct tm_option *o = tm_options; rows && o->name; o++) {
		PyObject *row = groups & o->groups ? option_row(o) : NULL;
		if ((groups & o->groups) && (!row || PyList_Append(rows, row) < 0))
			Py_CLEAR(rows);
		Py_XDECREF(row);
	}
	return rows;
}

static PyObject *command_row(const struct tm_command *c)
{
	struct tm_text help = { 0 };
	struct tm_error *err = tm_command_help(&help, c);
	tm_error_free(err);
	PyObject *options = option_rows(c->groups);
	PyObject *row = err || !options ? (options ? PyErr_NoMemory() : NULL)
					: Py_BuildValue("{s:s,s:z,s:s,s:s,s:s,s:O,s:O}", "name", c->name, "alias", c->alias, "operands", c->operands,
						  "summary", c->summary, "help", tm_text_str(&help), "options", options, "shell", c->shell ? Py_True : Py_False);
	Py_XDECREF(options);
	tm_text_free(&help);
	return row;
}

static PyObject *commands(PyObject *module, PyObject *unused)
{
	PyObject *rows = PyList_New(0);
	for (const struct tm_command *c = tm_commands; rows && c->name; c++) {
		PyObject *row = command_row(c);
		if (!row || PyList_Append(rows, row) < 0)
			Py_CLEAR(rows);
		Py_XDECREF(row);
	}
	return rows;
}

static PyObject *settings(PyObject *module, PyObject *unused)
{
	PyObject *all = option_rows(~0u), *rows = all ? PyList_New(0) : NULL;
	for (Py_ssize_t i = 0; rows && i < PyList_Size(all); i++) {
		PyObject *row = PyList_GetItem(all, i);
		if (PyDict_GetItemString(row, "setting") == Py_True && PyList_Append(rows, row) < 0)
			Py_CLEAR(rows);
	}
	Py_XDECREF(all);
	return rows;
}

static PyMethodDef methods[] = {
	{ "start", start, METH_VARARGS, "start(nframe=1)\n\nStart tracing; keep the newest NFRAME frames of each traceback." },
	{ "stop", stop, METH_NOARGS, "stop()\n\nStop tracing and forget all traces." },
	{ "clear_traces", clear_traces, METH_NOARGS, "clear_traces()\n\nForget all traces." },
	{ "reset_peak", reset_peak, METH_NOARGS, "reset_peak()\n\nSet the peak to the present size." },
	{ "is_tracing", is_tracing, METH_NOARGS, "is_tracing() -> bool" },
	{ "get_traceback_limit", get_traceback_limit, METH_NOARGS, "get_traceback_limit() -> int\n\nThe most frames of a traceback." },
	{ "get_traced_memory", get_traced_memory, METH_NOARGS,
		"get_traced_memory() -> (int, int)\n\nBytes in traced blocks now and at the peak; (0, 0) when not tracing." },
	{ "get_tracemalloc_memory", get_tracemalloc_memory, METH_NOARGS,
		"get_tracemalloc_memory() -> int\n\nBytes that tracemalloc counts for itself." },
	{ "take_snapshot", take_snapshot, METH_NOARGS, "take_snapshot() -> Snapshot\n\nRaises RuntimeError when not tracing." },
	{ "get_object_traceback", (PyCFunction)(void (*)(void))get_object_traceback, METH_VARARGS | METH_KEYWORDS,
		"get_object_traceback(obj) -> Traceback or None\n\nWhere OBJ was allocated. Of a target outside OBJ is its address: an int, or what\n"
		"int() makes one of, such as a gdb.Value." },
	{ "open", (PyCFunction)(void (*)(void))open_source, METH_VARARGS | METH_KEYWORDS,
		"open(path_or_pid) -> Snapshot\n\nOf a core, a snapshot file or (an int) a process, which is held for a moment. Raises OSError; tm.Error." },
	{ "_get_traces", get_traces, METH_NOARGS, NULL },
	{ "_format_size", format_size, METH_VARARGS, NULL },
	{ "_registers", registers, METH_VARARGS, NULL },
	{ "_set_registers", set_registers, METH_VARARGS, NULL },
	{ "bind", (PyCFunction)(void (*)(void))bind, METH_VARARGS | METH_KEYWORDS,
		"bind(host)\n\nFrom now on the functions mean what host.target() returns. None: this process again. For debuggers' plugins." },
	{ "commands", commands, METH_NOARGS, "commands() -> list of dict\n\nThe rows of tm's table of commands, with their options. For plugins." },
	{ "settings", settings, METH_NOARGS, "settings() -> list of dict\n\nThe options whose defaults 'tm config' sets. For plugins." },
	{ 0 },
};

static int module_exec(PyObject *module)
{
	struct tm_module_state *st = state(module);
	PyObject *linecache = PyImport_ImportModule("linecache");
	int failed = linecache ? PyObject_SetAttrString(module, "linecache", linecache) : -1;
	Py_XDECREF(linecache);
	if (!failed && !(st->error = PyErr_NewExceptionWithDoc("tm.Error",
				 "What a command could not do; status is the exit status that the shell would give.", PyExc_RuntimeError, NULL)))
		failed = -1;
	if (!failed)
		failed = PyObject_SetAttrString(module, "Error", st->error);
	if (!failed)
		failed = PyModule_AddStringConstant(module, "__version__", TM_VERSION);
	if (!failed)
		failed = find_own(st);
	for (int i = 0; !failed && i < TM_NPARTS; i++)
		failed = (st->parts[i] = PyObject_GetAttrString(module, parts[i])) ? 0 : -1;
	return failed ? -1 : tm_types_add(module, st);
}

static int module_traverse(PyObject *module, visitproc visit, void *arg)
{
	struct tm_module_state *st = state(module);
	for (int i = 0; st && i < TM_NTYPES; i++)
		Py_VISIT(st->types[i]);
	if (st) {
		Py_VISIT(st->error);
		Py_VISIT(st->host);
		for (int i = 0; i < TM_NPARTS; i++)
			Py_VISIT(st->parts[i]);
		for (int i = 0; i < TM_NOWN; i++)
			Py_VISIT(st->own[i]);
	}
	return 0;
}

static int module_clear(PyObject *module)
{
	struct tm_module_state *st = state(module);
	for (int i = 0; st && i < TM_NTYPES; i++)
		Py_CLEAR(st->types[i]);
	if (st) {
		Py_CLEAR(st->error);
		Py_CLEAR(st->host);
		for (int i = 0; i < TM_NPARTS; i++)
			Py_CLEAR(st->parts[i]);
		for (int i = 0; i < TM_NOWN; i++)
			Py_CLEAR(st->own[i]);
	}
	return 0;
}

static void module_free(void *module)
{
	module_clear(module);
}

static PyModuleDef_Slot slots[] = {
	{ Py_mod_exec, module_exec },
	{ 0 },
};

PyModuleDef tm_module_def = {
	PyModuleDef_HEAD_INIT,
	.m_name = "tm",
	.m_doc = "tracemalloc for stopped and crashed Python processes.",
	.m_size = sizeof(struct tm_module_state),
	.m_methods = methods,
	.m_slots = slots,
	.m_traverse = module_traverse,
	.m_clear = module_clear,
	.m_free = module_free,
};

PyMODINIT_FUNC PyInit_tm(void);
PyMODINIT_FUNC PyInit_tm(void)
{
	return PyModuleDef_Init(&tm_module_def);
}
