/* str() of tracemalloc's objects, and Traceback.format(). */
#include "tm/render.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void tm_str_frame(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f)
{
	size_t len;
	const char *name = tm_snapshot_name(s, f->filename, &len);
	tm_text_escape(t, name, len);
	tm_text_printf(t, ":%u", (unsigned)f->lineno);
}

void tm_str_traceback(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, uint32_t nframe)
{
	if (nframe)
		tm_str_frame(t, s, &f[nframe - 1]);
}

static void put_average(struct tm_text *t, tm_u128 size, uint64_t count)
{
	if (!count)
		return;
	tm_text_puts(t, ", average=");
	tm_text_size(t, tm_divide(size, count), false);
}

void tm_str_statistic(struct tm_text *t, const struct tm_snapshot *s, const struct tm_statistic *st)
{
	tm_str_traceback(t, s, st->frames, st->nframe);
	tm_text_puts(t, ": size=");
	tm_text_size(t, tm_divide(st->size, 1), false);
	tm_text_printf(t, ", count=%llu", (unsigned long long)st->count);
	put_average(t, st->size, st->count);
}

void tm_str_statistic_diff(struct tm_text *t, const struct tm_snapshot *s, const struct tm_statistic_diff *d)
{
	bool less = d->size_diff < 0;
	double size = tm_divide(less ? -(tm_u128)d->size_diff : (tm_u128)d->size_diff, 1);
	tm_str_traceback(t, s, d->frames, d->nframe);
	tm_text_puts(t, ": size=");
	tm_text_size(t, tm_divide(d->size, 1), false);
	tm_text_puts(t, " (");
	tm_text_size(t, less ? -size : size, true);
	tm_text_printf(t, "), count=%llu (%+lld)", (unsigned long long)d->count, (long long)d->count_diff);
	put_average(t, d->size, d->count);
}

void tm_str_trace(struct tm_text *t, const struct tm_snapshot *s, const struct tm_trace *trace)
{
	const struct tm_traceback *tb = &s->tracebacks[trace->traceback];
	tm_str_traceback(t, s, s->frames + tb->first, tb->nframe);
	tm_text_puts(t, ": ");
	tm_text_size(t, tm_divide(trace->size, 1), false);
}

/* One line of a source file, stripped; nothing when the file is not here. Only plain files are opened. */
static void put_source(struct tm_text *t, const char *path, unsigned lineno)
{
	enum { MOST = 8 << 20 };
	struct stat st;
	if (path[0] != '/' || !lineno)
		return;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return;
	FILE *f = !fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size <= MOST ? fdopen(fd, "r") : NULL;
	if (!f) {
		close(fd);
		return;
	}
	char *line = NULL;
	size_t cap = 0;
	ssize_t n = -1;
	for (unsigned i = 0; i < lineno; i++)
		if ((n = getline(&line, &cap, f)) < 0)
			break;
	const char *white = " \t\r\n\f\v";
	while (n > 0 && strchr(white, line[n - 1]))
		n--;
	ssize_t start = 0;
	while (start < n && strchr(white, line[start]))
		start++;
	if (start < n) {
		tm_text_puts(t, "    ");
		tm_text_escape(t, line + start, (size_t)(n - start));
		tm_text_putc(t, '\n');
	}
	free(line);
	fclose(f);
}

void tm_str_format(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, uint32_t nframe, uint32_t limit,
	bool most_recent_first, bool sources)
{
	uint32_t n = limit && limit < nframe ? limit : nframe;
	for (uint32_t i = 0; i < n; i++) {
		const struct tm_frame *frame = &f[most_recent_first ? i : n - 1 - i];
		size_t len;
		const char *name = tm_snapshot_name(s, frame->filename, &len);
		tm_text_puts(t, "  File \"");
		tm_text_escape(t, name, len);
		tm_text_printf(t, "\", line %u\n", (unsigned)frame->lineno);
		if (sources && strlen(name) == len && !s->about.other_files)
			put_source(t, name, frame->lineno);
	}
}

void tm_text_grouped(struct tm_text *t, tm_u128 n)
{
	if (n >= 1000) {
		tm_text_grouped(t, n / 1000);
		tm_text_printf(t, ",%03u", (unsigned)(n % 1000));
	} else {
		tm_text_printf(t, "%u", (unsigned)n);
	}
}
