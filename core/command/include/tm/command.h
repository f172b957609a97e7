/*
 * What a user can ask: one row per command, one row per option, shared by the shell and the debuggers. A command line goes
 * in, text comes out through a sink, an error comes back as a value.
 */
#ifndef TM_COMMAND_H
#define TM_COMMAND_H
#include "tm/poll.h"
#include "tm/render.h"
#include "tm/sink.h"
#include "tm/snapshot.h"
#include "tm/target.h"

#define TM_VERSION "0.1.0"

/* What the front end lends for the session's life. */
struct tm_front {
	struct tm_sink out;
	struct tm_poll poll;
	bool terminal;	 /* OUT is a screen that shows colours when asked to */
	unsigned width;	 /* its columns; 0: unknown */
	/* The debugger's present target, for commands without a SOURCE; optional. */
	struct tm_error *(*target)(void *ctx, const struct tm_search *search, struct tm_target **ret);
	/* A debugger's expression → an address; optional: without it only numbers are understood. */
	struct tm_error *(*evaluate)(void *ctx, const char *expression, uint64_t *ret);
	void *ctx;
};

/* Two sessions in one process do not meet. Borrows nothing but FRONT's ctx. */
struct tm_session;
struct tm_error *tm_session_open(const struct tm_front *front, struct tm_session **ret);
void tm_session_close(struct tm_session *s);
/* Runs one command: ARGV[0] is its name (or a unique prefix or alias). */
struct tm_error *tm_session_run(struct tm_session *s, int argc, const char *const *argv);

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
	unsigned most_operands;
	struct tm_error *(*run)(struct tm_session *s, const struct tm_args *args);
};
extern const struct tm_command tm_commands[]; /* by name; ends with a NULL name */
#endif
