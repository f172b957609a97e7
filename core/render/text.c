/* The plain format: tracemalloc's own lines, ours behind "# ". And what all formats share. */
#include "formats.h"
#include <string.h>

struct tm_error *tm_out_flush(struct tm_out *o, bool all)
{
	enum { PIECE = 64 << 10 };
	if (o->text.failed)
		return tm_error_nomem();
	if (!all && o->text.len < PIECE)
		return NULL;
	if (o->text.len)
		o->sink->write(o->sink->ctx, o->text.s, o->text.len);
	tm_text_clear(&o->text);
	return tm_poll(o->poll, "writing", 0, 0);
}

static void put_note(struct tm_text *t, const char *prefix, const char *s)
{
	tm_text_puts(t, prefix);
	tm_text_escape(t, s, strlen(s));
	tm_text_putc(t, '\n');
}

void tm_render_notes(const struct tm_report *r, const struct tm_render_options *o, struct tm_text *t)
{
	if (r->heading && !o->quiet)
		put_note(t, "# ", r->heading);
	for (size_t i = 0; r->snapshot && i < r->snapshot->nnotes; i++)
		if (r->snapshot->notes[i].gap)
			put_note(t, "# INCOMPLETE: ", r->snapshot->notes[i].text);
		else if (!o->quiet)
			put_note(t, "# ", r->snapshot->notes[i].text);
}

struct tm_error *tm_render_text(const struct tm_report *r, const struct tm_render_options *o, struct tm_out *out)
{
	tm_render_notes(r, o, &out->text);
	struct tm_error *err = NULL;
	for (uint64_t i = 0; !err && i < r->nrows; i++) {
		r->str(r, i, &out->text);
		tm_text_putc(&out->text, '\n');
		err = tm_out_flush(out, false);
	}
	return err;
}

struct tm_error *tm_render(const struct tm_report *r, const struct tm_render_options *o, const struct tm_sink *sink,
	const struct tm_poll *poll)
{
	static tm_format_fn *const formats[] = { [TM_FORMAT_TEXT] = tm_render_text,
		[TM_FORMAT_TABLE] = tm_render_table,
		[TM_FORMAT_JSON] = tm_render_json,
		[TM_FORMAT_CSV] = tm_render_csv };
	struct tm_out out = { .sink = sink, .poll = poll };
	tm_format_fn *render = formats[o->format];
	if (render == tm_render_text && !r->str)
		render = tm_render_table;
	struct tm_error *err = render(r, o, &out);
	if (!err)
		err = tm_out_flush(&out, true);
	tm_text_free(&out.text);
	return err;
}
