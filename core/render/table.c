/* Tables for people: aligned columns, shares, short paths. Widths come from a first pass over the rows. */
#include "formats.h"
#include <string.h>
#include <time.h>

enum { MOST_COLUMNS = 16, SHOWN_PARTS = 3, BAR = 20 };

/* The last parts of a path; table only. */
static size_t short_path(const char *s, size_t len)
{
	size_t at = len;
	for (int parts = 0; at > 0; at--)
		if (s[at - 1] == '/' && ++parts == SHOWN_PARTS)
			return at > 1 ? at : 0;
	return 0;
}

/* Columns on a screen: code points, near enough (no combining marks, no wide characters in most paths). */
static size_t columns_of(const char *s, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += ((unsigned char)s[i] & 0xc0) != 0x80;
	return n;
}

static void put_bar(struct tm_text *t, double share)
{
	static const char *const eighths[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
	int n = (int)(share * BAR * 8 + 0.5);
	n = n < 0 ? 0 : n > BAR * 8 ? BAR * 8 : n;
	for (int i = 0; i < n / 8; i++)
		tm_text_puts(t, "█");
	tm_text_puts(t, eighths[n % 8]);
}

static void put_name(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, bool full)
{
	size_t len;
	const char *name = tm_snapshot_name(s, f->filename, &len);
	size_t cut = full ? 0 : short_path(name, len);
	if (cut)
		tm_text_puts(t, "…/");
	tm_text_escape(t, name + cut, len - cut);
	if (f->lineno)
		tm_text_printf(t, ":%u", (unsigned)f->lineno);
}

static void put_time(struct tm_text *t, time_t seconds)
{
	struct tm tm;
	if (gmtime_r(&seconds, &tm))
		tm_text_printf(t, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min,
			tm.tm_sec);
}

static void put_cell(struct tm_text *t, const struct tm_report *r, const struct tm_render_options *o, const struct tm_cell *c)
{
	switch (c->kind) {
	case TM_CELL_NONE:
	case TM_CELL_FACTS:
		tm_text_putc(t, '-');
		break;
	case TM_CELL_COUNT:
		tm_text_grouped(t, c->number);
		break;
	case TM_CELL_SIZE:
		tm_text_size(t, tm_divide(c->number, 1), false);
		break;
	case TM_CELL_COUNT_DIFF:
		tm_text_puts(t, c->negative ? "-" : "+");
		tm_text_grouped(t, c->number);
		break;
	case TM_CELL_SIZE_DIFF:
		tm_text_size(t, c->negative ? -tm_divide(c->number, 1) : tm_divide(c->number, 1), true);
		break;
	case TM_CELL_TIME:
		put_time(t, (time_t)c->number);
		break;
	case TM_CELL_AVERAGE:
		tm_text_size(t, c->share, false);
		break;
	case TM_CELL_ADDRESS:
		tm_text_printf(t, "0x%llx", (unsigned long long)c->number);
		break;
	case TM_CELL_SHARE:
		tm_text_fixed1(t, c->share * 100);
		tm_text_putc(t, '%');
		break;
	case TM_CELL_TEXT:
		tm_text_escape(t, c->text, c->len);
		break;
	case TM_CELL_BOOL:
		tm_text_puts(t, c->number ? "yes" : "no");
		break;
	case TM_CELL_FRAMES: /* where it was allocated: the newest frame, and how many more led there */
		if (c->nframe)
			put_name(t, r->snapshot, &c->frames[0], o->full_paths);
		for (uint32_t i = 1; i < c->nframe && i < 4; i++) {
			tm_text_puts(t, " ← ");
			put_name(t, r->snapshot, &c->frames[i], o->full_paths);
		}
		if (c->nframe > 4)
			tm_text_printf(t, " ← %u more", (unsigned)c->nframe - 4);
		break;
	}
}

static bool measure(const struct tm_report *r, const struct tm_render_options *o, size_t *widths)
{
	struct tm_text cell = { 0 };
	bool ok = true;
	for (size_t k = 0; k < r->ncolumns && k < MOST_COLUMNS; k++)
		widths[k] = r->columns[k].title ? columns_of(r->columns[k].title, strlen(r->columns[k].title)) : 0;
	for (uint64_t i = 0; i < r->nrows && i < 10000; i++)
		for (size_t k = 0; k < r->ncolumns && k < MOST_COLUMNS; k++) {
			struct tm_cell c = { 0 };
			if (!r->columns[k].title || !r->columns[k].right)
				continue;
			r->columns[k].get(r, i, &c);
			tm_text_clear(&cell);
			put_cell(&cell, r, o, &c);
			size_t w = columns_of(tm_text_str(&cell), cell.len);
			widths[k] = w > widths[k] ? w : widths[k];
			ok &= !cell.failed;
		}
	tm_text_free(&cell);
	return ok;
}

/* No more than WIDTH columns; what is cut off ends in an ellipsis. */
static void cut(struct tm_text *cell, size_t width)
{
	if (!width || columns_of(tm_text_str(cell), cell->len) <= width)
		return;
	size_t n = 0, i = 0;
	while (i < cell->len) {
		bool starts = ((unsigned char)cell->s[i] & 0xc0) != 0x80;
		if (starts && n++ == width - 1)
			break;
		i++;
	}
	cell->len = i;
	cell->s[i] = 0;
	tm_text_puts(cell, "…");
}

static void put_padded(struct tm_text *t, const struct tm_text *cell, size_t width, bool right)
{
	size_t w = columns_of(tm_text_str(cell), cell->len), pad = width > w ? width - w : 0;
	t->failed |= cell->failed;
	if (right)
		tm_text_pad(t, ' ', pad);
	tm_text_put(t, tm_text_str(cell), cell->len);
}

static void put_row(struct tm_text *t, const struct tm_report *r, const struct tm_render_options *o, uint64_t row,
	const size_t *widths, struct tm_text *cell)
{
	bool first = true;
	size_t used = 0; /* columns of the screen */
	for (size_t k = 0; k < r->ncolumns && k < MOST_COLUMNS; k++) {
		struct tm_cell c = { 0 };
		if (!r->columns[k].title)
			continue;
		r->columns[k].get(r, row, &c);
		if (!first)
			tm_text_puts(t, "  ");
		first = false;
		tm_text_clear(cell);
		put_cell(cell, r, o, &c);
		if (!r->columns[k].right && o->width && !o->full_paths)
			cut(cell, o->width > used + 10 ? o->width - used : 10);
		used += 2 + (c.kind == TM_CELL_SHARE ? BAR + 2 : 0) + (widths[k] ? widths[k] : 0);
		bool shade = o->color && c.kind == TM_CELL_SIZE;
		tm_text_puts(t, shade ? "\033[1m" : "");
		put_padded(t, cell, widths[k], r->columns[k].right);
		tm_text_puts(t, shade ? "\033[0m" : "");
		if (c.kind == TM_CELL_SHARE) {
			tm_text_puts(t, "  ");
			tm_text_clear(cell);
			put_bar(cell, c.share);
			tm_text_puts(t, o->color ? "\033[34m" : "");
			t->failed |= cell->failed;
			tm_text_put(t, tm_text_str(cell), cell->len);
			tm_text_puts(t, o->color ? "\033[0m" : "");
			size_t w = columns_of(tm_text_str(cell), cell->len);
			tm_text_pad(t, ' ', w < BAR ? BAR - w : 0);
		}
	}
	while (t->len && t->s[t->len - 1] == ' ')
		t->s[--t->len] = 0;
	tm_text_putc(t, '\n');
}

struct tm_error *tm_render_table(const struct tm_report *r, const struct tm_render_options *o, struct tm_out *out)
{
	struct tm_text *t = &out->text, cell = { 0 };
	struct tm_error *err = NULL;
	size_t widths[MOST_COLUMNS] = { 0 };
	tm_render_notes(r, o, t);
	t->failed |= !measure(r, o, widths);
	bool first = true, titles = false;
	for (size_t k = 0; k < r->ncolumns && k < MOST_COLUMNS; k++)
		titles |= r->columns[k].title && *r->columns[k].title;
	for (size_t k = 0; titles && !o->quiet && r->nrows && k < r->ncolumns && k < MOST_COLUMNS; k++) {
		if (!r->columns[k].title)
			continue;
		struct tm_text title = { .s = (char *)r->columns[k].title, .len = strlen(r->columns[k].title) };
		tm_text_puts(t, first ? "" : "  ");
		first = false;
		put_padded(t, &title, widths[k], r->columns[k].right);
		if (strcmp(r->columns[k].title, "Share") == 0)
			tm_text_pad(t, ' ', BAR + 2);
	}
	if (!first)
		tm_text_putc(t, '\n');
	for (uint64_t i = 0; !err && i < r->nrows; i++) {
		put_row(t, r, o, i, widths, &cell);
		err = tm_out_flush(out, false);
	}
	tm_text_free(&cell);
	return err;
}
