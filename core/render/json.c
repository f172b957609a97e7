/* JSON: exact integers, names that come back as they were (lone surrogates as escapes). */
#include "formats.h"

void tm_json_string(struct tm_text *t, const char *s, size_t len)
{
	tm_text_putc(t, '"');
	const char *end = s + len, *plain = s;
	while (s < end) {
		const char *at = s;
		uint32_t c = tm_utf8_next(&s, end);
		bool bad = c & TM_BAD_BYTE;
		if (!bad && c >= 0x20 && c != '"' && c != '\\' && (c < 0x7f || c > 0x9f) && !(c >= 0xd800 && c < 0xe000))
			continue;
		tm_text_put(t, plain, (size_t)(at - plain));
		plain = s;
		if (c == '"' || c == '\\')
			tm_text_printf(t, "\\%c", (char)c);
		else if (c == '\n')
			tm_text_puts(t, "\\n");
		else if (bad) /* as Python's surrogateescape decodes it */
			tm_text_printf(t, "\\udc%02x", (unsigned)(c & 0xff));
		else
			tm_text_printf(t, "\\u%04x", (unsigned)c);
	}
	tm_text_put(t, plain, (size_t)(end - plain));
	tm_text_putc(t, '"');
}

void tm_json_frames(struct tm_text *t, const struct tm_snapshot *s, const struct tm_cell *c, bool compact)
{
	tm_text_putc(t, '[');
	for (uint32_t i = c->nframe; i-- > 0;) {
		const struct tm_frame *f = &c->frames[i];
		size_t len;
		const char *name = tm_snapshot_name(s, f->filename, &len);
		tm_text_puts(t, compact ? "[" : "{\"filename\":");
		tm_json_string(t, name, len);
		tm_text_printf(t, compact ? ",%u]%s" : ",\"lineno\":%u}%s", (unsigned)f->lineno, i ? "," : "");
	}
	tm_text_putc(t, ']');
}

static void put_facts(struct tm_text *t, const struct tm_snapshot *s, const struct tm_fact *f);

static void put_cell(struct tm_text *t, const struct tm_snapshot *s, const struct tm_cell *c)
{
	switch (c->kind) {
	case TM_CELL_NONE:
		tm_text_puts(t, "null");
		break;
	case TM_CELL_COUNT:
	case TM_CELL_SIZE:
	case TM_CELL_ADDRESS:
	case TM_CELL_TIME:
		tm_text_u128(t, c->number);
		break;
	case TM_CELL_COUNT_DIFF:
	case TM_CELL_SIZE_DIFF:
		tm_text_puts(t, c->negative ? "-" : "");
		tm_text_u128(t, c->number);
		break;
	case TM_CELL_AVERAGE:
		tm_text_fixed1(t, c->share);
		break;
	case TM_CELL_SHARE:
		tm_text_fixed1(t, c->share * 100);
		break;
	case TM_CELL_TEXT:
		tm_json_string(t, c->text, c->len);
		break;
	case TM_CELL_BOOL:
		tm_text_puts(t, c->number ? "true" : "false");
		break;
	case TM_CELL_FRAMES:
		tm_json_frames(t, s, c, false);
		break;
	case TM_CELL_FACTS:
		tm_text_putc(t, '{');
		put_facts(t, s, c->facts);
		tm_text_putc(t, '}');
		break;
	}
}

static void put_facts(struct tm_text *t, const struct tm_snapshot *s, const struct tm_fact *f)
{
	for (const char *comma = ""; f && f->name; f++, comma = ",") {
		tm_text_printf(t, "%s\"%s\":", comma, f->name);
		put_cell(t, s, &f->cell);
	}
}

static void put_notes(struct tm_text *t, const struct tm_snapshot *s)
{
	tm_text_puts(t, "\"notes\":[");
	for (size_t i = 0; s && i < s->nnotes; i++) {
		if (i)
			tm_text_putc(t, ',');
		struct tm_text note = { .s = s->notes[i].text };
		while (note.s[note.len])
			note.len++;
		tm_json_string(t, note.s, note.len);
	}
	tm_text_putc(t, ']');
}

static void put_row(struct tm_text *t, const struct tm_report *r, uint64_t row)
{
	const char *comma = "";
	tm_text_putc(t, '{');
	for (size_t k = 0; k < r->ncolumns; k++) {
		if (!r->columns[k].name)
			continue;
		struct tm_cell c = { 0 };
		r->columns[k].get(r, row, &c);
		tm_text_printf(t, "%s\"%s\":", comma, r->columns[k].name);
		put_cell(t, r->snapshot, &c);
		comma = ",";
	}
	tm_text_putc(t, '}');
}

struct tm_error *tm_render_json(const struct tm_report *r, const struct tm_render_options *o, struct tm_out *out)
{
	struct tm_text *t = &out->text;
	struct tm_error *err = NULL;
	tm_text_printf(t, "{\"schema\":\"%s\",", r->schema);
	if (r->snapshot) {
		tm_text_printf(t, "\"complete\":%s,", r->snapshot->about.complete ? "true" : "false");
		put_notes(t, r->snapshot);
		tm_text_putc(t, ',');
	}
	put_facts(t, r->snapshot, r->facts);
	if (r->columns) {
		tm_text_puts(t, r->facts && r->facts->name ? ",\"rows\":[" : "\"rows\":[");
		for (uint64_t i = 0; !err && i < r->nrows; i++) {
			tm_text_puts(t, i ? ",\n" : "\n");
			put_row(t, r, i);
			err = tm_out_flush(out, false);
		}
		tm_text_putc(t, ']');
	}
	tm_text_puts(t, "}\n");
	return err;
}
