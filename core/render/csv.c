/* CSV as RFC 4180 has it, lines ending in \n; every row names its schema and whether the result is complete. */
#include "formats.h"
#include <string.h>

static void put_field(struct tm_text *t, const char *s, size_t len)
{
	bool quote = false;
	for (size_t i = 0; i < len && !quote; i++)
		quote = strchr(",\"\n\r", s[i]) != NULL;
	if (!quote) {
		tm_text_put(t, s, len);
		return;
	}
	tm_text_putc(t, '"');
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '"')
			tm_text_putc(t, '"');
		tm_text_putc(t, s[i]);
	}
	tm_text_putc(t, '"');
}

static void put_cell(struct tm_text *t, const struct tm_snapshot *s, const struct tm_cell *c)
{
	struct tm_text field = { 0 };
	switch (c->kind) {
	case TM_CELL_NONE:
	case TM_CELL_FACTS:
		break;
	case TM_CELL_COUNT:
	case TM_CELL_SIZE:
	case TM_CELL_ADDRESS:
	case TM_CELL_TIME:
		tm_text_u128(&field, c->number);
		break;
	case TM_CELL_COUNT_DIFF:
	case TM_CELL_SIZE_DIFF:
		tm_text_puts(&field, c->negative ? "-" : "");
		tm_text_u128(&field, c->number);
		break;
	case TM_CELL_AVERAGE:
		tm_text_fixed1(&field, c->share);
		break;
	case TM_CELL_SHARE:
		tm_text_fixed1(&field, c->share * 100);
		break;
	case TM_CELL_TEXT:
		tm_text_escape(&field, c->text, c->len);
		break;
	case TM_CELL_BOOL:
		tm_text_puts(&field, c->number ? "true" : "false");
		break;
	case TM_CELL_FRAMES:
		tm_json_frames(&field, s, c, true);
		break;
	}
	put_field(t, tm_text_str(&field), field.len);
	t->failed |= field.failed;
	tm_text_free(&field);
}

/* Of facts alone: one line each, name and value. */
static void put_facts(struct tm_text *t, const struct tm_report *r, const struct tm_fact *f, const char *prefix)
{
	for (; f && f->name; f++) {
		struct tm_text name = { 0 };
		tm_text_printf(&name, "%s%s%s", prefix, *prefix ? "." : "", f->name);
		t->failed |= name.failed;
		if (f->cell.kind == TM_CELL_FACTS) {
			put_facts(t, r, f->cell.facts, tm_text_str(&name));
			tm_text_free(&name);
			continue;
		}
		put_field(t, tm_text_str(&name), name.len);
		tm_text_putc(t, ',');
		tm_text_free(&name);
		put_cell(t, r->snapshot, &f->cell);
		tm_text_printf(t, ",%s,%s\n", r->schema, r->snapshot && !r->snapshot->about.complete ? "false" : "true");
	}
}

struct tm_error *tm_render_csv(const struct tm_report *r, const struct tm_render_options *o, struct tm_out *out)
{
	struct tm_text *t = &out->text;
	struct tm_error *err = NULL;
	if (!r->columns) {
		tm_text_puts(t, "name,value,schema,complete\n");
		put_facts(t, r, r->facts, "");
		return NULL;
	}
	for (size_t k = 0; k < r->ncolumns; k++)
		if (r->columns[k].name)
			tm_text_printf(t, "%s,", r->columns[k].name);
	tm_text_puts(t, "schema,complete\n");
	if (!r->nrows && r->snapshot && !r->snapshot->about.complete) { /* even no rows must say so */
		for (size_t k = 0; k < r->ncolumns; k++)
			if (r->columns[k].name)
				tm_text_putc(t, ',');
		tm_text_printf(t, "%s,false\n", r->schema);
	}
	for (uint64_t i = 0; !err && i < r->nrows; i++) {
		for (size_t k = 0; k < r->ncolumns; k++) {
			struct tm_cell c = { 0 };
			if (!r->columns[k].name)
				continue;
			r->columns[k].get(r, i, &c);
			put_cell(t, r->snapshot, &c);
			tm_text_putc(t, ',');
		}
		tm_text_printf(t, "%s,%s\n", r->schema, r->snapshot && !r->snapshot->about.complete ? "false" : "true");
		err = tm_out_flush(out, false);
	}
	return err;
}
