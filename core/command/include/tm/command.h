/*
 * What a user can ask: one row per command, one row per option, shared by the shell and the debuggers. A command line goes
 * in, text comes out through a sink, an error comes back as a value.
 */
#ifndef TM_COMMAND_H
#define TM_COMMAND_H
#include "tm/array.h"
#include "tm/control.h"
#include "tm/poll.h"
#include "tm/render.h"
#include "tm/sink.h"
#include "tm/snapshot.h"
#include "tm/target.h"

#define TM_VERSION "0.1.0"

/* How a debugger's target is read. */
enum tm_road {
	TM_ROAD_AUTO,	  /* by the core itself where that gives the same bytes, else through the debugger */
	TM_ROAD_DIRECT,	  /* by the core itself, or not at all */
	TM_ROAD_DEBUGGER, /* through the debugger */
};

/* The options of the commands that put a debugger's plugin in place. */
struct tm_setup {
	bool write;	       /* into the debugger's init file, instead of showing what belongs there */
	const char *auto_load; /* load it with this Python; NULL: always */
	const char *dir;       /* with auto_load, the folder; NULL: the debugger's own */
};

/* A program to start with tracing on. */
struct tm_launch {
	uint64_t nframe;
	const char *program; /* NULL: the present one */
	unsigned n;
	const char *const *args; /* the words behind it, ends with NULL */
	const char *line;	 /* the same as one line, in the user's own quotes */
	bool python; /* the program is a Python, perhaps one that was told to ignore the environment: '-X tracemalloc' goes in front of args */
};

/* What the front end lends for the session's life. */
struct tm_front {
	struct tm_sink out;
	struct tm_poll poll;
	bool terminal;	 /* OUT is a screen that shows colours when asked to */
	unsigned width;	 /* its columns; 0: unknown */
	bool lasting;	 /* the session outlives the command: snapshots can be kept in it */
	/* The debugger's present target, for commands without a SOURCE; optional. */
	struct tm_error *(*target)(void *ctx, const struct tm_search *search, enum tm_road road, struct tm_target **ret);
	/* A debugger's expression → an address; optional: without it only numbers are understood. */
	struct tm_error *(*evaluate)(void *ctx, const char *expression, uint64_t *ret);
	/* Runs the row NAME that is the shell's own, such as one that starts a debugger; optional. */
	struct tm_error *(*shell)(void *ctx, const char *name, unsigned n, const char *const *operands, const struct tm_setup *setup);
	/* How the debugger lets its target run, for the commands that change it; NULL: it cannot. */
	const struct tm_hands *hands;
	/*
	 * Carries out the row NAME on process PID by a debugger that it starts; optional. What that one says comes out as if it
	 * were said here.
	 */
	struct tm_error *(*control)(void *ctx, int pid, const char *name, const char *const *operands, unsigned n, uint64_t timeout);
	/* Starts the program with PYTHONTRACEMALLOC set, when the command has ended: what then happens may be commands, too. Optional. */
	struct tm_error *(*launch)(void *ctx, const struct tm_launch *l);
	/* A debugger's present program, for tm_launch without one: its path, or nothing; optional. */
	void (*program)(void *ctx, struct tm_text *t);
	/*
	 * Asks tm_session_crossed(NAME) whenever the LENGTH bytes at ADDRESS of the target were written, until the answer is yes: then
	 * the target stops, and 'tm compare NAME' is run. Its user may take it away at any time. Optional.
	 */
	struct tm_error *(*watch)(void *ctx, const char *name, uint64_t address, unsigned length);
	/* What the host calls it ("watchpoint 2"); nothing: it is not there any more. */
	void (*watched)(void *ctx, const char *name, struct tm_text *t);
	/* From now on 'tm snapshot' is run whenever the target comes to LOCATION, in the host's words, until its user takes that away. Optional. */
	struct tm_error *(*record)(void *ctx, const char *location);
	/* Where the target stands, in a few words, for the list of snapshots; optional. */
	struct tm_error *(*where)(void *ctx, struct tm_text *t);
	void *ctx;
};

