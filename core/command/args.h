/* Inside command: a parsed command line, and what commands share. */
#ifndef TM_ARGS_H
#define TM_ARGS_H
#include "tm/capture.h"
#include "tm/command.h"

enum tm_option_group {
	TM_GROUP_ALL = 1,    /* every command */
	TM_GROUP_SOURCE = 2, /* commands that read a SOURCE */
	TM_GROUP_ROWS = 4,   /* commands that print rows */
	TM_GROUP_RENDER = 8, /* commands that print a result */
	TM_GROUP_BY = 16,
	TM_GROUP_OUTPUT = 32, /* -o, --force */
	TM_GROUP_IN = 64,
	TM_GROUP_FRAMES = 128,
	TM_GROUP_VERIFY = 256,
	TM_GROUP_HELP = 512,
};

enum { TM_COLOR_AUTO, TM_COLOR_ALWAYS, TM_COLOR_NEVER };

struct tm_args {
	const struct tm_command *command;
	const char *operands[8];
	unsigned noperands;
	bool help;
	/* source */
	const char *core;
	uint64_t pid;
	bool has_pid;
	const char *exe, *sysroot;
	const char *debug_dirs[17]; /* ends with NULL */
	bool no_stop, strict;
	const char *in;
	bool verify;
	/* query */
	unsigned by;
	bool cumulative;
	uint64_t limit;
	uint64_t frames;
	bool most_recent_first;
	/* output */
	unsigned format;
	bool has_format, json;
	bool quiet, full_paths, force, man;
	unsigned color;
	const char *output;
};

struct tm_session {
	struct tm_front front;
	enum tm_format format; /* by default */
};

/* Fills in ARGS from the words behind the command's name. */
struct tm_error *tm_args_parse(const struct tm_session *s, const struct tm_command *c, int argc, const char *const *argv,
	struct tm_args *args);
/* The command by its name, alias or unique prefix; USAGE names the nearest one. */
struct tm_error *tm_command_find(const char *name, const struct tm_command **ret);

/* ---- sources ---- */

/* A snapshot of the command's SOURCE operand or -c/-p, or the front end's target. TRACES: with the single blocks. */
struct tm_error *tm_source_snapshot(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret);
/* The same, and the target that it was read from, if it is not a file: closed by the caller. */
struct tm_error *tm_source_open(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret, struct tm_target **target);
/* NOTTRACING, with advice, unless the snapshot is of a process that traces. */
struct tm_error *tm_source_tracing(const struct tm_snapshot *s);
/* For --strict: INCOMPLETE when something is missing. */
struct tm_error *tm_source_strict(const struct tm_args *args, const struct tm_snapshot *s);

/* Renders to -o FILE or the front end, as the arguments say. */
struct tm_error *tm_args_render(struct tm_session *s, const struct tm_args *args, const struct tm_report *r);
/* "Python 3.11.7, process 1234" for headings. */
void tm_text_origin(struct tm_text *t, const struct tm_snapshot *s);
const char *tm_plural(uint64_t n, const char *one, const char *many);

struct tm_error *tm_run_status(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_statistics(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_traces(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_traceback(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_snapshot(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_help(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_version(struct tm_session *s, const struct tm_args *args);
#endif
