/* tm statistics */
#include "args.h"
#include <string.h>

static const struct tm_statistic *row_of(const struct tm_report *r, uint64_t row)
{
	return &((const struct tm_statistics *)r->data)->rows[row];
}

static void get_size(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = row_of(r, row)->size };
}

static void get_share(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_statistics *st = r->data;
	double total = tm_divide(st->size, 1);
	*c = (struct tm_cell) { .kind = TM_CELL_SHARE, .share = total > 0 ? tm_divide(row_of(r, row)->size, 1) / total : 0 };
}

static void get_count(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = row_of(r, row)->count };
}

static void get_average(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_statistic *s = row_of(r, row);
	*c = (struct tm_cell) { .kind = TM_CELL_AVERAGE, .share = tm_divide(s->size, s->count) };
}

static void get_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_statistic *s = row_of(r, row);
	*c = (struct tm_cell) { .kind = TM_CELL_FRAMES, .frames = s->frames, .nframe = s->nframe };
}

static const struct tm_column columns[] = {
	{ "size", "Size", true, get_size },
	{ NULL, "Share", true, get_share },
	{ "count", "Count", true, get_count },
	{ NULL, "Average", true, get_average },
	{ "traceback", "Where", false, get_frames },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	tm_str_statistic(out, r->snapshot, row_of(r, row));
}

static void heading(struct tm_text *t, const struct tm_statistics *st, uint64_t shown)
{
	static const char *const one[] = { "line", "file", "traceback" }, *const many[] = { "lines", "files", "tracebacks" };
	if (shown < st->nrows) {
		tm_text_puts(t, "Top ");
		tm_text_grouped(t, shown);
		tm_text_puts(t, " of ");
	}
	tm_text_grouped(t, st->nrows);
	tm_text_printf(t, " %s%s: ", tm_plural(st->nrows, one[st->key], many[st->key]), st->cumulative ? ", cumulative" : "");
	tm_text_size(t, tm_divide(st->size, 1), false);
	tm_text_puts(t, " in ");
	tm_text_grouped(t, st->count);
	tm_text_printf(t, " %s; ", tm_plural(st->count, "block", "blocks"));
	tm_text_origin(t, st->snapshot);
}

struct tm_error *tm_run_statistics(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	struct tm_statistics *st = NULL;
	struct tm_error *err;
	if (args->cumulative && args->by == TM_BY_TRACEBACK)
		return tm_error_new(TM_ERR_USAGE, "--cumulative goes with --by lineno or filename, not with traceback");
	err = tm_source_snapshot(s, args, args->noperands ? args->operands[0] : NULL, false, &snap);
	if (err)
		return err;
	err = tm_statistics_make(snap, (enum tm_key)args->by, args->cumulative, &s->front.poll, &st);
	if (!err) {
		static const char *const keys[] = { "lineno", "filename", "traceback" };
		uint64_t shown = args->limit && args->limit < st->nrows ? args->limit : st->nrows;
		struct tm_text title = { 0 };
		heading(&title, st, shown);
		const struct tm_fact total[] = { { "size", { .kind = TM_CELL_SIZE, .number = st->size } },
			{ "count", { .kind = TM_CELL_COUNT, .number = st->count } },
			{ "rows", { .kind = TM_CELL_COUNT, .number = st->nrows } }, { 0 } };
		const struct tm_fact facts[] = {
			{ "by", { .kind = TM_CELL_TEXT, .text = keys[st->key], .len = strlen(keys[st->key]) } },
			{ "cumulative", { .kind = TM_CELL_BOOL, .number = st->cumulative } },
			{ "total", { .kind = TM_CELL_FACTS, .facts = total } }, { 0 } };
		struct tm_report r = { .schema = "tm.statistics/1", .snapshot = snap, .facts = facts,
			.heading = tm_text_str(&title), .columns = columns, .ncolumns = sizeof columns / sizeof *columns,
			.nrows = shown, .data = st, .str = str };
		err = tm_text_error(&title);
		if (!err)
			err = tm_args_render(s, args, &r);
		tm_text_free(&title);
	}
	if (!err)
		err = tm_source_strict(args, snap);
	tm_statistics_free(st);
	tm_snapshot_unref(snap);
	return err;
}
