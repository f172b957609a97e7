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

/* BEFORE is ours, what follows it begins a file's name. Behind a "=" ~/ is no home folder. */
static void offer_files(struct prefix *p, const char *before)
{
	size_t len = strlen(before);
	if (p->len >= len && (!len || strncmp(p->text + len, "~/", 2) != 0))
		p->failed |= !tm_complete_files(before, p->text + len, p->to);
}

static void offer_kind(const struct tm_session *s, struct prefix *p, enum tm_word word, const char *before)
{
	switch (word) {
	case TM_WORD_SOURCE:
	case TM_WORD_SNAPSHOT:
		for (size_t i = 0; i < s->held.n; i++)
			offer(p, before, s->held.items[i].name);
		if (word == TM_WORD_SOURCE)
			offer_files(p, before);
		break;
	case TM_WORD_COMMAND:
		for (const struct tm_command *c = tm_commands; c->name; c++)
			if (!c->shell || !s->front.lasting)
				offer(p, before, c->name);
		break;
	case TM_WORD_SETTING:
		for (const struct tm_option *o = tm_options; o->name; o++)
			if (o->setting)
				offer(p, before, o->name);
		break;
	case TM_WORD_FILE:
		offer_files(p, before);
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
	offer_kind(s, p, o->word, before);
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
		offer_kind(s, p, c->word, "");
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The word behind N finished ones that begins as TEXT. */
static struct tm_error *complete(const struct tm_session *s, const char *const *words, size_t n, const char *text, struct tm_completion *ret)
{
	const struct tm_command *c;
	struct prefix p = { .text = text, .len = strlen(text), .to = ret };
	struct tm_error *err = NULL;
	if (!n)
		offer_kind(s, &p, TM_WORD_COMMAND, "");
	else if (!(err = tm_command_find(words[0], &c)))
		offer_word(s, &p, c, words + 1, n - 1);
	tm_error_free(err); /* nothing completes an unknown command */
	if (ret->words.n)
		qsort(ret->words.items, ret->words.n, sizeof *ret->words.items, compare);
	if (!p.failed)
		return NULL;
	tm_completion_free(ret);
	return tm_error_nomem();
}

struct tm_error *tm_session_complete_word(struct tm_session *s, const char *const *words, size_t n, struct tm_completion *ret)
{
	*ret = (struct tm_completion) { 0 };
	return complete(s, words, n ? n - 1 : 0, n ? words[n - 1] : "", ret);
}

/* RAW and what follows the first LEN letters of WORD, so that they are read as one word. False: not inside this QUOTE. */
static bool as_typed(const char *raw, const char *word, size_t len, char quote, struct tm_text *t)
{
	tm_text_puts(t, raw);
	for (const char *p = word + len; *p; p++) {
		if (quote == '\'' && *p == quote)
			return false;
		if (quote != '\'' && strchr(quote ? "\"\\" : " \t\r\n'\"\\", *p))
			tm_text_put(t, "\\", 1);
		tm_text_put(t, p, 1);
	}
	return true;
}

struct tm_error *tm_session_complete(struct tm_session *s, const char *line, struct tm_completion *ret)
{
	struct tm_words w = { 0 };
	*ret = (struct tm_completion) { 0 };
	struct tm_error *err = tm_words_split(line, &w);
	if (err)
		return err;
	size_t done = w.items.n - w.open, n = 0; /* words that are finished */
	const char *text = w.open ? w.items.items[done] : "", *raw = w.open ? w.raw.items[done] : "";
	ret->start = w.start;
	err = complete(s, w.items.items, done, text, ret);
	for (size_t i = 0; i < ret->words.n; i++) {
		struct tm_text t = { 0 };
		bool can = as_typed(raw, ret->words.items[i], strlen(text), w.quote, &t);
		err = err ? err : tm_text_error(&t);
		free(ret->words.items[i]);
		if (can && !err)
			ret->words.items[n++] = t.s;
		else
			tm_text_free(&t);
	}
	ret->words.n = n;
	if (err)
		tm_completion_free(ret);
	tm_words_free(&w);
	return err;
}

void tm_completion_free(struct tm_completion *c)
{
	for (size_t i = 0; i < c->words.n; i++)
		free(c->words.items[i]);
	tm_array_free(&c->words);
}
