/* One order: may it be, by which way, and did it come true. */
#include "internal.h"
#include <string.h>
#include <time.h>

enum { MOST_RUNTIME = 4 << 20, MOST_OFFSET = 1 << 20, MOST_BRIEF = 3 };

const char *const tm_way_names[] = { [TM_WAY_NONE] = "nothing to do", [TM_WAY_SCRIPT] = "a script that it ran by itself (PEP 768)",
	[TM_WAY_PENDING] = "a pending call in its main thread", [TM_WAY_BLOCKED] = "its main thread, which waits in a system call" };

static const char *const verbs[] = { [TM_START] = "start", [TM_STOP] = "stop", [TM_CLEAR_TRACES] = "clear-traces", [TM_RESET_PEAK] = "reset-peak" };

double tm_seconds(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- before and after ---- */

struct tm_error *tm_control_check(const struct tm_about *about, const struct tm_order *order, bool *needed)
{
	const char *name = about->target ? about->target : "the target";
	*needed = true;
	if (order->verb == TM_START && (!order->nframe || order->nframe > TM_MOST_NFRAME))
		return tm_error_new(TM_ERR_USAGE, "the number of frames is 1 to %d, not %u", TM_MOST_NFRAME, order->nframe);
	if (!about->is_live)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: tracemalloc is switched in a live process only; start the program with tm run, "
			"PYTHONTRACEMALLOC=1 or python -X tracemalloc", name);
	if (order->verb == TM_START && about->tracing && (!about->has_limit || about->limit != order->nframe))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: tracemalloc is tracing already, with a limit of %u %s; 'tm stop' ends that and forgets its traces",
			name, about->limit, about->limit == 1 ? "frame" : "frames");
	if (order->verb == TM_START || order->verb == TM_STOP) {
		*needed = about->tracing != (order->verb == TM_START);
		return NULL;
	}
	if (!about->tracing)
		return tm_error_new(TM_ERR_NOTTRACING, "%s: tracemalloc is not tracing: nothing to %s", name,
			order->verb == TM_CLEAR_TRACES ? "clear" : "reset");
	if (order->verb == TM_RESET_PEAK && about->python_minor && about->python_minor < 0x0309)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: Python %s cannot reset the peak (3.9 and later can)", name, about->python);
	return NULL;
}

bool tm_control_alone(const struct tm_about *about)
{
	return about->python_minor >= 0x030e;
}

struct tm_error *tm_control_verify(const struct tm_about *about, const struct tm_order *order)
{
	bool tracing = order->verb != TM_STOP;
	if (about->tracing == tracing && (order->verb != TM_START || about->limit == order->nframe))
		return NULL;
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: it ran, but tracemalloc is %s after: the process refused it, or changed it back", about->target,
		about->tracing ? "tracing" : "not tracing");
}

/*
 * _tracemalloc is built in: importing it reads no file and runs nobody's code. No name is left behind in the module that this is
 * executed in, nothing is printed, and nothing is raised, which would break the loop that runs pending calls.
 */
void tm_control_source(const struct tm_order *order, struct tm_text *t)
{
	static const char *const calls[] = { [TM_START] = "start", [TM_STOP] = "stop", [TM_CLEAR_TRACES] = "clear_traces",
		[TM_RESET_PEAK] = "reset_peak" };
	tm_text_printf(t, "try:\n __import__('_tracemalloc').%s(", calls[order->verb]);
	if (order->verb == TM_START)
		tm_text_printf(t, "%u", order->nframe);
	tm_text_puts(t, ")\nexcept BaseException:\n pass\n");
}

/* ---- what has to be known of the interpreter ---- */

