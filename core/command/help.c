/* tm help, tm version: written from the tables of commands and options. */
#include "args.h"
#include "tm/store.h"
#include <elfutils/version.h>
#include <string.h>

static struct tm_error *put(struct tm_session *s, struct tm_text *t)
{
	struct tm_error *err = tm_text_error(t);
	if (!err)
		s->front.out.write(s->front.out.ctx, tm_text_str(t), t->len);
	tm_text_free(t);
	return err;
}

static void put_option(struct tm_text *t, const struct tm_option *o)
{
	struct tm_text left = { 0 };
	if (o->letter)
		tm_text_printf(&left, "  -%c, ", o->letter);
	else
		tm_text_puts(&left, "      ");
	tm_text_printf(&left, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
	tm_text_printf(t, "%-28s  %s\n", tm_text_str(&left), o->help);
	t->failed |= left.failed;
	tm_text_free(&left);
}

struct tm_error *tm_command_help(struct tm_text *t, const struct tm_command *c)
{
	tm_text_printf(t, "%s\n\nUsage: tm %s%s%s%s%s\n", c->summary, c->name, c->rest ? " [OPTION]..." : "", *c->operands ? " " : "",
		c->operands, c->rest ? "" : " [OPTION]...");
	if (c->alias)
		tm_text_printf(t, "Alias: %s\n", c->alias);
	if (c->help)
		tm_text_printf(t, "\n%s\n", c->help);
	tm_text_puts(t, "\nOptions:\n");
	for (const struct tm_option *o = tm_options; o->name; o++)
		if (o->groups & c->groups)
			put_option(t, o);
	tm_text_printf(t, "\nExample:\n  %s\n", c->example);
	return tm_text_error(t);
}

static const char intro[] = "tm reads the tables of Python's tracemalloc from outside: from a stopped or running process or an ELF core file.\n";
static const char statuses[] =
	"Exit status: 0 done; 1 failed, or not a readable core, snapshot or process; 2 the command line makes no sense;\n"
	"3 readable, but no Python in it or tracemalloc is not tracing; 4 incomplete (with --strict only).\n";

static void overview(struct tm_text *t)
{
	tm_text_puts(t, intro);
	tm_text_puts(t, "\nUsage: tm COMMAND [SOURCE] [OPTION]...\n\nCommands:\n");
	for (const struct tm_command *c = tm_commands; c->name; c++)
		tm_text_printf(t, "  %-13s%s\n", c->name, c->summary);
	tm_text_puts(t, "\nSOURCE is an ELF core file, a PID or a snapshot file. 'tm help COMMAND' tells more.\n"
			"To have something to look at, start Python with PYTHONTRACEMALLOC=1 or -X tracemalloc.\n\n");
	tm_text_puts(t, statuses);
}

/* ---- the manual page ---- */

static void roff(struct tm_text *t, const char *s)
{
	for (bool start = true; *s; start = *s++ == '\n') {
		if (start && (*s == '.' || *s == '\''))
			tm_text_puts(t, "\\&");
		if (*s == '-' || *s == '\\')
			tm_text_puts(t, *s == '-' ? "\\-" : "\\e");
		else
			tm_text_putc(t, *s);
	}
}

static void roff_option(struct tm_text *t, const struct tm_option *o)
{
	tm_text_puts(t, ".TP\n.B ");
	if (o->letter)
		tm_text_printf(t, "\\-%c\\fR, \\fB", o->letter);
	tm_text_puts(t, "\\-\\-");
	roff(t, o->name);
	if (o->value)
		tm_text_printf(t, " \\fI%s", o->value);
	tm_text_puts(t, "\n");
	roff(t, o->help);
	tm_text_puts(t, "\n");
}

static void man(struct tm_text *t)
{
	tm_text_printf(t, ".TH TM 1 \"\" \"tm %s\" \"User Commands\"\n.SH NAME\ntm \\- tracemalloc for stopped and crashed Python processes\n", TM_VERSION);
	tm_text_puts(t, ".SH SYNOPSIS\n.B tm\n.I COMMAND\n[\\fISOURCE\\fR] [\\fIOPTION\\fR]...\n.SH DESCRIPTION\n");
	roff(t, intro);
	tm_text_puts(t, "Counts and sizes equal what tracemalloc in that process would say, to the byte, or the output says what is\n"
			"missing, torn or damaged. Nothing runs in the target but what start, stop, clear\\-traces and reset\\-peak are asked to.\n.SH COMMANDS\n");
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		tm_text_puts(t, ".TP\n\\fBtm ");
		roff(t, c->name);
		tm_text_puts(t, "\\fR ");
		roff(t, c->operands);
		tm_text_puts(t, "\n");
		roff(t, c->summary);
		tm_text_puts(t, "\n");
		if (c->help)
			roff(t, c->help);
		tm_text_puts(t, "\nOptions:");
		for (const struct tm_option *o = tm_options; o->name; o++)
			if (o->groups & c->groups) {
				tm_text_puts(t, " \\-\\-");
				roff(t, o->name);
			}
		tm_text_puts(t, "\n");
	}
	tm_text_puts(t, ".SH OPTIONS\n");
	for (const struct tm_option *o = tm_options; o->name; o++)
		roff_option(t, o);
	tm_text_puts(t, ".SH EXIT STATUS\n");
	roff(t, statuses);
	tm_text_puts(t, ".SH ENVIRONMENT\n.TP\n.B TM_FORMAT\nthe format when \\-\\-format is not given\n"
			".TP\n.B NO_COLOR\nwhen set and not empty, \\-\\-color auto means never\n"
			".TP\n.BR TM_GDB ,\\ TM_LLDB\nthe debuggers that are started, when not gdb and lldb\n.SH EXAMPLES\n.nf\n");
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		roff(t, c->example);
		tm_text_puts(t, "\n");
	}
	tm_text_puts(t, ".fi\n.SH SEE ALSO\n.BR python3 (1),\n.BR gdb (1),\n.BR lldb (1),\n.BR gcore (1),\n.BR core (5),\n.BR coredumpctl (1)\n");
}

struct tm_error *tm_run_help(struct tm_session *s, const struct tm_args *args)
{
	struct tm_text t = { 0 };
	const struct tm_command *c = NULL;
	struct tm_error *err = args->noperands ? tm_command_find(args->operands[0], &c) : NULL;
	if (err)
		return err;
	if (args->man)
		man(&t);
	else if (c)
		tm_error_free(tm_command_help(&t, c)); /* put() tells of it */
	else
		overview(&t);
	return put(s, &t);
}

struct tm_error *tm_run_version(struct tm_session *s, const struct tm_args *args)
{
	struct tm_text t = { 0 };
	tm_text_printf(&t, "tm %s (elfutils 0.%d, ", TM_VERSION, _ELFUTILS_VERSION);
	tm_store_versions(&t);
	tm_text_puts(&t, ")\n");
	return put(s, &t);
}
