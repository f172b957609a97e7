/* tm config: the session's defaults are those options' values that a command line did not give. */
#include "args.h"
#include <string.h>

static const struct tm_option *setting_at(uint64_t row)
{
	for (const struct tm_option *o = tm_options; o->name; o++)
		if (o->setting && !row--)
			return o;
	return NULL;
}

static struct tm_error *find_setting(const char *name, uint64_t *ret)
{
	struct tm_text all = { 0 };
	for (uint64_t i = 0; setting_at(i); i++) {
		if (strcmp(setting_at(i)->name, name) == 0) {
			*ret = i;
			tm_text_free(&all);
			return NULL;
		}
		tm_text_printf(&all, "%s%s", i ? ", " : "", setting_at(i)->name);
	}
	struct tm_error *err = tm_error_new(TM_ERR_USAGE, "no setting '%s'; there are %s", name, tm_text_str(&all));
	tm_text_free(&all);
	return err;
}

const void *tm_session_default(const struct tm_session *s, const struct tm_option *o)
{
	return (const char *)&s->defaults + o->at;
}

struct shown {
	const struct tm_session *session;
	uint64_t first;
};

static const struct tm_option *option_of(const struct tm_report *r, uint64_t row)
{
	return setting_at(((const struct shown *)r->data)->first + row);
}

static void get_name(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const char *name = option_of(r, row)->name;
	*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = name, .len = strlen(name) };
}

static void get_value(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const struct tm_option *o = option_of(r, row);
	const void *at = tm_session_default(((const struct shown *)r->data)->session, o);
	const char *text = o->type == TM_OPTION_CHOICE ? o->choices[*(const unsigned *)at]
		: o->type == TM_OPTION_STRING	       ? *(const char *const *)at
						       : NULL;
	if (o->type == TM_OPTION_FLAG)
		*c = (struct tm_cell) { .kind = TM_CELL_BOOL, .number = *(const bool *)at };
	else if (o->type == TM_OPTION_NUMBER)
		*c = (struct tm_cell) { .kind = TM_CELL_COUNT, .number = *(const uint64_t *)at };
	else if (text)
		*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = text, .len = strlen(text) };
}

static void get_help(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	const char *help = option_of(r, row)->help;
	*c = (struct tm_cell) { .kind = TM_CELL_TEXT, .text = help, .len = strlen(help) };
}

static const struct tm_column columns[] = {
	{ "name", "Setting", true, get_name },
	{ "value", "Value", true, get_value },
	{ "help", "Meaning", false, get_help },
};

static struct tm_error *set_flag(const struct tm_option *o, const char *value, bool *at)
{
	static const char *const words[] = { "off", "on", "no", "yes", "false", "true", "0", "1" };
	for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], value) == 0) {
			*at = i % 2;
			return NULL;
		}
	return tm_error_new(TM_ERR_USAGE, "%s is on or off, not '%s'", o->name, value);
}

static struct tm_error *set(struct tm_session *s, const struct tm_option *o, const char *value)
{
	if (!s->front.lasting)
		return tm_error_new(TM_ERR_USAGE, "the shell keeps no settings; give --%s, or set TM_FORMAT for the format", o->name);
	if (o->type == TM_OPTION_FLAG)
		return set_flag(o, value, (bool *)((char *)&s->defaults + o->at));
	if (o->type == TM_OPTION_STRING && !*value) {
		*(const char **)((char *)&s->defaults + o->at) = NULL;
		return NULL;
	}
	char *copy = o->type == TM_OPTION_STRING ? strdup(value) : NULL;
	if (o->type == TM_OPTION_STRING && (!copy || !tm_array_push(&s->texts, copy))) {
		free(copy);
		return tm_error_nomem();
	}
	return tm_option_set(o, copy ? copy : value, &s->defaults);
}

struct tm_error *tm_run_config(struct tm_session *s, const struct tm_args *args)
{
	struct shown shown = { s, 0 };
	struct tm_report r = { .schema = "tm.config/1", .columns = columns, .ncolumns = sizeof columns / sizeof *columns, .data = &shown };
	struct tm_error *err = args->noperands ? find_setting(args->operands[0], &shown.first) : NULL;
	if (!err && args->noperands > 1)
		return set(s, setting_at(shown.first), args->operands[1]);
	while (setting_at(r.nrows))
		r.nrows++;
	if (args->noperands)
		r.nrows = 1;
	return err ? err : tm_args_render(s, args, &r);
}
