/* What may stand at the end of a line, from the same rows that parse it. */
#include "args.h"
#include <stdio.h>
#include <string.h>

struct prefix {
	const char *text;
	size_t len;
	struct tm_completion *to;
	bool failed;
};

/* FMT makes the word; it is kept when it begins as the line ends. */
static void offer(struct prefix *p, const char *before, const char *word)
{
	struct tm_text t = { 0 };
	tm_text_printf(&t, "%s%s", before, word);
	if (!t.failed && strncmp(tm_text_str(&t), p->text, p->len) != 0) {
		tm_text_free(&t);
		return;
	}
	if (t.failed || !tm_array_push(&p->to->words, t.s)) {
		p->failed = true;
		tm_text_free(&t);
	}
}

/* BEFORE is ours, what follows it begins a file's name. */
static void offer_files(struct prefix *p, const char *before)
{
	size_t len = strlen(before);
	p->failed |= p->len >= len && !tm_complete_files(before, p->text + len, p->to);
}

static void offer_kind(const struct tm_session *s, struct prefix *p, enum tm_word word)
{
	switch (word) {
	case TM_WORD_SOURCE:
	case TM_WORD_SNAPSHOT:
		for (size_t i = 0; i < s->held.n; i++)
			offer(p, "", s->held.items[i].name);
		if (word == TM_WORD_SOURCE)
			offer_files(p, "");
		break;
	case TM_WORD_COMMAND:
		for (const struct tm_command *c = tm_commands; c->name; c++)
			if (!c->shell || !s->front.lasting)
				offer(p, "", c->name);
		break;
	case TM_WORD_SETTING:
		for (const struct tm_option *o = tm_options; o->name; o++)
			if (o->setting)
				offer(p, "", o->name);
		break;
	case TM_WORD_FILE:
		offer_files(p, "");
		break;
	case TM_WORD_EXPRESSION:
		p->to->expression = true;
		break;
	case TM_WORD_NONE:
		break;
	}
}

static void offer_value(const struct tm_session *s, struct prefix *p, const struct tm_option *o, const char *before)
{
	for (unsigned i = 0; o->choices && o->choices[i]; i++)
		offer(p, before, o->choices[i]);
	if (o->word == TM_WORD_FILE && *before)
		offer_files(p, before);
	else if (!*before)
		offer_kind(s, p, o->word);
}

static const struct tm_option *option_named(const struct tm_command *c, const char *word)
{
	size_t len = word[0] == '-' && word[1] == '-' ? strcspn(word + 2, "=") : 0;
	for (const struct tm_option *o = tm_options; o->name; o++) {
		bool long_name = len && strlen(o->name) == len && strncmp(o->name, word + 2, len) == 0;
		bool letter = word[0] == '-' && word[1] && word[1] == o->letter && !word[2];
		if ((o->groups & c->groups) && (long_name || letter))
			return o;
	}
	return NULL;
}

static void offer_setting_value(struct prefix *p, const char *name)
{
	for (const struct tm_option *o = tm_options; o->name; o++) {
		if (!o->setting || strcmp(o->name, name) != 0)
			continue;
		for (unsigned i = 0; o->choices && o->choices[i]; i++)
			offer(p, "", o->choices[i]);
		if (o->type == TM_OPTION_FLAG) {
			offer(p, "", "off");
			offer(p, "", "on");
		}
		if (o->word == TM_WORD_FILE)
			offer_files(p, "");
	}
}

/* The word behind the command's name and N finished words. */
static void offer_word(const struct tm_session *s, struct prefix *p, const struct tm_command *c, const char *const *words, size_t n)
{
	const struct tm_option *o = n ? option_named(c, words[n - 1]) : NULL;
	if (o && o->type != TM_OPTION_FLAG && !strchr(words[n - 1], '=')) {
		offer_value(s, p, o, "");
		return;
	}
	if (p->text[0] == '-') {
		const char *value = strchr(p->text, '=');
		o = value ? option_named(c, p->text) : NULL;
		char before[64];
		if (o && (size_t)(value + 2 - p->text) < sizeof before) {
			snprintf(before, sizeof before, "%.*s", (int)(value + 1 - p->text), p->text);
			offer_value(s, p, o, before);
		}
		for (o = tm_options; o->name && !value; o++)
			if (o->groups & c->groups)
				offer(p, "--", o->name);
		return;
	}
	if (c->word == TM_WORD_SETTING && n == 1)
		offer_setting_value(p, words[0]);
	else if (c->word != TM_WORD_SETTING || !n)
		offer_kind(s, p, c->word);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct tm_error *tm_session_complete(struct tm_session *s, const char *line, struct tm_completion *ret)
{
	struct tm_words w = { 0 };
	const struct tm_command *c;
	*ret = (struct tm_completion) { 0 };
	struct tm_error *err = tm_words_split(line, &w);
	if (err)
		return err;
	size_t done = w.items.n - w.open; /* words that are finished */
	struct prefix p = { .text = w.open ? w.items.items[done] : "", .to = ret };
	if (w.open && strncmp(w.raw.items[done], "~/", 2) == 0) /* what is offered begins as the line ends */
		p.text = w.raw.items[done];
	p.len = strlen(p.text);
	ret->start = w.start;
	if (!done)
		offer_kind(s, &p, TM_WORD_COMMAND);
	else if (!(err = tm_command_find(w.items.items[0], &c)))
		offer_word(s, &p, c, w.items.items + 1, done - 1);
	tm_words_free(&w);
	tm_error_free(err); /* nothing completes an unknown command */
	if (ret->words.n)
		qsort(ret->words.items, ret->words.n, sizeof *ret->words.items, compare);
	if (!p.failed)
		return NULL;
	tm_completion_free(ret);
	return tm_error_nomem();
}

void tm_completion_free(struct tm_completion *c)
{
	for (size_t i = 0; i < c->words.n; i++)
		free(c->words.items[i]);
	tm_array_free(&c->words);
}
