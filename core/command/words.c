/* A line → its words, as shells do it: blanks separate, '…', "…" and backslashes keep together, ~/ is the home folder. */
#include "args.h"
#include <stdlib.h>
#include <string.h>

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t count(const char *line, const char *what)
{
	size_t n = 0;
	while ((line = strstr(line, what))) {
		line += strlen(what);
		n++;
	}
	return n;
}

/* One word from *P on, its meaning to *OUT and its own letters to *RAW; both get a NUL. Returns the quote left open. */
static char put_word(const char **p, const char *home, char **out, char **raw)
{
	const char *s = *p, *start = s;
	char quote = 0;
	if (s[0] == '~' && s[1] == '/') {
		*out = stpcpy(*out, home);
		s++;
	}
	for (; *s && (quote || !blank(*s)); s++) {
		bool escapes = *s == '\\' && quote != '\'' && s[1] && (!quote || strchr("\"\\", s[1]));
		if (!quote && (*s == '\'' || *s == '"'))
			quote = *s;
		else if (quote && *s == quote)
			quote = 0;
		else
			*(*out)++ = escapes ? *++s : *s;
	}
	*(*out)++ = 0;
	memcpy(*raw, start, (size_t)(s - start));
	*raw += s - start;
	*(*raw)++ = 0;
	*p = s;
	return quote;
}

struct tm_error *tm_words_split(const char *line, struct tm_words *w)
{
	const char *home = getenv("HOME");
	home = home && *home ? home : "~";
	size_t len = strlen(line), more = count(line, "~/") * strlen(home);
	*w = (struct tm_words) { .text = malloc(4 * len + more + 4) }; /* a word of one letter needs two bytes, twice */
	if (!w->text)
		return tm_error_nomem();
	char *out = w->text, *raw = w->text + 2 * len + more + 2;
	const char *p = line;
	for (;;) {
		while (blank(*p))
			p++;
		w->start = (size_t)(p - line);
		w->open = false;
		if (!*p)
			return NULL;
		const char *word = out, *as_is = raw;
		w->quote = put_word(&p, home, &out, &raw);
		w->open = !*p;
		if (!tm_array_push(&w->items, word) || !tm_array_push(&w->raw, as_is)) {
			tm_words_free(w);
			return tm_error_nomem();
		}
		if (!*p)
			return NULL;
	}
}

void tm_words_free(struct tm_words *w)
{
	tm_array_free(&w->items);
	tm_array_free(&w->raw);
	free(w->text);
	w->text = NULL;
}
