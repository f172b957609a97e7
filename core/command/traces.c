/* tm traces */
#include "blocks.h"
#include <stdlib.h>

static const struct tm_column columns[] = {
	{ "size", "Size", true, tm_block_size },
	{ "address", "Address", true, tm_block_address },
	{ "domain", "Domain", true, tm_block_domain },
	{ "total_nframe", NULL, true, tm_block_total_nframe },
	{ "traceback", "Where", false, tm_block_frames },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	tm_str_trace(out, r->snapshot, tm_block(r, row));
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
			.nrows = shown, .data = &(struct tm_blocks) { .order = order }, .str = str };
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
