/* tm run: a program that traces from its first line on. */
#include "args.h"
#include <string.h>

enum { MOST_NFRAME = 65535 }; /* MAX_NFRAME of _tracemalloc.c since 3.9, where total_nframe has 16 bits */

/* "python3.11", "python3.13d", "python3-dbg"; not "python3-config", which is a script. */
static bool is_python(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	if (strncmp(name, "python", 6) != 0)
		return false;
	name += 6;
	name += strspn(name, "0123456789.");
	name += strspn(name, "abcdefghijklmnopqrstuvwxyz");
	return !*name || strcmp(name, "-dbg") == 0;
}

/* A word as the user quoted it; one that came without its line gets quotes of ours. */
static void put_word(struct tm_text *t, const char *word, const char *raw)
{
	tm_text_puts(t, t->len ? " " : "");
	if (raw != word || (*word && !word[strcspn(word, " \t\n\r\"'\\\\$`*?[]<>|&;(){}~#!")])) {
		tm_text_puts(t, raw);
		return;
	}
	tm_text_puts(t, "'");
	for (; *word; word++)
		tm_text_printf(t, *word == '\'' ? "'\"'\"'" : "%c", *word);
	tm_text_puts(t, "'");
}

struct tm_error *tm_run_run(struct tm_session *s, const struct tm_args *args)
{
	struct tm_text line = { 0 }, present = { 0 };
	struct tm_launch l = { .nframe = args->nframe };
	if (args->nframe < 1 || args->nframe > MOST_NFRAME)
		return tm_error_new(TM_ERR_USAGE, "--nframe is 1 to %d, not %llu", MOST_NFRAME, (unsigned long long)args->nframe);
	if (!s->front.launch)
		return tm_error_new(TM_ERR_UNSUPPORTED, "nothing can be started here");
	if (!args->nrest && s->front.program)
		s->front.program(s->front.ctx, &present);
	if (!args->nrest && !present.len)
		return tm_error_new(TM_ERR_USAGE, "which program? usage: tm run PROGRAM [ARG...]");
	if (args->nrest) {
		l.program = args->rest[0];
		l.args = args->rest + 1;
		l.n = args->nrest - 1;
	}
	for (unsigned i = 0; i < l.n; i++)
		put_word(&line, l.args[i], args->raw_rest[i + 1]);
	l.python = is_python(l.program ? l.program : tm_text_str(&present));
	l.line = tm_text_str(&line);
	struct tm_error *err = tm_text_error(&line);
	if (!err)
		err = tm_text_error(&present);
	if (!err)
		err = s->front.launch(s->front.ctx, &l);
	tm_text_free(&line);
	tm_text_free(&present);
	return err;
}
