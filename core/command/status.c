/* tm status */
#include "args.h"
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum { MOST_LINES = 24 };

struct line {
	const char *name;
	struct tm_text value;
};

struct lines {
	struct line items[MOST_LINES];
	size_t n;
};

static struct tm_text *line(struct lines *l, const char *name)
{
	if (l->n == MOST_LINES)
		l->n--;
	l->items[l->n].name = name;
	return &l->items[l->n++].value;
}

static void put_size(struct tm_text *t, tm_u128 n)
{
	tm_text_size(t, tm_divide(n, 1), false);
	tm_text_puts(t, " (");
	tm_text_grouped(t, n);
	tm_text_puts(t, " bytes)");
}

static void put_counted(struct tm_text *t, uint64_t n, const char *one, const char *many)
{
	tm_text_grouped(t, n);
	tm_text_printf(t, " %s", tm_plural(n, one, many));
}

static const char *signal_name(int sig)
{
	const char *name = sigabbrev_np(sig);
	return name ? name : "?";
}

static void origin_lines(struct lines *l, const struct tm_about *a)
{
	struct tm_text *t = line(l, "target");
	tm_text_puts(t, a->target ? a->target : "?");
	if (a->is_live)
		tm_text_printf(t, ", %s%s", a->stopped_by ? "held by " : "read while it ran", a->stopped_by ? a->stopped_by : "");
	else if (a->pid)
		tm_text_printf(t, ", process %d", a->pid);
	if (a->signal)
		tm_text_printf(t, ", ended by signal %d (SIG%s)", a->signal, signal_name(a->signal));
	if (a->has_fault)
		tm_text_printf(t, " at address 0x%" PRIx64, a->fault_address);
	t = line(l, "Python");
	tm_text_printf(t, "%s%s%s", a->python ? a->python : "?", a->build ? ", " : "", a->build ? a->build : "");
	if (a->executable)
		tm_text_printf(t, ", %s", a->executable);
}

static void tracing_lines(struct lines *l, const struct tm_snapshot *s)
{
	const struct tm_about *a = &s->about;
	struct tm_text *t = line(l, "tracing");
	if (!a->tracing) {
		tm_text_puts(t, "no");
		tm_text_printf(line(l, "what to do"),
			"start the program with PYTHONTRACEMALLOC=1 or python -X tracemalloc, or call tracemalloc.start() in it%s",
			a->is_live ? " (tm start does)" : "");
		return;
	}
	tm_text_puts(t, "yes");
	if (a->has_limit)
		tm_text_printf(t, ", traceback limit %u", (unsigned)a->limit);
	t = line(l, "traced memory");
	if (a->has_traced)
		put_size(t, a->traced);
	else
		tm_text_puts(t, "not known");
	if (a->has_peak) {
		tm_text_puts(t, ", peak ");
		put_size(t, a->peak);
	}
	t = line(l, "traces");
	put_counted(t, s->ntraces, "block", "blocks");
	tm_text_puts(t, ", ");
	put_counted(t, s->ntracebacks, "traceback", "tracebacks");
	tm_text_puts(t, " and ");
	put_counted(t, s->nnames, "filename", "filenames");
	tm_text_puts(t, " in use");
	if (a->has_total_nframe && s->ntraces) {
		tm_text_puts(t, "; ");
		tm_text_fixed1(t, tm_divide(a->truncated, s->ntraces) * 100);
		tm_text_puts(t, "% of the blocks have deeper tracebacks");
	}
	if (a->has_memory) {
		t = line(l, "tracemalloc's memory");
		put_size(t, a->memory);
		tm_text_puts(t, " by its own count, about ");
		tm_text_size(t, tm_divide(a->own_memory, 1), false);
		tm_text_puts(t, " really");
	}
}

static void evidence_lines(struct lines *l, const struct tm_snapshot *s)
{
	const struct tm_about *a = &s->about;
	struct tm_text *t = line(l, "found by");
	tm_text_puts(t, a->source ? a->source : "?");
	for (size_t i = 0; i < s->ntables && i < 8; i++) {
		const struct tm_table_facts *f = &s->tables[i];
		t = line(l, i ? "" : "tables");
		tm_text_printf(t, "%s at 0x%" PRIx64 ": ", f->name, f->address);
		tm_text_grouped(t, f->read);
		tm_text_puts(t, " of ");
		tm_text_grouped(t, f->nentries);
		tm_text_puts(t, " entries in ");
		tm_text_grouped(t, f->nbuckets);
		tm_text_puts(t, " buckets");
	}
	if (s->ntables > 8)
		tm_text_printf(line(l, ""), "and %zu more", s->ntables - 8);
	t = line(l, "evidence");
	if (!a->tracing)
		tm_text_puts(t, "its configuration says so, and no live tables were found");
	else if (!s->ntables)
		tm_text_puts(t, "none: a pickle keeps no checksums, the numbers are its writer's");
	else if (a->complete)
		tm_text_puts(t, "complete: every table's count, the traced total and every traceback's hash agree");
	else
		tm_text_puts(t, "INCOMPLETE, see above");
}

