/* Inside render: one function per format. */
#ifndef TM_FORMATS_H
#define TM_FORMATS_H
#include "tm/render.h"

/* Text on its way to a sink, handed on in pieces. */
struct tm_out {
	struct tm_text text;
	const struct tm_sink *sink;
	const struct tm_poll *poll;
};
struct tm_error *tm_out_flush(struct tm_out *o, bool all);

typedef struct tm_error *tm_format_fn(const struct tm_report *r, const struct tm_render_options *o, struct tm_out *out);
tm_format_fn tm_render_text, tm_render_table, tm_render_json, tm_render_csv;
/* The "# " lines above the rows: heading, gaps, notes. */
void tm_render_notes(const struct tm_report *r, const struct tm_render_options *o, struct tm_text *t);
void tm_json_frames(struct tm_text *t, const struct tm_snapshot *s, const struct tm_cell *c, bool compact);
#endif
