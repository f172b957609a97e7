/* tm compare */
#include "args.h"
#include "tm/compare.h"
#include <string.h>

static const struct tm_statistic_diff *row_of(const struct tm_report *r, uint64_t row)
{
	return &((const struct tm_compare *)r->data)->rows[row];
}

static void get_size(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = row_of(r, row)->size };
}

static struct tm_cell signed_cell(enum tm_cell_kind kind, tm_i128 n)
{
	return (struct tm_cell) { .kind = kind, .negative = n < 0, .number = n < 0 ? -(tm_u128)n : (tm_u128)n };
}

static void get_size_diff(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = signed_cell(TM_CELL_SIZE_DIFF, row_of(r, row)->size_diff);
}

static void get_count(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = row_of(r, row)->count };
}

static void get_count_diff(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = signed_cell(TM_CELL_COUNT_DIFF, row_of(r, row)->count_diff);
}

static void get_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_FRAMES, .frames = row_of(r, row)->frames, .nframe = row_of(r, row)->nframe };
}

static const struct tm_column columns[] = {
	{ "size", "Size", true, get_size },
	{ "size_diff", "Growth", true, get_size_diff },
	{ "count", "Count", true, get_count },
	{ "count_diff", "Growth", true, get_count_diff },
	{ "traceback", "Where", false, get_frames },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	tm_str_statistic_diff(out, r->snapshot, row_of(r, row));
}

static double as_double(tm_i128 n)
{
	return n < 0 ? -tm_divide(-(tm_u128)n, 1) : tm_divide((tm_u128)n, 1);
}

static void heading(struct tm_text *t, const struct tm_compare *c, uint64_t shown, const struct tm_snapshot *const *sides)
{
	static const char *const one[] = { "line", "file", "traceback" }, *const many[] = { "lines", "files", "tracebacks" };
	tm_text_puts(t, "Top ");
	tm_text_grouped(t, shown);
	tm_text_puts(t, " of ");
	tm_text_grouped(t, c->nrows);
	tm_text_printf(t, " %s%s: ", tm_plural(c->nrows, one[c->key], many[c->key]), c->cumulative ? ", cumulative" : "");
	tm_text_size(t, as_double(c->total.size_diff), true);
	tm_text_puts(t, c->total.count_diff < 0 ? " in -" : " in +");
	uint64_t blocks = c->total.count_diff < 0 ? -(uint64_t)c->total.count_diff : (uint64_t)c->total.count_diff;
	tm_text_grouped(t, blocks);
	tm_text_printf(t, " %s; ", tm_plural(blocks, "block", "blocks"));
	for (int i = 0; i < 2; i++) {
		tm_text_puts(t, i ? ", compared with " : "");
		tm_text_origin(t, sides[1 - i]);
	}
}

static struct tm_error *render(struct tm_session *s, const struct tm_args *args, const struct tm_compare *c,
	const struct tm_snapshot *const *sides)
{
	static const char *const keys[] = { "lineno", "filename", "traceback" };
	uint64_t shown = args->limit && args->limit < c->nrows ? args->limit : c->nrows;
	struct tm_text title = { 0 };
	heading(&title, c, shown, sides);
	const struct tm_fact total[] = { { "size", { .kind = TM_CELL_SIZE, .number = c->total.size } },
		{ "size_diff", signed_cell(TM_CELL_SIZE_DIFF, c->total.size_diff) },
		{ "count", { .kind = TM_CELL_COUNT, .number = c->total.count } },
		{ "count_diff", signed_cell(TM_CELL_COUNT_DIFF, c->total.count_diff) },
		{ "rows", { .kind = TM_CELL_COUNT, .number = c->nrows } }, { 0 } };
	const struct tm_fact facts[] = { { "by", { .kind = TM_CELL_TEXT, .text = keys[c->key], .len = strlen(keys[c->key]) } },
		{ "cumulative", { .kind = TM_CELL_BOOL, .number = c->cumulative } }, { "total", { .kind = TM_CELL_FACTS, .facts = total } },
		{ 0 } };
	struct tm_report r = { .schema = "tm.compare/1", .snapshot = c->snapshot, .facts = facts, .heading = tm_text_str(&title),
		.columns = columns, .ncolumns = sizeof columns / sizeof *columns, .nrows = shown, .data = c, .str = str };
	struct tm_error *err = tm_text_error(&title);
	if (!err)
		err = tm_args_render(s, args, &r);
	tm_text_free(&title);
	return err;
}

/* The two sides, old before new. */
static struct tm_error *open_sides(struct tm_session *s, const struct tm_args *args, struct tm_snapshot **sides)
{
	const char *names[2] = { args->operands[0], args->noperands > 1 ? args->operands[1] : NULL };
	struct tm_args plain = *args; /* OLD is what its name says; -c and -p are about NEW */
	plain.core = NULL;
	plain.has_pid = false;
	if (names[1] && (args->core || args->has_pid))
		return tm_error_new(TM_ERR_USAGE, "OLD, NEW and --core or --pid are one SOURCE too many");
	bool now = args->core || args->has_pid || (args->noperands == 1 && s->front.target);
	if (!args->noperands && !now) {
		if (s->held.n < 2)
			return tm_error_new(TM_ERR_USAGE, "compare what? usage: tm compare %s", args->command->operands);
		names[0] = s->held.items[s->held.n - 2].name;
		names[1] = s->held.items[s->held.n - 1].name;
	} else if (!args->noperands || (!names[1] && !now)) {
		return tm_error_new(TM_ERR_USAGE, "compare with what? usage: tm compare %s", args->command->operands);
	}
	struct tm_error *err = tm_source_snapshot(s, &plain, names[0], false, &sides[0]);
	return err ? err : tm_source_snapshot(s, names[1] ? &plain : args, names[1], false, &sides[1]);
}

struct tm_error *tm_run_compare(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *sides[2] = { NULL, NULL };
	struct tm_compare *c = NULL;
	if (args->cumulative && args->by == TM_BY_TRACEBACK)
		return tm_error_new(TM_ERR_USAGE, "--cumulative goes with --by lineno or filename, not with traceback");
	struct tm_error *err = open_sides(s, args, sides);
	if (!err)
		err = tm_compare_make(sides[0], sides[1], (enum tm_key)args->by, args->cumulative, &s->front.poll, &c);
	if (!err)
		err = render(s, args, c, (const struct tm_snapshot *const *)sides);
	if (!err)
		err = tm_source_strict(args, c->snapshot);
	tm_compare_free(c);
	tm_snapshot_unref(sides[0]);
	tm_snapshot_unref(sides[1]);
	return err;
}
