/* Snapshot.load() and tm.open(): whatever a file is, and processes. */
#include "module.h"
#include "tm/capture.h"

static struct tm_error *open_source(const char *path, int pid, bool files, const struct tm_poll *poll, struct tm_snapshot **ret)
{
	struct tm_target *t = NULL;
	struct tm_search search = { 0 };
	struct tm_error *err = path ? tm_open_file(path, &search, poll, ret, &t) : tm_target_open_process(pid, &search, *poll, &t);
	if (!err && t && files)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s is a core, not a snapshot file: tm.open() reads it", path);
	else if (!err && t)
		err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, ret);
	if (!err && !(*ret)->about.tracing)
		err = tm_error_new(TM_ERR_NOTTRACING, "%s: tracemalloc is not tracing", (*ret)->about.target);
	tm_target_close(t);
	if (!err) /* what is read later from a file must be sound */
		err = tm_snapshot_require(*ret, TM_SECTIONS_ALL);
	return err;
}

struct tm_snapshot *tm_source_of(struct tm_module_state *st, PyObject *path, int pid, bool files)
{
	PyObject *bytes = NULL;
	struct tm_snapshot *s = NULL;
	struct tm_run run;
	if (path && !PyUnicode_FSConverter(path, &bytes))
		return NULL;
	if (tm_run_begin(&run, st, NULL) == 0) {
		struct tm_poll poll = tm_run_poll(&run);
		struct tm_error *err = open_source(path ? PyBytes_AsString(bytes) : NULL, pid, files, &poll, &s);
		if (!tm_run_end(&run, err, tm_raise)) {
			tm_snapshot_unref(s);
			s = NULL;
		}
	}
	Py_XDECREF(bytes);
	return s;
}
