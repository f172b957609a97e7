/*
 * Results → text, table, JSON, CSV. A result is a report: facts about the whole, columns as rows of data, and cells by
 * function; every format is one loop over it. Nothing passes through the locale.
 */
#ifndef TM_RENDER_H
#define TM_RENDER_H
#include "tm/compare.h"
#include "tm/query.h"
#include "tm/sink.h"
#include "tm/snapshot.h"

enum tm_format { TM_FORMAT_TEXT, TM_FORMAT_TABLE, TM_FORMAT_JSON, TM_FORMAT_CSV };

enum tm_cell_kind {
	TM_CELL_NONE,	/* null */
	TM_CELL_COUNT,	/* a whole number */
	TM_CELL_SIZE,	/* bytes */
	TM_CELL_COUNT_DIFF, /* either with its sign */
	TM_CELL_SIZE_DIFF,
	TM_CELL_AVERAGE, /* bytes, a fraction: tables only */
	TM_CELL_ADDRESS,
	TM_CELL_TIME,	/* seconds since 1970; tables show it in UTC */
	TM_CELL_SHARE,	/* 0..1 */
	TM_CELL_TEXT,	/* UTF-8 with surrogates, len bytes */
	TM_CELL_BOOL,
	TM_CELL_FRAMES, /* a traceback; newest first, shown oldest first */
	TM_CELL_FACTS,	/* an object of further facts */
};

struct tm_cell {
	enum tm_cell_kind kind;
	tm_u128 number;
	bool negative;	/* of differences */
	double share; /* or average */
	const char *text;
	size_t len;
	const struct tm_frame *frames;
	uint32_t nframe;
	const struct tm_fact *facts; /* ends with a NULL name */
};

struct tm_fact {
	const char *name;
	struct tm_cell cell;
};

struct tm_report;
struct tm_column {
	const char *name;  /* key in JSON and CSV; NULL: only in tables */
	const char *title; /* in tables; NULL: not there */
	bool right;	   /* aligned in tables */
	void (*get)(const struct tm_report *r, uint64_t row, struct tm_cell *ret);
};

struct tm_report {
	const char *schema; /* "tm.statistics/1" */
	const struct tm_snapshot *snapshot; /* names, notes and completeness */
	const struct tm_fact *facts; /* of the whole, for JSON; ends with a NULL name */
	const char *heading; /* one line of ours above text and table; may be NULL */
	const struct tm_column *columns;
	size_t ncolumns;
	uint64_t nrows;
	const void *data;
	/* tracemalloc's own str() of a row, without line end; NULL: the table serves as text, too. */
	void (*str)(const struct tm_report *r, uint64_t row, struct tm_text *out);
};

struct tm_render_options {
	enum tm_format format;
	bool quiet;	 /* no heading, no notes but gaps */
	bool color;
	bool full_paths; /* tables only: others always have them */
	unsigned width;	 /* of the screen; 0: unknown */
};

/* Writes the report in pieces; INTERRUPTED when POLL says so between two of them. */
struct tm_error *tm_render(const struct tm_report *r, const struct tm_render_options *o, const struct tm_sink *sink,
	const struct tm_poll *poll);

/* ---- tracemalloc's own words, control characters and lone surrogates escaped ---- */

void tm_str_frame(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f);
/* str(Traceback): its first, oldest frame. */
void tm_str_traceback(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, uint32_t nframe);
void tm_str_statistic(struct tm_text *t, const struct tm_snapshot *s, const struct tm_statistic *st);
/* S: the comparison's own snapshot. */
void tm_str_statistic_diff(struct tm_text *t, const struct tm_snapshot *s, const struct tm_statistic_diff *d);
void tm_str_trace(struct tm_text *t, const struct tm_snapshot *s, const struct tm_trace *trace);
/*
 * Traceback.format(): the newest LIMIT frames (0: all), oldest first or the other way round, each with its line of source
 * where the file is on this machine (SOURCES). Lines end with '\n'.
 */
void tm_str_format(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, uint32_t nframe, uint32_t limit,
	bool most_recent_first, bool sources);
/* 1,234,567 */
void tm_text_grouped(struct tm_text *t, tm_u128 n);
void tm_json_string(struct tm_text *t, const char *s, size_t len);
#endif
