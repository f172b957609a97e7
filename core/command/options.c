/* The table of options, and the parser that reads it. */
#include "args.h"
#include "tm/number.h"
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *const by_choices[] = { "lineno", "filename", "traceback", NULL };
static const char *const format_choices[] = { "text", "table", "json", "csv", NULL };
static const char *const color_choices[] = { "auto", "always", "never", NULL };
static const char *const as_choices[] = { "pickle", "tm", NULL };
static const char *const read_choices[] = { "auto", "direct", "debugger", NULL };

#define AT(member) offsetof(struct tm_args, member)
const struct tm_option tm_options[] = {
	{ "by", 0, TM_OPTION_CHOICE, "KEY", by_choices, "group by lineno (the default), filename or traceback", AT(by), TM_GROUP_BY,
		TM_WORD_NONE, true },
	{ "cumulative", 0, TM_OPTION_FLAG, NULL, NULL, "count a block for every frame of its traceback, not just the newest",
		AT(cumulative), TM_GROUP_BY, TM_WORD_NONE, false },
	{ "limit", 'n', TM_OPTION_NUMBER, "N", NULL, "rows to show; 0: all (default 10)", AT(limit), TM_GROUP_ROWS, TM_WORD_NONE, true },
	{ "frames", 0, TM_OPTION_NUMBER, "N", NULL, "show the newest N frames only; 0: all (the default)", AT(frames), TM_GROUP_FRAMES,
		TM_WORD_NONE, true },
	{ "most-recent-first", 0, TM_OPTION_FLAG, NULL, NULL, "newest frame first", AT(most_recent_first), TM_GROUP_FRAMES,
		TM_WORD_NONE, true },
	{ "include", 0, TM_OPTION_STRINGS, "PAT[:LINE]", NULL,
		"only blocks whose newest frame's file fits this pattern; repeatable: any of them", AT(include),
		TM_GROUP_FILTER, TM_WORD_NONE, false },
	{ "exclude", 0, TM_OPTION_STRINGS, "PAT[:LINE]", NULL, "no blocks that fit this one; repeatable", AT(exclude), TM_GROUP_FILTER,
		TM_WORD_NONE, false },
	{ "all-frames", 0, TM_OPTION_FLAG, NULL, NULL, "patterns look at every frame, not just the newest", AT(all_frames),
		TM_GROUP_FILTER, TM_WORD_NONE, false },
	{ "domain", 0, TM_OPTION_STRINGS, "N", NULL, "only blocks of this domain (0: Python's own; 389047: numpy's); repeatable",
		AT(domain), TM_GROUP_FILTER, TM_WORD_NONE, false },
	{ "exclude-domain", 0, TM_OPTION_STRINGS, "N", NULL, "no blocks of this domain; repeatable", AT(exclude_domain), TM_GROUP_FILTER,
		TM_WORD_NONE, false },
	{ "in", 0, TM_OPTION_STRING, "SOURCE", NULL, "look in this core, process or snapshot", AT(in), TM_GROUP_IN, TM_WORD_SOURCE, false },
	{ "core", 'c', TM_OPTION_STRING, "FILE", NULL, "SOURCE is this core or snapshot file", AT(core), TM_GROUP_SOURCE, TM_WORD_FILE,
		false },
	{ "pid", 'p', TM_OPTION_NUMBER, "N", NULL, "SOURCE is this process", AT(pid), TM_GROUP_SOURCE | TM_GROUP_PROCESS, TM_WORD_NONE, false },
	{ "timeout", 0, TM_OPTION_NUMBER, "SECONDS", NULL, "how long to wait until the process comes to a safe point (default 10)", AT(timeout),
		TM_GROUP_CONTROL, TM_WORD_NONE, true },
	{ "no-stop", 0, TM_OPTION_FLAG, NULL, NULL, "read a process while it runs; the result then is of no single moment", AT(no_stop),
		TM_GROUP_SOURCE, TM_WORD_NONE, false },
	{ "exe", 'e', TM_OPTION_STRING, "FILE", NULL, "the program that the core is of, when it is not where it was", AT(exe),
		TM_GROUP_SOURCE | TM_GROUP_PROCESS, TM_WORD_FILE, true },
	{ "sysroot", 0, TM_OPTION_STRING, "DIR", NULL, "folder that holds the root of the target's file system", AT(sysroot),
		TM_GROUP_SOURCE | TM_GROUP_PROCESS, TM_WORD_FILE, true },
	{ "debug-dir", 0, TM_OPTION_STRINGS, "DIR", NULL, "folder with separate debug files, besides /usr/lib/debug; repeatable",
		AT(debug_dirs), TM_GROUP_SOURCE | TM_GROUP_PROCESS, TM_WORD_FILE, false },
	{ "read", 0, TM_OPTION_CHOICE, "ROAD", read_choices,
		"read a debugger's target through it (debugger), by itself (direct) or as is best (auto)", AT(road),
		TM_GROUP_SOURCE | TM_GROUP_PROCESS, TM_WORD_NONE, true },
	{ "verify", 0, TM_OPTION_FLAG, NULL, NULL, "look for the tables in every way, and read a snapshot file to its end", AT(verify),
		TM_GROUP_VERIFY, TM_WORD_NONE, false },
	{ "strict", 0, TM_OPTION_FLAG, NULL, NULL, "fail (exit status 4) when anything is missing or in doubt", AT(strict),
		TM_GROUP_SOURCE, TM_WORD_NONE, true },
	{ "name", 0, TM_OPTION_STRING, "NAME", NULL, "keep the snapshot in this session under NAME", AT(name), TM_GROUP_NAME,
		TM_WORD_SNAPSHOT, false },
	{ "as", 0, TM_OPTION_CHOICE, "KIND", as_choices, "pickle (the default): tracemalloc's own; or tm: as 'tm snapshot -o' writes it",
		AT(dump_as), TM_GROUP_DUMP, TM_WORD_NONE, false },
	{ "for-python", 0, TM_OPTION_STRING, "VERSION", NULL, "the pickle is for this Python (3.8: the last whose blocks have no depth)", AT(for_python),
		TM_GROUP_DUMP, TM_WORD_NONE, false },
	{ "format", 0, TM_OPTION_CHOICE, "FORMAT", format_choices, "text (the default), table, json or csv", AT(format), TM_GROUP_RENDER,
		TM_WORD_NONE, true },
	{ "json", 'j', TM_OPTION_FLAG, NULL, NULL, "the same as --format json", AT(json), TM_GROUP_RENDER, TM_WORD_NONE, false },
	{ "full-paths", 0, TM_OPTION_FLAG, NULL, NULL, "do not shorten paths in tables", AT(full_paths), TM_GROUP_RENDER, TM_WORD_NONE,
		true },
	{ "color", 0, TM_OPTION_CHOICE, "WHEN", color_choices, "auto (the default; obeys NO_COLOR), always or never", AT(color),
		TM_GROUP_RENDER, TM_WORD_NONE, true },
	{ "quiet", 'q', TM_OPTION_FLAG, NULL, NULL, "no headings; what is missing is still told", AT(quiet), TM_GROUP_RENDER,
		TM_WORD_NONE, true },
	{ "output", 'o', TM_OPTION_STRING, "FILE", NULL, "write to FILE, which appears whole or not at all", AT(output), TM_GROUP_OUTPUT,
		TM_WORD_FILE, false },
	{ "force", 'f', TM_OPTION_FLAG, NULL, NULL, "overwrite an existing FILE or NAME", AT(force), TM_GROUP_OUTPUT | TM_GROUP_NAME,
		TM_WORD_NONE, false },
	{ "write", 0, TM_OPTION_FLAG, NULL, NULL, "put it into the debugger's init file instead of printing it", AT(setup.write),
		TM_GROUP_SETUP, TM_WORD_NONE, false },
	{ "auto-load", 0, TM_OPTION_STRING, "PYTHON", NULL, "load it only with this Python, by a file in the debugger's own folder",
		AT(setup.auto_load), TM_GROUP_AUTO_LOAD, TM_WORD_FILE, false },
	{ "dir", 0, TM_OPTION_STRING, "DIR", NULL, "with --auto-load: the folder", AT(setup.dir), TM_GROUP_AUTO_LOAD, TM_WORD_FILE, false },
	{ "peak", 0, TM_OPTION_STRING, "SIZE", NULL, "stop when the peak reaches SIZE: bytes, or 10M, 2GiB ...", AT(line_peak), TM_GROUP_LINE,
		TM_WORD_NONE, false },
	{ "traced", 0, TM_OPTION_STRING, "SIZE", NULL, "stop when SIZE bytes are traced", AT(line_traced), TM_GROUP_LINE, TM_WORD_NONE, false },
	{ "grow", 0, TM_OPTION_STRING, "SIZE", NULL, "stop when SIZE bytes more are traced than now", AT(line_grow), TM_GROUP_LINE,
		TM_WORD_NONE, false },
	{ "nframe", 0, TM_OPTION_NUMBER, "N", NULL, "keep the newest N frames of each traceback (default 1)", AT(nframe), TM_GROUP_LAUNCH,
		TM_WORD_NONE, false },
	{ "man", 0, TM_OPTION_FLAG, NULL, NULL, "print the manual page (roff)", AT(man), TM_GROUP_HELP, TM_WORD_NONE, false },
	{ "help", 'h', TM_OPTION_FLAG, NULL, NULL, "show this help", AT(help), TM_GROUP_ALL, TM_WORD_NONE, false },
	{ 0 },
};

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Edits to get from A to B, two letters that changed places being one: for "did you mean". */
static unsigned distance(const char *a, const char *b)
{
	unsigned rows[3][64], n = (unsigned)strnlen(b, 64), m = (unsigned)strnlen(a, 201);
	if (n > 62 || m > 200)
		return 99;
	for (unsigned k = 0; k <= n; k++)
		rows[0][k] = k;
	for (unsigned i = 1; i <= m; i++) {
		unsigned *row = rows[i % 3], *last = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
		row[0] = i;
		for (unsigned k = 1; k <= n; k++) {
			row[k] = least(last[k - 1] + (a[i - 1] != b[k - 1]), least(last[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
				row[k] = least(row[k], before[k - 2] + 1);
		}
	}
	return rows[m % 3][n];
}

struct nearest {
	const char *name;
	unsigned distance;
};

static void consider(struct nearest *n, const char *word, const char *name)
{
	unsigned d = distance(word, name);
	if (d < n->distance && d <= strlen(name) / 2) {
		n->name = name;
		n->distance = d;
	}
}

struct tm_error *tm_command_find(const char *name, const struct tm_command **ret)
{
	const struct tm_command *found = NULL;
	struct nearest near = { NULL, 99 };
	bool ambiguous = false;
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		if (strcmp(c->name, name) == 0 || (c->alias && strcmp(c->alias, name) == 0)) {
			*ret = c;
			return NULL;
		}
		if (strncmp(c->name, name, strlen(name)) == 0) {
			ambiguous = found != NULL;
			found = c;
		}
		consider(&near, name, c->name);
	}
	if (found && !ambiguous) {
		*ret = found;
		return NULL;
	}
	if (found) {
		struct tm_text names = { 0 };
		for (const struct tm_command *c = tm_commands; c->name; c++)
			if (strncmp(c->name, name, strlen(name)) == 0)
				tm_text_printf(&names, "%s%s", names.len ? ", " : "", c->name);
		struct tm_error *err = tm_error_new(TM_ERR_USAGE, "'%s' is ambiguous: %s", name, tm_text_str(&names));
		tm_text_free(&names);
		return err;
	}
	for (const struct tm_command *c = tm_commands; c->name && !near.name; c++)
		if (c->alias)
			consider(&near, name, c->alias);
	if (near.name)
		return tm_error_new(TM_ERR_USAGE, "unknown command '%s'; did you mean '%s'?", name, near.name);
	return tm_error_new(TM_ERR_USAGE, "unknown command '%s'; 'tm help' lists them", name);
}

static struct tm_error *find_option(const struct tm_command *c, const char *name, size_t len, const struct tm_option **ret)
{
	const struct tm_option *found = NULL, *elsewhere = NULL;
	struct nearest near = { NULL, 99 };
	bool ambiguous = false;
	char word[64];
	snprintf(word, sizeof word, "%.*s", (int)(len < 63 ? len : 63), name);
	for (const struct tm_option *o = tm_options; o->name; o++) {
		bool exact = strcmp(o->name, word) == 0;
		if (!(o->groups & c->groups)) {
			elsewhere = exact ? o : elsewhere;
			continue;
		}
		if (exact) {
			*ret = o;
			return NULL;
		}
		if (strncmp(o->name, word, strlen(word)) == 0) {
			ambiguous = found != NULL;
			found = o;
		}
		consider(&near, word, o->name);
	}
	if (found && !ambiguous) {
		*ret = found;
		return NULL;
	}
	if (found)
		return tm_error_new(TM_ERR_USAGE, "option '--%s' is ambiguous; 'tm help %s' lists the options", word, c->name);
	if (elsewhere)
		return tm_error_new(TM_ERR_USAGE, "'tm %s' has no option '--%s'; 'tm help %s' lists its options", c->name, word, c->name);
	if (near.name)
		return tm_error_new(TM_ERR_USAGE, "unknown option '--%s'; did you mean '--%s'?", word, near.name);
	return tm_error_new(TM_ERR_USAGE, "unknown option '--%s'; 'tm help %s' lists the options", word, c->name);
}

static struct tm_error *set_choice(const struct tm_option *o, const char *value, unsigned *to)
{
	for (unsigned i = 0; o->choices[i]; i++)
		if (strcmp(o->choices[i], value) == 0) {
			*to = i;
			return NULL;
		}
	struct tm_text all = { 0 };
	for (unsigned i = 0; o->choices[i]; i++)
		tm_text_printf(&all, "%s%s", i ? ", " : "", o->choices[i]);
	struct tm_error *err = tm_error_new(TM_ERR_USAGE, "--%s is one of %s, not '%s'", o->name, tm_text_str(&all), value);
	tm_text_free(&all);
	return err;
}

struct tm_error *tm_option_set(const struct tm_option *o, const char *value, struct tm_args *args)
{
	char *at = (char *)args + o->at;
	if (o->at == AT(pid))
		args->has_pid = true;
	switch (o->type) {
	case TM_OPTION_FLAG:
		*(bool *)at = true;
		return NULL;
	case TM_OPTION_NUMBER:
		return tm_parse_u64(value, (uint64_t *)at) ? NULL : tm_error_new(TM_ERR_USAGE, "--%s takes a number, not '%s'", o->name, value);
	case TM_OPTION_STRING:
		*(const char **)at = value;
		return NULL;
	case TM_OPTION_CHOICE:
		return set_choice(o, value, (unsigned *)at);
	case TM_OPTION_STRINGS:
		for (unsigned i = 0; i < TM_MOST_STRINGS; i++)
			if (!((const char **)at)[i]) {
				((const char **)at)[i] = value;
				return NULL;
			}
		return tm_error_new(TM_ERR_USAGE, "--%s was given too often", o->name);
	}
	return NULL;
}

/* "-n5", "-n 5", "-jq": letters; the last one may take a value. */
static struct tm_error *parse_letters(const struct tm_command *c, const char *word, const char *next, bool *used, struct tm_args *args)
{
	for (const char *p = word + 1; *p; p++) {
		const struct tm_option *o = tm_options;
		while (o->name && !(o->letter == *p && (o->groups & c->groups)))
			o++;
		if (!o->name)
			return tm_error_new(TM_ERR_USAGE, "unknown option '-%c'; 'tm help %s' lists the options", *p, c->name);
		if (o->type == TM_OPTION_FLAG) {
			tm_option_set(o, NULL, args);
			continue;
		}
		*used = !p[1];
		if (*used && !next)
			return tm_error_new(TM_ERR_USAGE, "option '-%c' needs a value: %s", *p, o->value);
		return tm_option_set(o, p[1] ? p + 1 : next, args);
	}
	return NULL;
}

static struct tm_error *parse_long(const struct tm_command *c, const char *word, const char *next, bool *used, struct tm_args *args)
{
	const struct tm_option *o = NULL;
	const char *name = word + 2, *value = strchr(name, '=');
	struct tm_error *err = find_option(c, name, value ? (size_t)(value - name) : strlen(name), &o);
	if (err)
		return err;
	if (o->type == TM_OPTION_FLAG)
		return value ? tm_error_new(TM_ERR_USAGE, "option '--%s' takes no value", o->name) : tm_option_set(o, NULL, args);
	*used = !value;
	value = value ? value + 1 : next;
	return value ? tm_option_set(o, value, args) : tm_error_new(TM_ERR_USAGE, "option '--%s' needs a value: %s", o->name, o->value);
}

struct tm_error *tm_args_parse(const struct tm_session *s, const struct tm_command *c, int argc, const char *const *argv,
	const char *const *raw, struct tm_args *args)
{
	*args = s->defaults;
	args->command = c;
	const char *excess = NULL;
	bool options = true;
	for (int i = 0; i < argc; i++) {
		const char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
		bool used = false;
		struct tm_error *err = NULL;
		if (options && strcmp(word, "--") == 0)
			options = false;
		else if (options && word[0] == '-' && word[1] == '-')
			err = parse_long(c, word, next, &used, args);
		else if (options && word[0] == '-' && word[1] && !(word[1] >= '0' && word[1] <= '9'))
			err = parse_letters(c, word, next, &used, args);
		else if (c->rest) {
			args->rest = argv + i;
			args->raw_rest = raw + i;
			args->nrest = (unsigned)(argc - i);
			break;
		} else if (args->noperands >= c->most_operands)
			excess = excess ? excess : word;
		else
			args->operands[args->noperands++] = c->word == TM_WORD_EXPRESSION ? raw[i] : word;
		if (err)
			return err;
		i += used;
	}
	if (excess && !args->help)
		return tm_error_new(TM_ERR_USAGE, "'%s' is one word too many; usage: tm %s%s%s%s", excess, c->name, *c->operands ? " " : "", c->operands,
			c->groups & TM_GROUP_CONTROL && !s->front.target ? " -p PID" : "");
	if (args->json)
		args->format = TM_FORMAT_JSON;
	return NULL;
}
