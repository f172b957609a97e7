/*
 * tm break: the host watches the target's peak, which _tracemalloc.c writes only when traced memory grows above it. Above the
 * present peak, "the peak reaches SIZE" and "SIZE bytes are traced" are one and the same moment.
 */
#include "args.h"
#include "tm/bytes.h"
#include "tm/watchpoints.h"
#include <stdio.h>
#include <string.h>

/* The line that the options ask for, in bytes; *BY: what it is added to. */
static struct tm_error *line_of(const struct tm_args *args, uint64_t traced, uint64_t *ret)
{
	const struct {
		const char *name, *size;
		uint64_t from;
	} options[] = { { "peak", args->line_peak, 0 }, { "traced", args->line_traced, 0 }, { "grow", args->line_grow, traced } };
	const char *given = NULL;
	for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
		if (!options[i].size)
			continue;
		if (given)
			return tm_error_new(TM_ERR_USAGE, "one line, please: --%s or --%s", given, options[i].name);
		given = options[i].name;
		if (!tm_parse_size(options[i].size, ret) || *ret > UINT64_MAX - options[i].from)
			return tm_error_new(TM_ERR_USAGE, "--%s takes bytes or a size such as 512K, 10M or 2GiB, not '%s'", given, options[i].size);
		*ret += options[i].from;
	}
	return NULL;
}

static void put_size(struct tm_text *t, uint64_t n)
{
	tm_text_size(t, tm_divide(n, 1), false);
	if (n >= 1024) {
		tm_text_puts(t, " (");
		tm_text_grouped(t, n);
		tm_text_puts(t, " bytes)");
	}
}

/* A line that is not above the peak would never be seen, or too late. */
static struct tm_error *check_line(const struct tm_about *a, uint64_t line)
{
	struct tm_text t = { 0 };
	if (line > a->peak)
		return NULL;
	tm_text_puts(&t, "traced memory is ");
	put_size(&t, a->traced);
	if (line <= a->traced) {
		tm_text_puts(&t, " already, which is not below that line");
	} else {
		tm_text_puts(&t, " and was ");
		put_size(&t, a->peak);
		tm_text_puts(&t, " at its peak: only a line above the peak can be watched; 'tm reset-peak' makes the present size the peak");
	}
	struct tm_error *err = tm_text_error(&t);
	if (!err)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s", tm_text_str(&t));
	tm_text_free(&t);
	return err;
}

static struct tm_error *check_target(const struct tm_snapshot *snap, const struct tm_target *t)
{
	if (t->kind == TM_KIND_CORE)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s is a core: nothing runs in it that could cross a line", t->name);
	struct tm_error *err = tm_source_tracing(snap);
	if (!err && (!snap->about.has_traced || !snap->about.peak_address))
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s: where its peak lies could not be found", t->name);
	return err;
}

/* Of another machine, behind a stub, nothing is known. */
static struct tm_error *check_machine(const struct tm_target *t)
{
	return t->kind == TM_KIND_PROCESS && tm_watchpoints_are_dead() ?
		tm_error_new(TM_ERR_UNSUPPORTED, "hardware watchpoints of this machine never stop a process (some virtual machines' do not); "
						 "'tm record LOCATION' shows what grows from one stop at a breakpoint to the next") :
		NULL;
}

/* ---- what is armed ---- */

static void forget(struct tm_session *s, size_t i)
{
	free(s->armed.items[i].name);
	memmove(s->armed.items + i, s->armed.items + i + 1, (--s->armed.n - i) * sizeof *s->armed.items);
}

/* Those whose watchpoint is gone are gone. */
static void prune(struct tm_session *s)
{
	for (size_t i = s->armed.n; i-- > 0;) {
		struct tm_text t = { 0 };
		s->front.watched(s->front.ctx, s->armed.items[i].name, &t);
		if (!t.len)
			forget(s, i);
		tm_text_free(&t);
	}
}

static const struct tm_armed *armed(const struct tm_session *s, const char *name)
{
	for (size_t i = 0; i < s->armed.n; i++)
		if (strcmp(s->armed.items[i].name, name) == 0)
			return &s->armed.items[i];
	return NULL;
}

bool tm_session_crossed(const struct tm_session *s, const char *name, const void *p, size_t len)
{
	const struct tm_armed *a = len == 4 || len == 8 ? armed(s, name) : NULL;
	return a && tm_load_word(p, (unsigned)len, a->big) >= a->line;
}

/* ---- the list ---- */

