/* A session: what outlives one command. */
#include "args.h"
#include "tm/store.h"
#include <stdlib.h>
#include <string.h>

struct tm_error *tm_session_open(const struct tm_front *front, struct tm_session **ret)
{
	struct tm_session *s = calloc(1, sizeof *s);
	if (!s)
		return tm_error_nomem();
	s->front = *front;
	s->defaults.limit = 10;
	s->defaults.timeout = 10;
	s->defaults.nframe = 1;
	const char *format = getenv("TM_FORMAT");
	static const char *const names[] = { "text", "table", "json", "csv" };
	bool known = !format || !*format;
	for (unsigned i = 0; format && i < 4; i++)
		if (strcmp(format, names[i]) == 0) {
			s->defaults.format = i;
			known = true;
		}
	if (!known) {
		free(s);
		return tm_error_new(TM_ERR_USAGE, "TM_FORMAT is text, table, json or csv, not '%s'", format);
	}
	*ret = s;
	return NULL;
}

void tm_session_close(struct tm_session *s)
{
	if (!s)
		return;
	while (s->held.n)
		tm_error_free(tm_session_drop(s, s->held.items[s->held.n - 1].name));
	tm_array_free(&s->held);
	for (size_t i = 0; i < s->armed.n; i++)
		free(s->armed.items[i].name);
	tm_array_free(&s->armed);
	for (size_t i = 0; i < s->texts.n; i++)
		free(s->texts.items[i]);
	tm_array_free(&s->texts);
	free(s);
}

void tm_session_screen(struct tm_session *s, bool terminal, unsigned width)
{
	s->front.terminal = terminal;
	s->front.width = width;
}

static struct tm_error *run(struct tm_session *s, int argc, const char *const *argv, const char *const *raw)
{
	const struct tm_command *c;
	struct tm_args args;
	struct tm_error *err = tm_command_find(argc ? argv[0] : "help", &c);
	if (!err)
		err = tm_args_parse(s, c, argc ? argc - 1 : 0, argv + 1, raw + 1, &args);
	if (err)
		return err;
	if (args.help && c->run != tm_run_help) {
		args.operands[0] = c->name;
		args.noperands = 1;
		return tm_run_help(s, &args);
	}
	return c->run(s, &args);
}

struct tm_error *tm_session_run(struct tm_session *s, int argc, const char *const *argv)
{
	return run(s, argc, argv, argv);
}

struct tm_error *tm_session_run_line(struct tm_session *s, const char *line)
{
	struct tm_words w = { 0 };
	struct tm_error *err = tm_words_split(line, &w);
	const struct tm_command *c;
	if (!err && w.quote && !(w.items.n && !tm_command_find(w.items.items[0], &c) && c->word == TM_WORD_EXPRESSION))
		err = tm_error_new(TM_ERR_USAGE, "a quote %c is not closed", w.quote);
	if (!err)
		err = run(s, (int)w.items.n, w.items.items, w.raw.items);
	tm_words_free(&w);
	return err;
}

struct tm_error *tm_run_shell(struct tm_session *s, const struct tm_args *args)
{
	if (!s->front.shell)
		return tm_error_new(TM_ERR_USAGE, "'tm %s' is a command of the shell", args->command->name);
	return s->front.shell(s->front.ctx, args->command->name, args->noperands, args->operands, &args->setup);
}

struct file_sink {
	struct tm_file *file;
	struct tm_error *err;
};

static void write_file(void *ctx, const char *text, size_t len)
{
	struct file_sink *f = ctx;
	if (!f->err)
		f->err = tm_file_write(f->file, text, len);
}

struct tm_error *tm_args_render(struct tm_session *s, const struct tm_args *args, const struct tm_report *r)
{
	const char *no_color = getenv("NO_COLOR");
	struct tm_render_options o = { .format = args->format, .quiet = args->quiet, .full_paths = args->full_paths,
		.width = s->front.width };
	o.color = args->color == TM_COLOR_ALWAYS ||
		(args->color == TM_COLOR_AUTO && s->front.terminal && !args->output && !(no_color && *no_color));
	if (!args->output)
		return tm_render(r, &o, &s->front.out, &s->front.poll);
	struct file_sink f = { 0 };
	struct tm_error *err = tm_file_create(args->output, args->force, &f.file);
	if (err)
		return err;
	err = tm_render(r, &o, &(struct tm_sink) { write_file, &f }, &s->front.poll);
	if (!err)
		err = f.err;
	else
		tm_error_free(f.err);
	if (err)
		tm_file_abort(f.file);
	else
		err = tm_file_commit(f.file);
	return err;
}
