/* Long work without the GIL; callbacks take it again. The first exception of a callback is kept and raised at the end. */
#include "module.h"
#include <errno.h>

int tm_run_begin(struct tm_run *run, struct tm_module_state *st, PyObject *host)
{
	*run = (struct tm_run) { .st = st, .host = host, .kept = PyList_New(0) };
	if (!run->kept || (host && PyList_Append(run->kept, host) < 0)) {
		Py_CLEAR(run->kept);
		return -1;
	}
	run->ts = PyEval_SaveThread();
	return 0;
}

void tm_run_enter(struct tm_run *run)
{
	PyEval_RestoreThread(run->ts);
	run->ts = NULL;
}

void tm_run_leave(struct tm_run *run)
{
	if (PyErr_Occurred()) {
		if (run->type)
			PyErr_Clear();
		else
			PyErr_Fetch(&run->type, &run->value, &run->trace);
	}
	run->ts = PyEval_SaveThread();
}

bool tm_run_end(struct tm_run *run, struct tm_error *err, void (*raise)(struct tm_module_state *, struct tm_error *))
{
	tm_run_enter(run);
	Py_DECREF(run->kept);
	if (run->type) {
		tm_error_free(err);
		PyErr_Restore(run->type, run->value, run->trace);
		return false;
	}
	if (!err)
		return true;
	raise(run->st, err);
	return false;
}

struct tm_error *tm_run_failed(const struct tm_run *run)
{
	return tm_error_new(TM_ERR_INTERRUPTED, "an exception in a callback");
}

static bool poll(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct tm_run *run = ctx;
	if (run->type)
		return true;
	if (!run->ts) /* the GIL is held, with it perhaps a lock that any Python code might want */
		return false;
	tm_run_enter(run);
	bool stop = PyErr_CheckSignals() < 0;
	if (!stop && run->host && PyObject_HasAttrString(run->host, "poll")) {
		PyObject *answer = PyObject_CallMethod(run->host, "poll", "sKK", what, (unsigned long long)done, (unsigned long long)total);
		stop = !answer || PyObject_IsTrue(answer) != 0;
		Py_XDECREF(answer);
	}
	tm_run_leave(run);
	return stop;
}

struct tm_poll tm_run_poll(struct tm_run *run)
{
	return (struct tm_poll) { poll, run };
}
