/*
 * Filters, groups and compares the snapshots that stdin describes, and prints the rows. test_query.py gives the same text to
 * Python's own tracemalloc. Names and patterns are hexadecimal, after an 'x'; '.' is None.
 *   new | old                                     what follows goes into that snapshot
 *   t DOMAIN SIZE TOTAL_NFRAME NAME:LINE...       a trace, its newest frame first
 *   f + | -  PATTERN LINE all | first DOMAIN      a filter
 *   run                                           prints the answers, forgets everything
 */
#include "tm/builder.h"
#include "tm/compare.h"
#include "tm/filter.h"
#include "tm/query.h"
#include "tm/render.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NEW, OLD, MOST_FILTERS = 16 };

struct test {
	struct tm_builder builders[2];
	struct tm_filter filters[MOST_FILTERS];
	size_t nfilters;
};

static void check(struct tm_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "%s\n", tm_error_message(err));
	exit(1);
}

static void need(bool ok)
{
	if (!ok)
		check(tm_error_new(TM_ERR_USAGE, "this cannot be read"));
}

static char *unhex(const char *s, size_t *len)
{
	need(s && *s == 'x');
	*len = strlen(++s) / 2;
	char *ret = malloc(*len + 1);
	need(ret);
	for (size_t i = 0; i < *len; i++)
		need(sscanf(s + 2 * i, "%2hhx", (unsigned char *)ret + i) == 1);
	return ret;
}

static uint64_t number(const char *s)
{
	need(s);
	return strtoull(s, NULL, 10);
}

static void put_trace(struct tm_builder *b)
{
	uint32_t domain = (uint32_t)number(strtok(NULL, " "));
	uint64_t size = number(strtok(NULL, " "));
	struct tm_traceback tb = { .first = b->frames.n, .total_nframe = (uint32_t)number(strtok(NULL, " ")) };
	for (char *s; (s = strtok(NULL, " ")); tb.nframe++) {
		char *line = strchr(s, ':');
		size_t len;
		need(line);
		*line = 0;
		char *name = unhex(s, &len);
		struct tm_frame f = { tm_intern(&b->names, name, len), (uint32_t)number(line + 1) };
		free(name);
		need(tm_array_push(&b->frames, f));
	}
	uint32_t id = 0; /* blocks of even sizes share tracebacks: so some tallies hold many, and some tracebacks are equal */
	while (id < b->tracebacks.n && (b->tracebacks.items[id].nframe != tb.nframe || size % 2 ||
					       memcmp(b->frames.items + b->tracebacks.items[id].first, b->frames.items + tb.first,
						       tb.nframe * sizeof *b->frames.items)))
		id++;
	need(id < b->tracebacks.n || tm_array_push(&b->tracebacks, tb));
	need(tm_array_push(&b->traces, ((struct tm_trace) { b->ntraces++, size, domain, id })));
	size_t k = 0;
	while (k < b->tallies.n && (b->tallies.items[k].traceback != id || b->tallies.items[k].domain != domain))
		k++;
	need(k < b->tallies.n || tm_array_push(&b->tallies, ((struct tm_tally) { .traceback = id, .domain = domain })));
	struct tm_tally *t = &b->tallies.items[k];
	tm_u128 sum = tm_tally_size(t) + size;
	t->count++;
	t->size_low = (uint64_t)sum;
	t->size_high = (uint64_t)(sum >> 64);
}

static void put_filter(struct test *t)
{
	need(t->nfilters < MOST_FILTERS);
	struct tm_filter *f = &t->filters[t->nfilters++];
	*f = (struct tm_filter) { .inclusive = *strtok(NULL, " ") == '+' };
	char *pattern = strtok(NULL, " "), *line = strtok(NULL, " "), *all = strtok(NULL, " "), *domain = strtok(NULL, " ");
	need(pattern && line && all && domain);
	if (*pattern != '.')
		f->pattern = unhex(pattern, &f->pattern_len);
	f->has_lineno = *line != '.';
	f->lineno = number(line);
	f->all_frames = *all == 'a';
	f->has_domain = *domain != '.';
	f->domain = number(domain);
}

static void put_frames(struct tm_text *t, const struct tm_snapshot *s, const struct tm_frame *f, uint32_t n)
{
	while (n-- > 0) {
		size_t len;
		const char *name = tm_snapshot_name(s, f[n].filename, &len);
		tm_text_puts(t, " x");
		for (size_t i = 0; i < len; i++)
			tm_text_printf(t, "%02x", (unsigned char)name[i]);
		tm_text_printf(t, ":%u", f[n].lineno);
	}
}