static void get_name(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const char *name = ((const struct lines *)r->data)->items[row].name;
	*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = name, .len = strlen(name) };
}

static void get_value(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_text *t = &((const struct lines *)r->data)->items[row].value;
	*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = tm_text_str(t), .len = t->len };
}

static const struct tm_column columns[] = {
	{ "name", "", true, get_name },
	{ "value", "", false, get_value },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	const struct line *l = &((const struct lines *)r->data)->items[row];
	tm_text_printf(out, "%s%s ", l->name, *l->name ? ":" : " ");
	tm_text_escape(out, tm_text_str(&l->value), l->value.len);
}

static struct tm_cell number(bool has, tm_u128 n)
{
	return (struct tm_cell) { .kind = has ? TM_CELL_COUNT : TM_CELL_NONE, .number = n };
}

static struct tm_cell text(const char *s)
{
	return (struct tm_cell) { .kind = s ? TM_CELL_TEXT : TM_CELL_NONE, .text = s, .len = s ? strlen(s) : 0 };
}

static struct tm_cell boolean(bool b)
{
	return (struct tm_cell) { .kind = TM_CELL_BOOL, .number = b };
}

static struct tm_error *render_facts(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap)
{
	const struct tm_about *a = &snap->about;
	struct tm_fact tables[64];
	struct tm_fact table_facts[63][4];
	size_t n = snap->ntables < 63 ? snap->ntables : 63;
	for (size_t i = 0; i < n; i++) {
		const struct tm_table_facts *f = &snap->tables[i];
		const struct tm_fact of[4] = { { "address", number(true, f->address) }, { "entries", number(true, f->nentries) },
			{ "read", number(true, f->read) }, { "buckets", number(true, f->nbuckets) } };
		memcpy(table_facts[i], of, sizeof of);
	}
	struct tm_fact ends[63][5];
	for (size_t i = 0; i < n; i++) {
		memcpy(ends[i], table_facts[i], sizeof table_facts[i]);
		ends[i][4] = (struct tm_fact) { 0 };
		tables[i] = (struct tm_fact) { snap->tables[i].name, { .kind = TM_CELL_FACTS, .facts = ends[i] } };
	}
	tables[n] = (struct tm_fact) { 0 };
	const struct tm_fact facts[] = {
		{ "target", text(a->target) },
		{ "executable", text(a->executable) },
		{ "pid", number(a->pid != 0, (tm_u128)a->pid) },
		{ "python", text(a->python) },
		{ "build", text(a->build) },
		{ "tracing", boolean(a->tracing) },
		{ "traceback_limit", number(a->has_limit, a->limit) },
		{ "traced_memory", number(a->has_traced, a->traced) },
		{ "peak_traced_memory", number(a->has_peak, a->peak) },
		{ "tracemalloc_memory", number(a->has_memory, a->memory) },
		{ "tracemalloc_own_memory", number(a->has_memory, a->own_memory) },
		{ "traces", number(true, snap->ntraces) },
		{ "tracebacks", number(true, snap->ntracebacks) },
		{ "filenames", number(true, snap->nnames) },
		{ "truncated", number(a->has_total_nframe, a->truncated) },
		{ "lock_held", boolean(a->lock_held) },
		{ "source", text(a->source) },
		{ "stopped_by", text(a->stopped_by) },
		{ "signal", number(a->signal != 0, (tm_u128)a->signal) },
		{ "fault_address", number(a->has_fault, a->fault_address) },
		{ "time", number(true, a->time) },
		{ "tables", { .kind = TM_CELL_FACTS, .facts = tables } },
		{ 0 },
	};
	struct tm_report r = { .schema = "tm.status/1", .snapshot = snap, .facts = facts };
	return tm_args_render(s, args, &r);
}

static struct tm_error *render_lines(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap)
{
	struct lines l = { 0 };
	origin_lines(&l, &snap->about);
	tracing_lines(&l, snap);
	evidence_lines(&l, snap);
	struct tm_report r = { .schema = "tm.status/1", .snapshot = snap, .columns = columns,
		.ncolumns = sizeof columns / sizeof *columns, .nrows = l.n, .data = &l, .str = str };
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && i < l.n; i++)
		err = tm_text_error(&l.items[i].value);
	if (!err)
		err = tm_args_render(s, args, &r);
	for (size_t i = 0; i < MOST_LINES; i++)
		tm_text_free(&l.items[i].value);
	return err;
}

struct tm_error *tm_run_status(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	struct tm_error *err = tm_source_open(s, args, args->noperands ? args->operands[0] : NULL, false, &snap, NULL);
	if (err)
		return err;
	err = tm_snapshot_require(snap, args->verify ? TM_SECTIONS_ALL : TM_SECTIONS_STATISTICS);
	if (!err)
		err = args->format == TM_FORMAT_JSON || args->format == TM_FORMAT_CSV ? render_facts(s, args, snap)
										      : render_lines(s, args, snap);
	if (!err)
		err = tm_source_strict(args, snap);
	tm_snapshot_unref(snap);
	return err;
}
