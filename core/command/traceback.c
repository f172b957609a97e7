/* tm traceback */
#include "blocks.h"
#include <stdlib.h>

struct found {
	struct tm_blocks blocks;
	const struct tm_args *args;
	bool is_object;
	struct tm_object object;
};

static const struct tm_column columns[] = {
	{ "address", "Block", true, tm_block_address },
	{ "size", "Size", true, tm_block_size },
	{ "domain", "Domain", true, tm_block_domain },
	{ "offset", "Offset", true, tm_block_offset },
	{ "total_nframe", NULL, true, tm_block_total_nframe },
	{ "traceback", "Where", false, tm_block_frames },
};

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	const struct found *f = r->data;
	const struct tm_trace *t = tm_block(r, row);
	const struct tm_traceback *tb = &r->snapshot->tracebacks[t->traceback];
	uint64_t offset = f->blocks.addr - t->address;
	tm_text_printf(out, "# block 0x%llx, ", (unsigned long long)t->address);
	tm_text_size(out, tm_divide(t->size, 1), false);
	if (t->domain)
		tm_text_printf(out, ", domain %u", (unsigned)t->domain);
	if (f->is_object && !t->domain && f->object.block == t->address)
		tm_text_printf(out, ": the Python object%s%s%s", *f->object.type ? " of type " : "", f->object.type,
			f->object.python_misses_it ? " (this Python's own get_object_traceback() does not find it)" : "");
	else if (offset)
		tm_text_printf(out, ": the address is %llu bytes into it", (unsigned long long)offset);
	if (r->snapshot->about.has_total_nframe && tb->total_nframe > tb->nframe)
		tm_text_printf(out, "; the newest %u of %u%s frames", (unsigned)tb->nframe, (unsigned)tb->total_nframe,
			tb->total_nframe == 65535 ? " or more" : "");
	tm_text_putc(out, '\n');
	uint32_t limit = f->args->frames > UINT32_MAX ? 0 : (uint32_t)f->args->frames;
	tm_str_format(out, r->snapshot, r->snapshot->frames + tb->first, tb->nframe, limit, f->args->most_recent_first, true);
	if (out->len && out->s[out->len - 1] == '\n')
		out->s[--out->len] = 0;
}

/* EXPR is the rest of the line: the words are put together again. */
static struct tm_error *evaluate(struct tm_session *s, const struct tm_args *args, uint64_t *addr)
{
	struct tm_text expr = { 0 };
	for (unsigned i = 0; i < args->noperands; i++)
		tm_text_printf(&expr, "%s%s", i ? " " : "", args->operands[i]);
	struct tm_error *err = tm_text_error(&expr);
	if (!err && !expr.len)
		err = tm_error_new(TM_ERR_USAGE, "which address? usage: tm traceback EXPR --in SOURCE");
	else if (!err && !tm_parse_u64(expr.s, addr))
		err = s->front.evaluate ? s->front.evaluate(s->front.ctx, expr.s, addr)
					: tm_error_new(TM_ERR_USAGE, "'%s' is not an address: give a number such as 0x7f52a4c0", expr.s);
	tm_text_free(&expr);
	return err;
}

/* What is known about the snapshot may be the reason: filters, above all. */
static struct tm_error *not_found(const struct tm_snapshot *s, uint64_t addr)
{
	struct tm_text t = { 0 };
	tm_text_printf(&t, "no traced block at 0x%llx: it was allocated before tracing began, is free, or is not Python's",
		(unsigned long long)addr);
	tm_text_puts(&t, s->about.complete ? "" : "; the snapshot is incomplete, too");
	for (size_t i = 0; i < s->nnotes; i++)
		if (!s->notes[i].gap)
			tm_text_printf(&t, "; %s", s->notes[i].text);
	struct tm_error *err = tm_text_error(&t);
	if (!err)
		err = tm_error_new(TM_ERR_NOTFOUND, "%s", tm_text_str(&t));
	tm_text_free(&t);
	return err;
}

static struct tm_error *show(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap, struct tm_target *target,
	uint64_t addr)
{
	uint64_t *order = NULL, n = 0;
	struct found f = { .args = args, .blocks.addr = addr };
	f.is_object = target && tm_object_at(target, snap->about.python_minor, addr, &f.object);
	struct tm_error *err = tm_traces_at(snap, addr, &order, &n);
	if (!err && !n)
		err = not_found(snap, addr);
	if (!err) {
		f.blocks.order = order;
		const struct tm_fact facts[] = { { "address", { .kind = TM_CELL_ADDRESS, .number = addr } },
			{ "object", { .kind = TM_CELL_BOOL, .number = f.is_object } }, { 0 } };
		struct tm_report r = { .schema = "tm.traceback/1", .snapshot = snap, .facts = facts, .columns = columns,
			.ncolumns = sizeof columns / sizeof *columns, .nrows = n, .data = &f, .str = str };
		err = tm_args_render(s, args, &r);
	}
	free(order);
	return err;
}

struct tm_error *tm_run_traceback(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap = NULL;
	struct tm_target *target = NULL;
	uint64_t addr = 0;
	struct tm_error *err = evaluate(s, args, &addr);
	if (!err)
		err = tm_source_open(s, args, args->in, true, &snap, &target);
	if (!err)
		err = tm_source_tracing(snap);
	if (!err)
		err = show(s, args, snap, target, addr);
	if (!err)
		err = tm_source_strict(args, snap);
	tm_target_close(target);
	tm_snapshot_unref(snap);
	return err;
}