struct list {
	const struct tm_session *s;
	struct tm_text *watched; /* an element for each that is armed */
};

static const struct tm_armed *armed_of(const struct tm_report *r, uint64_t row)
{
	return &((const struct list *)r->data)->s->armed.items[row];
}

static void cell_text(struct tm_cell *c, const char *s)
{
	*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = s, .len = strlen(s) };
}

static void get_name(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	cell_text(c, armed_of(r, row)->name);
}

static void get_line(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = armed_of(r, row)->line };
}

static void get_watched(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	cell_text(c, tm_text_str(&((const struct list *)r->data)->watched[row]));
}

static const struct tm_column columns[] = {
	{ "name", "Name", true, get_name },
	{ "line", "Line", true, get_line },
	{ "watched_by", "Watched by", false, get_watched },
};

static struct tm_error *show(struct tm_session *s, const struct tm_args *args)
{
	struct list list = { s, calloc(s->armed.n + 1, sizeof *list.watched) };
	struct tm_report r = { .schema = "tm.break/1", .columns = columns, .ncolumns = sizeof columns / sizeof *columns,
		.nrows = s->armed.n, .data = &list };
	if (!list.watched)
		return tm_error_nomem();
	for (size_t i = 0; i < s->armed.n; i++)
		s->front.watched(s->front.ctx, s->armed.items[i].name, &list.watched[i]);
	if (!s->armed.n)
		r.heading = "nothing is armed; 'tm break --grow 10M' stops where traced memory grew by that much";
	struct tm_error *err = tm_args_render(s, args, &r);
	for (size_t i = 0; i < s->armed.n; i++)
		tm_text_free(&list.watched[i]);
	free(list.watched);
	return err;
}

/* ---- arming ---- */

static struct tm_error *say_armed(struct tm_session *s, const struct tm_armed *a, const struct tm_snapshot *snap)
{
	struct tm_text t = { 0 };
	tm_text_puts(&t, a->name);
	tm_text_puts(&t, ": ");
	s->front.watched(s->front.ctx, a->name, &t);
	tm_text_puts(&t, " stops the process when ");
	put_size(&t, a->line);
	tm_text_puts(&t, " are traced; now ");
	put_size(&t, snap->about.traced);
	tm_text_puts(&t, ", peak ");
	put_size(&t, snap->about.peak);
	return tm_session_say(s, snap, &t);
}

static struct tm_error *arm(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap, const struct tm_target *t, uint64_t line)
{
	char name[32];
	unsigned n = 1;
	struct tm_text where = { 0 };
	do
		snprintf(name, sizeof name, "break-%u", n++);
	while (tm_session_held(s, name) || armed(s, name));
	struct tm_armed a = { strdup(name), line, t->memory.big };
	if (!a.name || !tm_array_push(&s->armed, a)) {
		free(a.name);
		return tm_error_nomem();
	}
	if (s->front.where)
		s->front.where(s->front.ctx, &where);
	struct tm_error *err = tm_session_hold(s, name, false, tm_text_str(&where), snap);
	tm_text_free(&where);
	if (!err) {
		err = s->front.watch(s->front.ctx, name, snap->about.peak_address, t->memory.word);
		if (err)
			tm_error_free(tm_session_drop(s, name));
	}
	if (!err)
		return args->format == TM_FORMAT_JSON || args->format == TM_FORMAT_CSV ? show(s, args) : say_armed(s, &a, snap);
	forget(s, s->armed.n - 1);
	return err;
}

struct tm_error *tm_run_break(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	struct tm_target *t = NULL;
	uint64_t line = 0;
	if (!s->front.watch || !s->front.watched)
		return tm_error_new(TM_ERR_USAGE, "'tm break' is for debuggers: 'tm gdb PID' and 'tm lldb PID' start one");
	prune(s);
	if (!args->line_peak && !args->line_traced && !args->line_grow)
		return show(s, args);
	struct tm_error *err = line_of(args, 0, &line); /* before anything is read */
	if (!err)
		err = tm_source_open(s, args, NULL, true, &snap, &t);
	if (err)
		return err;
	err = t ? check_target(snap, t) : NULL;
	if (!err)
		err = line_of(args, snap->about.traced, &line);
	if (!err)
		err = check_line(&snap->about, line);
	if (!err)
		err = check_machine(t);
	if (!err)
		err = arm(s, args, snap, t, line);
	tm_target_close(t);
	tm_snapshot_unref(snap);
	return err;
}
