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
	TM_GROUP_NAME = 1024, /* commands that keep a snapshot in the session */
	TM_GROUP_FILTER = 2048,
	TM_GROUP_DUMP = 4096,
	TM_GROUP_SETUP = 8192, /* commands that put a debugger's plugin in place */
	TM_GROUP_AUTO_LOAD = 16384, /* ... so that some programs bring it */
	TM_GROUP_CONTROL = 32768, /* commands that let the target run */
	TM_GROUP_PROCESS = 65536, /* commands that mean a process */
	TM_GROUP_LAUNCH = 1 << 20,  /* commands that start a program */
	TM_GROUP_LINE = 1 << 21,
};

enum { TM_MOST_STRINGS = 32 };
typedef const char *tm_strings[TM_MOST_STRINGS + 1]; /* of a repeatable option; ends with NULL */

enum tm_dump { TM_DUMP_PICKLE, TM_DUMP_TM };
enum { TM_COLOR_AUTO, TM_COLOR_ALWAYS, TM_COLOR_NEVER };

struct tm_args {
	const struct tm_command *command;
	const char *operands[64];
	unsigned noperands;
	const char *const *rest, *const *raw_rest; /* the operands of a row that takes the rest of its line; RAW: with their quotes */
	unsigned nrest;
	bool help;
	/* source */
	const char *core;
	uint64_t pid;
	bool has_pid;
	const char *exe, *sysroot;
	tm_strings debug_dirs;
	bool no_stop, strict;
	const char *in;
	bool verify;
	unsigned road; /* enum tm_road */
	/* filters */
	tm_strings include, exclude, domain, exclude_domain;
	bool all_frames;
	/* query */
	unsigned by;
	bool cumulative;
	uint64_t limit;
	uint64_t frames;
	bool most_recent_first;
	/* output */
	unsigned format;
	bool json;
	bool quiet, full_paths, force, man;
	unsigned color;
	const char *output;
	const char *name;
	unsigned dump_as; /* enum tm_dump */
	const char *for_python;
	uint64_t timeout; /* seconds */
	struct tm_setup setup;
	uint64_t nframe;
	const char *line_peak, *line_traced, *line_grow; /* sizes */
};

/* A snapshot that the session keeps. */
struct tm_held {
	char *name;
	char *where; /* the target stood there; "" */
	struct tm_snapshot *snapshot;
};

/* A line of traced memory that the host watches. */
struct tm_armed {
	char *name;    /* of the snapshot that was taken then, too */
	uint64_t line; /* in bytes */
	bool big;      /* the target's byte order */
};

struct tm_session {
	struct tm_front front;
	struct tm_args defaults; /* what a command line that says nothing means */
	TM_ARRAY(struct tm_held) held;
	uint64_t last_number;	 /* of snapshots without a name */
	TM_ARRAY(struct tm_armed) armed;
	TM_ARRAY(char *) texts;	 /* that the defaults point to */
};

/* Fills in ARGS from the words behind the command's name; RAW: the same words with their quotes, for expressions. */
struct tm_error *tm_args_parse(const struct tm_session *s, const struct tm_command *c, int argc, const char *const *argv,
	const char *const *raw, struct tm_args *args);
/* Stores VALUE (unused for flags) where the row says. */
struct tm_error *tm_option_set(const struct tm_option *o, const char *value, struct tm_args *args);
/* The command by its name, alias or unique prefix; USAGE names the nearest one. */
struct tm_error *tm_command_find(const char *name, const struct tm_command **ret);

/* A line's words, without the quotes and with them. */
struct tm_words {
	TM_ARRAY(const char *) items;
	TM_ARRAY(const char *) raw;
	char *text;   /* what they point into */
	size_t start; /* where in the line the last word begins, or would */
	bool open;    /* the line ends inside the last word: nothing separates it from what might follow */
	char quote;   /* the line ends inside these quotes; 0 */
};
struct tm_error *tm_words_split(const char *line, struct tm_words *w);
void tm_words_free(struct tm_words *w);

/* BEFORE and each file's name that goes on as BEGIN does, which may begin with ~/. False: out of memory. */
bool tm_complete_files(const char *before, const char *begin, struct tm_completion *to);

/* ---- the session's snapshots ---- */

/* Keeps a reference to SNAPSHOT as NAME (NULL: the next number). An existing NAME is replaced with FORCE only. */
struct tm_error *tm_session_hold(struct tm_session *s, const char *name, bool force, const char *where, struct tm_snapshot *snapshot);
const struct tm_held *tm_session_held(const struct tm_session *s, const char *name); /* NULL: no such name */
struct tm_error *tm_session_drop(struct tm_session *s, const char *name);
/* Is NAME one that may be given? */
struct tm_error *tm_session_name(const struct tm_session *s, const char *name, bool force);

/* ---- sources ---- */

/* A snapshot of the command's SOURCE operand or -c/-p, or the front end's target. TRACES: with the single blocks. */
struct tm_error *tm_source_snapshot(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret);
/* The same, and the target that it was read from, if it is not a file: closed by the caller. */
struct tm_error *tm_source_open(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret, struct tm_target **target);
/* Replaces *SNAPSHOT by what the filters of the command line let pass. */
struct tm_error *tm_args_filter(struct tm_session *s, const struct tm_args *args, bool traces, struct tm_snapshot **snapshot);
/* NOTTRACING, with advice, unless the snapshot is of a process that traces. */
struct tm_error *tm_source_tracing(const struct tm_snapshot *s);
/* For --strict: INCOMPLETE when something is missing. */
struct tm_error *tm_source_strict(const struct tm_args *args, const struct tm_snapshot *s);

/* A new snapshot goes where --name and -o say: into the session, to a file. Checked first: is there something in the way? */
struct tm_error *tm_args_check_output(const struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_args_write(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap); /* to -o FILE */
struct tm_error *tm_args_deliver(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap);
/* One line about what was done; frees T. */
struct tm_error *tm_session_say(struct tm_session *s, const struct tm_snapshot *snap, struct tm_text *t);
/* Renders to -o FILE or the front end, as the arguments say. */
struct tm_error *tm_args_render(struct tm_session *s, const struct tm_args *args, const struct tm_report *r);
/* "Python 3.11.7, process 1234" for headings. */
void tm_text_origin(struct tm_text *t, const struct tm_snapshot *s);
const char *tm_plural(uint64_t n, const char *one, const char *many);

struct tm_error *tm_run_status(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_statistics(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_traces(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_traceback(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_break(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_compare(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_control(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_config(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_drop(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_dump(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_load(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_record(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_run(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_shell(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_list(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_snapshot(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_help(struct tm_session *s, const struct tm_args *args);
struct tm_error *tm_run_version(struct tm_session *s, const struct tm_args *args);
#endif
