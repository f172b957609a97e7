/* tm traces */
#include "args.h"
#include <stdlib.h>

static const struct tm_trace *row_of(const struct tm_report *r, uint64_t row)
{
	return &r->snapshot->traces[((const uint64_t *)r->data)[row]];
}

static void get_address(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	if (r->snapshot->about.has_addresses)
		*c = (struct tm_cell) { .kind = TM_CELL_ADDRESS, .number = row_of(r, row)->address };
}

static void get_domain(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = row_of(r, row)->domain };
}

static void get_size(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = row_of(r, row)->size };
}

static void get_total_nframe(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	uint32_t n = r->snapshot->tracebacks[row_of(r, row)->traceback].total_nframe;
	if (r->snapshot->about.has_total_nframe && n)
		*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = n };
}

static void get_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_traceback *tb = &r->snapshot->tracebacks[row_of(r, row)->traceback];
	*c = (struct tm_cell) { .kind = TM_CELL_FRAMES, .frames = r->snapshot->frames + tb->first, .nframe = tb->nframe };
}

static const struct tm_column columns[] = {
	{ "size", "Size", true, get_size },
	{ "address", "Address", true, get_address },
	{ "domain", "Domain", true, get_domain },
	{ "total_nframe", NULL, true, get_total_nframe },
	{ "traceback", "Where", false, get_frames },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	tm_str_trace(out, r->snapshot, row_of(r, row));
}

struct tm_error *tm_run_traces(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	uint64_t *order = NULL, shown = 0;
	struct tm_error *err = tm_source_snapshot(s, args, args->noperands ? args->operands[0] : NULL, true, &snap);
	if (err)
		return err;
	err = tm_traces_biggest(snap, args->limit, &s->front.poll, &order, &shown);
	if (!err) {
		uint64_t count;
		tm_u128 size;
		tm_snapshot_total(snap, &count, &size);
		struct tm_text title = { 0 };
		if (shown < snap->ntraces) {
			tm_text_puts(&title, "Biggest ");
			tm_text_grouped(&title, shown);
			tm_text_puts(&title, " of ");
		}
		tm_text_grouped(&title, snap->ntraces);
		tm_text_printf(&title, " %s, ", tm_plural(snap->ntraces, "block", "blocks"));
		tm_text_size(&title, tm_divide(size, 1), false);
		tm_text_puts(&title, "; ");
		tm_text_origin(&title, snap);
		const struct tm_fact total[] = { { "size", { .kind = TM_CELL_SIZE, .number = size } },
			{ "count", { .kind = TM_CELL_COUNT, .number = count } }, { 0 } };
		const struct tm_fact facts[] = { { "total", { .kind = TM_CELL_FACTS, .facts = total } }, { 0 } };
		struct tm_report r = { .schema = "tm.traces/1", .snapshot = snap, .facts = facts,
			.heading = tm_text_str(&title), .columns = columns, .ncolumns = sizeof columns / sizeof *columns,
			.nrows = shown, .data = order, .str = str };
		err = tm_text_error(&title);
		if (!err)
			err = tm_args_render(s, args, &r);
		tm_text_free(&title);
	}
	if (!err)
		err = tm_source_strict(args, snap);
	free(order);
	tm_snapshot_unref(snap);
	return err;
}