static const struct {
	enum tm_key key;
	bool cumulative;
	const char *name;
} groupings[] = { { TM_BY_LINENO, false, "lineno" }, { TM_BY_FILENAME, false, "filename" }, { TM_BY_TRACEBACK, false, "traceback" },
	{ TM_BY_LINENO, true, "lineno cumulative" }, { TM_BY_FILENAME, true, "filename cumulative" } };
enum { NGROUPINGS = sizeof groupings / sizeof *groupings };

static void statistics(struct tm_text *t, struct tm_snapshot *s, size_t by)
{
	struct tm_statistics *st;
	struct tm_text str = { 0 };
	check(tm_statistics_make(s, groupings[by].key, groupings[by].cumulative, NULL, &st));
	tm_text_printf(t, "statistics %s\n", groupings[by].name);
	for (uint64_t i = 0; i < st->nrows; i++) {
		const struct tm_statistic *r = &st->rows[i];
		tm_text_clear(&str);
		tm_str_traceback(&str, s, r->frames, r->nframe);
		size_t where = str.len; /* it comes again, as the first part of the whole */
		tm_str_statistic(&str, s, r);
		tm_text_u128(t, r->size);
		tm_text_printf(t, " %llu", (unsigned long long)r->count);
		put_frames(t, s, r->frames, r->nframe);
		tm_text_printf(t, " %s\n", str.s + 2 * where);
	}
	tm_text_free(&str);
	tm_statistics_free(st);
}

static void comparison(struct tm_text *t, struct tm_snapshot *const *s, size_t by)
{
	struct tm_compare *c;
	struct tm_text str = { 0 };
	check(tm_compare_make(s[OLD], s[NEW], groupings[by].key, groupings[by].cumulative, NULL, &c));
	tm_text_printf(t, "compare %s\n", groupings[by].name);
	for (uint64_t i = 0; i < c->nrows; i++) {
		const struct tm_statistic_diff *r = &c->rows[i];
		tm_text_clear(&str);
		tm_str_traceback(&str, c->snapshot, r->frames, r->nframe);
		size_t where = str.len;
		tm_str_statistic_diff(&str, c->snapshot, r);
		tm_text_u128(t, r->size);
		tm_text_putc(t, ' ');
		tm_text_i128(t, r->size_diff);
		tm_text_printf(t, " %llu %lld", (unsigned long long)r->count, (long long)r->count_diff);
		put_frames(t, c->snapshot, r->frames, r->nframe);
		tm_text_printf(t, " %s\n", str.s + 2 * where);
	}
	tm_text_free(&str);
	tm_compare_free(c);
}

static struct tm_snapshot *filtered(const struct test *t, struct tm_snapshot *s, bool want_traces)
{
	struct tm_snapshot *ret;
	check(tm_snapshot_filter(s, t->filters, t->nfilters, want_traces, NULL, &ret));
	tm_snapshot_unref(s);
	return ret;
}

static void run(struct test *test, struct tm_text *t)
{
	struct tm_snapshot *s[2];
	for (int i = 0; i < 2; i++) {
		test->builders[i].want_traces = true;
		s[i] = tm_builder_freeze(&test->builders[i]);
		need(s[i]);
		s[i] = filtered(test, s[i], i == NEW);
	}
	tm_text_printf(t, "pass");
	for (uint64_t i = 0; i < s[NEW]->ntraces; i++)
		tm_text_printf(t, " %llu", (unsigned long long)s[NEW]->traces[i].address);
	tm_text_printf(t, "\npass %llu\n", (unsigned long long)s[OLD]->ntraces);
	for (size_t by = 0; by < NGROUPINGS; by++)
		statistics(t, s[NEW], by);
	for (size_t by = 0; by < NGROUPINGS; by++)
		comparison(t, s, by);
	tm_text_puts(t, "end\n");
	for (size_t i = 0; i < test->nfilters; i++)
		free((char *)test->filters[i].pattern);
	test->nfilters = 0;
	tm_snapshot_unref(s[NEW]);
	tm_snapshot_unref(s[OLD]);
	fwrite(t->s, 1, t->len, stdout);
	tm_text_clear(t);
}

int main(void)
{
	struct test test = { 0 };
	struct tm_builder *b = &test.builders[NEW];
	struct tm_text out = { 0 };
	char *line = NULL;
	size_t cap = 0;
	while (getline(&line, &cap, stdin) > 0) {
		line[strcspn(line, "\n")] = 0;
		const char *word = strtok(line, " ");
		need(word);
		if (strcmp(word, "new") == 0)
			b = &test.builders[NEW];
		else if (strcmp(word, "old") == 0)
			b = &test.builders[OLD];
		else if (strcmp(word, "t") == 0)
			put_trace(b);
		else if (strcmp(word, "f") == 0)
			put_filter(&test);
		else
			run(&test, &out);
	}
	free(line);
	tm_text_free(&out);
	return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