/* Addresses only out of files whose build-id is the one in the target's memory. */
static bool take_functions(struct tm_control *c, struct tm_module *m)
{
	static const char *const names[TM_NFUNCTIONS] = { [TM_FN_RUN] = "PyRun_SimpleString", [TM_FN_ADD_PENDING] = "Py_AddPendingCall",
		[TM_FN_GIL_CHECK] = "PyGILState_Check", [TM_FN_GIL_ENSURE] = "PyGILState_Ensure", [TM_FN_GIL_RELEASE] = "PyGILState_Release",
		[TM_FN_HASH] = "PyObject_HashNotImplemented", [TM_FN_EVAL_CODE] = "PyEval_EvalCode", [TM_FN_NOTHING] = "PyCallable_Check",
		[TM_FN_RUNTIME] = "_PyRuntime" };
	struct tm_symbol symbols[TM_NFUNCTIONS];
	struct tm_elffile *file = m->build_id_len ? tm_module_file(c->t, m) : NULL;
	if (!file)
		return false;
	for (int i = 0; i < TM_NFUNCTIONS; i++)
		symbols[i] = (struct tm_symbol) { .name = names[i] };
	tm_elffile_symbols(file, symbols, TM_NFUNCTIONS);
	for (int i = 0; i < TM_NFUNCTIONS; i++)
		if (!symbols[i].found)
			return false;
	for (int i = 0; i < TM_NFUNCTIONS; i++)
		c->fn[i] = symbols[i].value + m->bias;
	c->runtime_size = symbols[TM_FN_RUNTIME].size < MOST_RUNTIME ? symbols[TM_FN_RUNTIME].size : MOST_RUNTIME;
	c->python = m;
	return true;
}

static struct tm_error *find_python(struct tm_control *c)
{
	size_t found = 0;
	const char *why = NULL;
	for (size_t i = 0; i < c->t->modules.n; i++) {
		struct tm_module *m = &c->t->modules.items[i];
		found += take_functions(c, m);
		why = why || !m->why ? why : m->why;
	}
	if (found > 1)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: there is more than one Python in it", c->t->name);
	if (found)
		return NULL;
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: the functions of its Python are not known%s%s%s; nothing is called by guess", c->t->name, why ? " (" : "",
		why ? why : "", why ? ")" : "");
}

static void find_mmap(struct tm_control *c)
{
	for (size_t i = 0; i < c->t->modules.n && !c->mmap; i++) {
		struct tm_module *m = &c->t->modules.items[i];
		const char *slash = strrchr(m->path, '/'), *name = slash ? slash + 1 : m->path;
		bool libc = strncmp(name, "libc.", 5) == 0 || strncmp(name, "libc-", 5) == 0 || strncmp(name, "ld-musl", 7) == 0;
		struct tm_elffile *file = libc && m->build_id_len ? tm_module_file(c->t, m) : NULL;
		struct tm_symbol symbols[] = { { .name = "mmap" }, { .name = "munmap" } };
		if (file)
			tm_elffile_symbols(file, symbols, 2);
		if (symbols[0].found && symbols[1].found) {
			c->mmap = symbols[0].value + m->bias;
			c->munmap = symbols[1].value + m->bias;
		}
	}
}

bool tm_control_offset(struct tm_control *c, uint16_t at, uint64_t *ret)
{
	*ret = at;
	return !c->row->cookie || (tm_memory_word(&c->t->memory, c->fn[TM_FN_RUNTIME] + at, ret) && *ret < MOST_OFFSET);
}

/* Between Py_Initialize and Py_Finalize? */
static struct tm_error *check_life(struct tm_control *c)
{
	struct tm_memory *m = &c->t->memory;
	uint64_t runtime = c->fn[TM_FN_RUNTIME], finalizing, interpreter, ending;
	uint32_t initialized;
	if (!tm_control_offset(c, c->row->finalizing, &finalizing) || !tm_control_offset(c, c->row->interpreter, &interpreter) ||
	    !tm_memory_word(m, runtime + finalizing, &ending) || !tm_memory_u32(m, runtime + finalizing - c->row->initialized_before, &initialized) ||
	    !tm_memory_word(m, runtime + interpreter + (c->row->cookie ? m->word : 0), &c->interpreter)) /* the offsets name the list; main follows */
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: the state of its Python cannot be read", c->t->name);
	if (ending)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: its Python is finalizing: nothing runs in it any more", c->t->name);
	if (!initialized || !c->interpreter)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: its Python is not initialized yet", c->t->name);
	return NULL;
}

static struct tm_error *prepare(struct tm_control *c)
{
	for (size_t i = 0; i < tm_ncontrol_rows; i++)
		if (c->about->hexversion && c->about->python_minor >= tm_control_rows[i].first && c->about->python_minor <= tm_control_rows[i].last)
			c->row = &tm_control_rows[i];
	if (!c->row)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: live control knows CPython 3.8 to 3.15; this is Python %s", c->t->name,
			c->about->python ? c->about->python : "?");
	if (c->t->memory.word != 8 || c->t->memory.big)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: live control knows x86-64 only", c->t->name);
	struct tm_error *err = find_python(c);
	if (!err)
		err = check_life(c);
	return err || c->row->path == TM_NONE ? err : tm_control_script_allowed(c);
}

