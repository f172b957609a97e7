/* Errors of the core → exceptions, by one table. */
#include "module.h"
#include <string.h>

/* Control characters escaped, as in the shell: debuggers print messages as they are. */
static PyObject *message_of(const struct tm_error *err)
{
	struct tm_text t = { 0 };
	tm_text_escape(&t, tm_error_message(err), strlen(tm_error_message(err)));
	PyObject *message = t.failed ? PyErr_NoMemory() : PyUnicode_DecodeUTF8(tm_text_str(&t), (Py_ssize_t)t.len, "backslashreplace");
	tm_text_free(&t);
	return message;
}

/* tm.Error(message), with the exit status that the shell would give. */
static void raise_error(struct tm_module_state *st, const struct tm_error *err)
{
	PyObject *message = message_of(err), *e = message ? PyObject_CallFunctionObjArgs(st->error, message, NULL) : NULL;
	PyObject *status = e ? PyLong_FromLong(tm_error_status(tm_error_code(err))) : NULL;
	if (status && PyObject_SetAttrString(e, "status", status) == 0)
		PyErr_SetObject(st->error, e);
	Py_XDECREF(message);
	Py_XDECREF(e);
	Py_XDECREF(status);
}

void tm_raise_command(struct tm_module_state *st, struct tm_error *err)
{
	if (tm_error_code(err) == TM_ERR_INTERRUPTED)
		PyErr_SetNone(PyExc_KeyboardInterrupt);
	else
		raise_error(st, err);
	tm_error_free(err);
}

/* Made at once: which kind of OSError it is must not wait until somebody looks at it (as it did before 3.12). */
static void raise_os(int number, PyObject *message)
{
	PyObject *e = PyObject_CallFunction(PyExc_OSError, "iO", number, message);
	if (e)
		PyErr_SetObject((PyObject *)Py_TYPE(e), e);
	Py_XDECREF(e);
}

void tm_raise(struct tm_module_state *st, struct tm_error *err)
{
	const struct {
		enum tm_errcode code;
		PyObject *exception;
	} table[] = {
		{ TM_ERR_NOMEM, PyExc_MemoryError },
		{ TM_ERR_USAGE, PyExc_ValueError },
		{ TM_ERR_INTERRUPTED, PyExc_KeyboardInterrupt },
	};
	PyObject *message = message_of(err), *exception = NULL;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (table[i].code == tm_error_code(err))
			exception = table[i].exception;
	if (message && exception)
		PyErr_SetObject(exception, message);
	else if (message && tm_error_errno(err))
		raise_os(tm_error_errno(err), message);
	else if (message)
		raise_error(st, err);
	Py_XDECREF(message);
	tm_error_free(err);
}
