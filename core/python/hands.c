/* How a host lets its target run: its six methods, as the core calls them. */
#include "module.h"
#include <string.h>

bool tm_host_has_hands(PyObject *host)
{
	static const char *const names[] = { "write_memory", "threads", "uncallable", "call", "run_to", "finish" };
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!PyObject_HasAttrString(host, names[i]))
			return false;
	return true;
}

static struct tm_run *of(void *ctx)
{
	return *(struct tm_run **)ctx;
}

/* What tm.Error says, taken out of the exception's hands; NULL: another exception is set, or none. */
static struct tm_error *said(struct tm_run *run)
{
	PyObject *type, *value, *trace;
	if (!PyErr_Occurred() || !PyErr_ExceptionMatches(run->st->error))
		return NULL;
	PyErr_Fetch(&type, &value, &trace);
	PyObject *text = value ? PyObject_Str(value) : NULL, *bytes = text ? PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace") : NULL;
	struct tm_error *err = tm_error_new(TM_ERR_UNSUPPORTED, "%s", bytes ? PyBytes_AsString(bytes) : "the debugger could not do it");
	PyErr_Clear();
	Py_XDECREF(bytes);
	Py_XDECREF(text);
	Py_XDECREF(type);
	Py_XDECREF(value);
	Py_XDECREF(trace);
	return err;
}

/* The end of a callback: tm.Error is an error like any other; another exception is kept, and stands for an error that ends all. */
static struct tm_error *leave(struct tm_run *run)
{
	struct tm_error *err = said(run);
	bool failed = PyErr_Occurred() != NULL;
	tm_run_leave(run);
	return failed ? tm_run_failed(run) : err;
}

static struct tm_error *write_memory(void *ctx, uint64_t addr, const void *data, size_t len)
{
	struct tm_run *run = of(ctx);
	tm_run_enter(run);
	PyObject *bytes = PyBytes_FromStringAndSize(data, (Py_ssize_t)len);
	Py_XDECREF(bytes ? PyObject_CallMethod(run->host, "write_memory", "KO", (unsigned long long)addr, bytes) : NULL);
	Py_XDECREF(bytes);
	return leave(run);
}

/* One (tid, [pc, ...]). */
static bool take_stack(PyObject *pair, struct tm_stack *ret)
{
	PyObject *pcs;
	*ret = (struct tm_stack) { 0 };
	if (!PyArg_ParseTuple(pair, "iO!:threads", &ret->tid, &PyList_Type, &pcs))
		return false;
	for (Py_ssize_t i = 0; i < PyList_Size(pcs) && ret->n < TM_STACK_DEPTH; i++)
		ret->pc[ret->n++] = PyLong_AsUnsignedLongLong(PyList_GetItem(pcs, i));
	return !PyErr_Occurred();
}

static struct tm_error *threads(void *ctx, struct tm_stacks *ret)
{
	struct tm_run *run = of(ctx);
	struct tm_stack s;
	tm_run_enter(run);
	PyObject *list = PyObject_CallMethod(run->host, "threads", NULL);
	Py_ssize_t n = list ? PyList_Size(list) : 0; /* -1 with an exception: it is no list */
	for (Py_ssize_t i = 0; i < n; i++) {
		PyObject *pair = PyList_GetItem(list, i);
		if (!PyTuple_Check(pair)) {
			PyErr_SetString(PyExc_TypeError, "threads() returns a list of tuples");
			break;
		}
		if (!take_stack(pair, &s))
			break;
		if (!tm_array_push(&ret->threads, s)) {
			PyErr_NoMemory();
			break;
		}
	}
	Py_XDECREF(list);
	return leave(run);
}

static struct tm_error *uncallable(void *ctx)
{
	struct tm_run *run = of(ctx);
	tm_run_enter(run);
	PyObject *why = PyObject_CallMethod(run->host, "uncallable", NULL), *text = why && why != Py_None ? PyUnicode_AsUTF8String(why) : NULL;
	struct tm_error *err = text ? tm_error_new(TM_ERR_UNSUPPORTED, "%s", PyBytes_AsString(text)) : NULL;
	Py_XDECREF(text);
	Py_XDECREF(why);
	struct tm_error *raised = leave(run);
	tm_error_free(raised ? err : NULL);
	return raised ? raised : err;
}

static struct tm_error *call(void *ctx, int tid, uint64_t function, const uint64_t *args, unsigned nargs, double seconds, uint64_t *ret)
{
	struct tm_run *run = of(ctx);
	tm_run_enter(run);
	PyObject *list = PyList_New((Py_ssize_t)nargs), *value = NULL;
	for (unsigned i = 0; list && i < nargs; i++) {
		PyObject *number = PyLong_FromUnsignedLongLong(args[i]);
		if (!number || PyList_SetItem(list, (Py_ssize_t)i, number) < 0)
			Py_CLEAR(list);
	}
	if (list)
		value = PyObject_CallMethod(run->host, "call", "iKOd", tid, (unsigned long long)function, list, seconds);
	*ret = value ? PyLong_AsUnsignedLongLongMask(value) : 0;
	Py_XDECREF(value);
	Py_XDECREF(list);
	return leave(run);
}

static struct tm_error *run_to(void *ctx, uint64_t addr, const uint64_t *argument, double seconds, int *tid)
{
	struct tm_run *run = of(ctx);
	tm_run_enter(run);
	PyObject *value = argument ? PyObject_CallMethod(run->host, "run_to", "KKd", (unsigned long long)addr, (unsigned long long)*argument, seconds)
				   : PyObject_CallMethod(run->host, "run_to", "KOd", (unsigned long long)addr, Py_None, seconds);
	*tid = value && value != Py_None ? (int)PyLong_AsLong(value) : 0;
	Py_XDECREF(value);
	return leave(run);
}

static struct tm_error *finish(void *ctx, int tid, unsigned level, double seconds, bool *done)
{
	struct tm_run *run = of(ctx);
	tm_run_enter(run);
	PyObject *value = PyObject_CallMethod(run->host, "finish", "iId", tid, level, seconds);
	*done = value && PyObject_IsTrue(value) > 0;
	Py_XDECREF(value);
	return leave(run);
}

struct tm_hands tm_host_hands(struct tm_run **run)
{
	return (struct tm_hands) { .write = write_memory, .threads = threads, .uncallable = uncallable, .call = call, .run_to = run_to, .finish = finish, .ctx = run };
}