/* ---- choosing ---- */

/* The target stands where nothing can be done now: a moment later it stands elsewhere. */
static struct tm_error *a_moment(struct tm_control *c)
{
	int nobody;
	struct tm_error *err = tm_poll(&c->t->poll, "waiting for the target", 0, 0);
	return err ? err : c->hands->run_to(c->hands->ctx, c->fn[TM_FN_RUN], &(uint64_t) { 1 }, 0.005, &nobody);
}

static struct tm_error *timed_out(struct tm_control *c)
{
	struct tm_text at = { 0 };
	if (c->t->still && !c->hands)
		tm_text_printf(&at, "it is stopped ('kill -CONT %d' lets it go on)", c->t->pid);
	else if (!c->hands)
		tm_text_puts(&at, "its threads may all be waiting, where only a debugger can do it");
	else
		tm_control_where(c, &at);
	struct tm_error *err = tm_error_new(TM_ERR_TIMEOUT, "%s: it came to no point in %g s where '%s' can run safely, and was left as it was%s%s; --timeout waits longer",
		c->t->name, c->order->before + c->order->seconds, verbs[c->order->verb], !at.len ? "" : c->hands ? ": its main thread is " : ": ", tm_text_str(&at));
	tm_text_free(&at);
	return err;
}

static struct tm_error *one_try(struct tm_control *c, enum tm_way *way, bool *done)
{
	struct tm_error *err = tm_control_stacks(c);
	if (err)
		return err;
	bool blocked = c->may_call && tm_control_blocked(c);
	if (blocked && tm_control_brief(c)) {
		if (c->nbrief++ < MOST_BRIEF)
			return a_moment(c);
		blocked = false; /* again and again, but never for long */
	}
	if (blocked && tm_control_gil(c)) {
		*way = TM_WAY_BLOCKED;
		err = tm_control_on_main(c, done);
		if (*done || (err && (c->row->path == TM_NONE || tm_error_code(err) == TM_ERR_INTERRUPTED)))
			return err;
		tm_error_free(err); /* its first call did not come about, which changes nothing: signals arrive, and with them Python runs */
		err = NULL;
	}
	if (c->row->path != TM_NONE) {
		*way = TM_WAY_SCRIPT;
		return tm_control_script(c, done);
	}
	*way = TM_WAY_PENDING;
	return blocked || tm_control_in_queue(c) ? a_moment(c) : tm_control_pending(c, done);
}

static struct tm_error *by_hand(struct tm_control *c, enum tm_way *way)
{
	bool done = false;
	struct tm_error *err = c->hands->uncallable(c->hands->ctx);
	c->may_call = !err;
	if (err && c->row->path == TM_NONE)
		return tm_error_prefix(err, "%s", c->t->name);
	tm_error_free(err);
	err = NULL;
	find_mmap(c);
	if (!c->mmap)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: its C library is not known (%s)", c->t->name, "no file of its build-id here");
	while (!err && !done && tm_control_left(c) > 0)
		err = one_try(c, way, &done);
	return err || done ? err : timed_out(c);
}

static struct tm_error *by_ourselves(struct tm_control *c, enum tm_way *way)
{
	bool done = false;
	struct tm_error *err = NULL;
	*way = TM_WAY_SCRIPT;
	while (!err && !done && tm_control_left(c) > 0)
		err = tm_control_script(c, &done);
	return err || done ? err : timed_out(c);
}

struct tm_error *tm_control(struct tm_target *t, const struct tm_about *about, const struct tm_order *order, const struct tm_hands *hands,
	enum tm_way *way)
{
	struct tm_control c = { .t = t, .about = about, .order = order, .hands = hands, .deadline = tm_seconds() + order->seconds };
	struct tm_error *err = prepare(&c);
	if (!err)
		err = hands ? by_hand(&c, way) : by_ourselves(&c, way);
	tm_array_free(&c.stacks.threads);
	tm_array_free(&c.before.threads);
	return err;
}