struct tm_option;
/* Two sessions in one process do not meet. Borrows nothing but FRONT's ctx. */
struct tm_session;
struct tm_error *tm_session_open(const struct tm_front *front, struct tm_session **ret);
void tm_session_close(struct tm_session *s); /* NULL is fine */
/* The screen may change from command to command. */
void tm_session_screen(struct tm_session *s, bool terminal, unsigned width);
/* Runs one command: ARGV[0] is its name (or a unique prefix or alias). */
struct tm_error *tm_session_run(struct tm_session *s, int argc, const char *const *argv);
/*
 * The same for one line of text, in which blanks separate words, quotes and backslashes keep them together, and an
 * expression is taken as it stands.
 */
struct tm_error *tm_session_run_line(struct tm_session *s, const char *line);

/* What the row's option is when a command line does not give it: a bool, uint64_t, unsigned (choice) or const char *. */
const void *tm_session_default(const struct tm_session *s, const struct tm_option *o);

/*
 * What may stand at the end of a line. Folders end with "/"; of a single one what is in it is there, too, so that no host takes its
 * name for the whole word.
 */
struct tm_completion {
	TM_ARRAY(char *) words; /* whole, sorted */
	size_t start;		/* where in the line the word begins that they complete */
	bool expression;	/* an expression of the host's language may stand there, too */
};
/* For a line as it is typed: WORDS begin as it ends, and have the backslashes that they need there. */
struct tm_error *tm_session_complete(struct tm_session *s, const char *line, struct tm_completion *ret);
/* For N words that somebody has split: the last of them is completed. */
struct tm_error *tm_session_complete_word(struct tm_session *s, const char *const *words, size_t n, struct tm_completion *ret);
void tm_completion_free(struct tm_completion *c);

/* Does the target's word at P, LEN bytes, say that the line of 'tm break' NAME is reached? */
bool tm_session_crossed(const struct tm_session *s, const char *name, const void *p, size_t len);

/* A snapshot that the session keeps, by name; NULL: none. A reference is the caller's. */
struct tm_snapshot *tm_session_snapshot(struct tm_session *s, const char *name);

/*
 * Whatever the file's content says it is, compressed or not: *SNAPSHOT of a snapshot file, tm's or tracemalloc's, or *TARGET of a
 * core; the other one is left as it was. UNSUPPORTED when it is neither.
 */
struct tm_error *tm_open_file(const char *path, const struct tm_search *search, const struct tm_poll *poll, struct tm_snapshot **snapshot,
	struct tm_target **target);

/* What a word of the command line is: for completion. */
enum tm_word {
	TM_WORD_NONE,
	TM_WORD_SOURCE,	    /* a snapshot of the session, a file, a PID */
	TM_WORD_SNAPSHOT,   /* a snapshot of the session */
	TM_WORD_FILE,
	TM_WORD_EXPRESSION, /* of the host's language: the rest of the line, taken as it stands */
	TM_WORD_COMMAND,
	TM_WORD_SETTING,    /* a name and a value of "config" */
};

enum tm_option_type { TM_OPTION_FLAG, TM_OPTION_NUMBER, TM_OPTION_STRING, TM_OPTION_STRINGS, TM_OPTION_CHOICE };

struct tm_option {
	const char *name;    /* without the dashes */
	char letter;	     /* 0: none */
	enum tm_option_type type;
	const char *value;   /* its name in the help */
	const char *const *choices; /* for TM_OPTION_CHOICE, ends with NULL; the value stored is the index */
	const char *help;
	size_t at;	     /* in struct tm_args */
	unsigned groups;     /* the commands that have it: enum tm_option_group */
	enum tm_word word;   /* what its value is */
	bool setting;	     /* "config" sets its default */
};
extern const struct tm_option tm_options[]; /* ends with a NULL name */

struct tm_args;
struct tm_command {
	const char *name, *alias;
	const char *operands; /* "[SOURCE]" */
	const char *summary;  /* one line */
	const char *help;     /* the rest */
	const char *example;
	unsigned groups;      /* enum tm_option_group */
	enum tm_word word;    /* what its operands are */
	unsigned most_operands;
	bool rest;	      /* behind the first operand nothing is an option of ours: it is another program's */
	bool shell;	      /* of the shell only: its front end runs it */
	struct tm_error *(*run)(struct tm_session *s, const struct tm_args *args);
};
/* Appends what 'tm help COMMAND' shows. */
struct tm_error *tm_command_help(struct tm_text *t, const struct tm_command *c);
extern const struct tm_command tm_commands[]; /* by name; ends with a NULL name */
#endif
