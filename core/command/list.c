/* tm list: the session's snapshots, and how they grew from one to the next. */
#include "args.h"
#include <string.h>
#include <time.h>

static const struct tm_held *held_of(const struct tm_report *r, uint64_t row)
{
	return &((const struct tm_session *)r->data)->held.items[row];
}

static void cell_text(struct tm_cell *c, const char *s)
{
	*c = (struct tm_cell) { .kind = s && *s ? TM_CELL_TEXT : TM_CELL_NONE, .text = s, .len = s ? strlen(s) : 0 };
}

static void get_name(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	cell_text(c, held_of(r, row)->name);
}

static void get_time(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_TIME, .number = held_of(r, row)->snapshot->about.time };
}

static void get_target(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	cell_text(c, held_of(r, row)->snapshot->about.target);
}

static void get_where(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	cell_text(c, held_of(r, row)->where);
}

static void get_complete(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_BOOL, .number = held_of(r, row)->snapshot->about.complete };
}

struct total {
	uint64_t count;
	tm_u128 size;
};

static struct total total_of(const struct tm_report *r, uint64_t row)
{
	struct total t;
	tm_snapshot_total(held_of(r, row)->snapshot, &t.count, &t.size);
	return t;
}

static void get_count(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = total_of(r, row).count };
}

static void get_size(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = total_of(r, row).size };
}

static void difference(struct tm_cell *c, enum tm_cell_kind kind, tm_u128 now, tm_u128 before)
{
	*c = (struct tm_cell) { .kind = kind, .negative = now < before, .number = now < before ? before - now : now - before };
}

static void get_count_diff(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	if (row)
		difference(c, TM_CELL_COUNT_DIFF, total_of(r, row).count, total_of(r, row - 1).count);
}

static void get_size_diff(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	if (row)
		difference(c, TM_CELL_SIZE_DIFF, total_of(r, row).size, total_of(r, row - 1).size);
}

static const struct tm_column columns[] = {
	{ "name", "Name", true, get_name },
	{ "time", "Taken", true, get_time },
	{ "count", "Count", true, get_count },
	{ "count_diff", "Growth", true, get_count_diff },
	{ "size", "Size", true, get_size },
	{ "size_diff", "Growth", true, get_size_diff },
	{ "target", "Target", true, get_target },
	{ "complete", NULL, true, get_complete },
	{ "where", "Where", false, get_where },
};

struct tm_error *tm_run_list(struct tm_session *s, const struct tm_args *args)
{
	struct tm_report r = { .schema = "tm.list/1", .columns = columns, .ncolumns = sizeof columns / sizeof *columns,
		.nrows = s->held.n, .data = s };
	if (!s->held.n)
		r.heading = s->front.lasting ? "no snapshots yet; 'tm snapshot' takes one"
					     : "the shell keeps no snapshots from one command to the next; 'tm snapshot -o FILE' writes one";
	return tm_args_render(s, args, &r);
}
