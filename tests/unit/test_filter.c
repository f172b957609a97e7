/* Patterns and filters. What is expected is what CPython 3.13's fnmatch and Snapshot.filter_traces() answer. */
#include "snap.h"
#include "tm/filter.h"
#include "tm/pattern.h"
#include "tm/query.h"

/* ---- patterns ---- */

static bool stop_at_ten(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return ++*(int *)ctx >= 10;
}

static bool matches_n(const char *pattern, size_t np, const char *name, size_t n)
{
	struct tm_pattern *p;
	bool ret;
	ok(tm_pattern_make(pattern, np, &p));
	ok(tm_pattern_match(p, name, n, NULL, &ret));
	tm_pattern_free(p);
	return ret;
}

struct row {
	const char *pattern, *yes[6], *no[6];
};

static void assert_matches(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct row *r = &rows[i];
		for (int k = 0; k < 6 && r->yes[k]; k++)
			if (!matches_n(r->pattern, strlen(r->pattern), r->yes[k], strlen(r->yes[k])))
				fail_msg("%s does not match %s", r->pattern, r->yes[k]);
		for (int k = 0; k < 6 && r->no[k]; k++)
			if (matches_n(r->pattern, strlen(r->pattern), r->no[k], strlen(r->no[k])))
				fail_msg("%s matches %s", r->pattern, r->no[k]);
	}
}

static void stars_and_question_marks(void **state)
{
	static const struct row rows[] = {
		{ "", { "" }, { "a" } },
		{ "*", { "", "a", "/a/b\nc" }, { 0 } },
		{ "?", { "a", "/", "\n", "\303\251", "\360\237\230\200", "\355\262\200" }, { "", "ab", "\355\240\275\355\270\200" } },
		{ "a*b", { "ab", "abab", "a\n/b" }, { "a", "b", "aba" } },
		{ "**a**", { "a", "bab" }, { "", "b" } },
		{ "*a*a*", { "aa", "baca" }, { "a", "bbb" } },
		{ "*.py", { ".py", "x/y.py" }, { "py", "x.pyc", "x.PY" } },
		{ "a?*", { "ab", "abc" }, { "a" } },
		{ "*?", { "a", "ab" }, { "" } },
		{ "\\*", { "\\", "\\a" }, { "*", "a" } },
		{ "<frozen *>", { "<frozen os>" }, { "frozen os" } },
	};
	assert_matches(rows, COUNT(rows));
}

static void sets(void **state)
{
	static const struct row rows[] = {
		{ "[ab]", { "a", "b" }, { "c", "", "ab", "[ab]" } },
		{ "[!ab]", { "c", "!", "\n" }, { "a", "" } },
		{ "[^a]", { "^", "a" }, { "b" } },
		{ "[]a]", { "]", "a" }, { "[", "]a]" } },
		{ "[!]a]", { "b", "[" }, { "]", "a" } },
		{ "[a-c]", { "a", "b", "c" }, { "-", "d" } },
		{ "[a-a]", { "a" }, { "-", "b" } },
		{ "[-a]", { "-", "a" }, { "b" } },
		{ "[a-]", { "-", "a" }, { "b" } },
		{ "[--]", { "-" }, { "a" } },
		{ "[!-]", { "a", "!" }, { "-" } },
		{ "[a-c-e]", { "b", "-", "e" }, { "d" } },
		{ "[\\]", { "\\" }, { "a", "]" } },
		{ "[\303\240-\303\277]", { "\303\251" }, { "e", "\303" } },
		{ "[\355\260\200-\355\277\277]", { "\355\262\200" }, { "\355\240\200", "\356\200\200" } },
		{ "[*]", { "*" }, { "a" } },
		{ "x[/]y", { "x/y" }, { "xy" } },
	};
	assert_matches(rows, COUNT(rows));
}

static void brackets_without_an_end_are_characters(void **state)
{
	static const struct row rows[] = {
		{ "[", { "[" }, { "", "a" } },
		{ "[]", { "[]" }, { "[", "]" } },
		{ "[!]", { "[!]" }, { "a" } },
		{ "[a", { "[a" }, { "a" } },
		{ "[[*", { "[[", "[[x" }, { "[" } },
		{ "a]", { "a]" }, { "a" } },
	};
	assert_matches(rows, COUNT(rows));
}

static void reversed_ranges_are_empty(void **state)
{
	static const struct row rows[] = {
		{ "[c-a]", { 0 }, { "a", "b", "c", "-", "" } },
		{ "[!c-a]", { "a", "-" }, { "", "ab" } },
		{ "[c-ax]", { "x" }, { "a", "c" } },
		{ "[c-b-ax]", { "-", "a", "x" }, { "b", "c" } },
		{ "[c-a!x]", { "a", "!" }, { "x" } }, /* what is left is "[!x]" */
		{ "[c-a!]", { "a", "!" }, { "", "ab" } },
		{ "[c-a!-x]", { "a", "!" }, { "-", "x" } },
		{ "[!c-a!x]", { "a" }, { "!", "x" } },
		{ "[c-a^x]", { "^", "x" }, { "a" } },
	};
	assert_matches(rows, COUNT(rows));
}

static void bytes_of_no_character_are_lone_surrogates(void **state)
{
	assert_true(matches_n("a\377", 2, "a\355\263\277", 4));
	assert_false(matches_n("a\377", 2, "a\303\277", 3));
	assert_true(matches_n("a\0?", 3, "a\0b", 3));
	assert_false(matches_n("a\0?", 3, "a\0", 2));
}

static void hostile_patterns_take_no_more_than_name_times_pattern(void **state)
{
	enum { STARS = 400, NAME = 20000 };
	static const char *const pieces[] = { "*a", "*[ab-c]", "?*a", "[", "*[!\n]a" };
	char *name = malloc(NAME);
	assert_non_null(name);
	memset(name, 'a', NAME);
	for (size_t k = 0; k < COUNT(pieces); k++) {
		char pattern[STARS * 8] = "";
		int asked = 0;
		struct tm_poll poll = { stop_at_ten, &asked };
		struct tm_pattern *p;
		bool hit;
		for (int i = 0; i < STARS; i++)
			strcat(pattern, pieces[k]);
		strcat(pattern, "b");
		ok(tm_pattern_make(pattern, strlen(pattern), &p));
		ok(tm_pattern_match(p, name, NAME, &poll, &hit));
		assert_false(hit);
		tm_pattern_free(p);
	}
	free(name);
}

static void long_matching_can_be_interrupted(void **state)
{
	enum { HALF = 20000 };
	char *pattern = malloc(HALF + 3), *name = malloc(2 * HALF);
	int asked = 0;
	struct tm_pattern *p;
	bool hit;
	assert_true(pattern && name);
	memset(pattern, 'a', HALF + 2);
	pattern[0] = '*';
	pattern[HALF + 1] = 'b';
	memset(name, 'a', 2 * HALF);
	ok(tm_pattern_make(pattern, HALF + 2, &p));
	fails(tm_pattern_match(p, name, 2 * HALF, &(struct tm_poll) { stop_at_ten, &asked }, &hit), TM_ERR_INTERRUPTED, NULL);
	assert_int_equal(asked, 10);
	tm_pattern_free(p);
	free(pattern);
	free(name);
}

/* ---- filters ---- */

#define IN(...)	 { .inclusive = true, __VA_ARGS__ }
#define OUT(...) { .inclusive = false, __VA_ARGS__ }
#define FILES(s) .pattern = (s), .pattern_len = sizeof(s) - 1
#define LINE(n)	 .has_lineno = true, .lineno = (n)
#define DOMAIN(n) .has_domain = true, .domain = (n)

/* Blocks: 0 and 1 of one traceback in two domains, and so on; sizes are powers of two. */
static struct tm_snapshot *blocks(void)
{
	struct tm_builder b = { 0 };
	uint32_t lib = TB(&b, 9, { "lib/x.pyc", 5 }, { "app.py", 1 }), app = TB(&b, 0, { "app.py", 2 }, { "lib/x.py", 5 }),
		 odd = TB(&b, 0, { "\355\262\200", 2 }), none = TB(&b, 0, { 0 });
	snap_trace(&b, 0, 1, 0, lib);
	snap_trace(&b, 1, 2, 7, lib);
	snap_trace(&b, 2, 4, 0, lib);
	snap_trace(&b, 3, 8, 0, app);
	snap_trace(&b, 4, 16, UINT32_MAX, app);
	snap_trace(&b, 5, 32, 0, odd);
	snap_trace(&b, 6, 64, 7, none);
	return snap_freeze(&b);
}

#define assert_passes(wanted, ...)                                                                                   \
	do {                                                                                                         \
		const struct tm_filter filters[] = { __VA_ARGS__ };                                                  \
		passes((wanted), filters, COUNT(filters));                                                           \
	} while (0)

/* WANTED: bits of the blocks that pass, which is the sum of their sizes. */
static void passes(uint64_t wanted, const struct tm_filter *filters, size_t n)
{
	for (int want_traces = 0; want_traces < 2; want_traces++) {
		struct tm_snapshot *all = blocks(), *s;
		ok(tm_snapshot_filter(all, filters, n, want_traces, NULL, &s));
		tm_snapshot_unref(all); /* S holds what it needs */
		uint64_t count, sum = 0;
		tm_u128 size;
		tm_snapshot_total(s, &count, &size);
		assert_int_equal(size, wanted);
		assert_int_equal(s->ntraces, count);
		assert_int_equal(count, __builtin_popcountll(wanted));
		assert_true(want_traces ? !!s->traces : !s->traces);
		for (uint64_t i = 0; want_traces && i < s->ntraces; i++) {
			sum += s->traces[i].size;
			assert_true(!i || s->traces[i].address > s->traces[i - 1].address);
		}
		assert_int_equal(sum, want_traces ? wanted : 0);
		tm_snapshot_unref(s);
	}
}

static void no_filter_lets_all_pass(void **state)
{
	passes(127, NULL, 0);
}

static void any_inclusive_one_is_enough(void **state)
{
	assert_passes(1 + 2 + 4, IN(FILES("lib/*")));
	assert_passes(1 + 2 + 4 + 32, IN(FILES("lib/*")), IN(FILES("?")));
	assert_passes(0, IN(FILES("nowhere")));
	assert_passes(1 + 2 + 4, IN(FILES("nowhere")), IN(FILES("lib/*")));
}

static void any_exclusive_one_is_too_much(void **state)
{
	assert_passes(8 + 16 + 32 + 64, OUT(FILES("lib/*")));
	assert_passes(32 + 64, OUT(FILES("lib/*")), OUT(FILES("app.py")));
	assert_passes(127, OUT(FILES("nowhere")));
	assert_passes(8 + 16, IN(FILES("*.py")), OUT(FILES("lib/*")));
	assert_passes(0, OUT(FILES("lib/*")), IN(FILES("lib/*"))); /* whatever their order */
}

static void lines_and_frames(void **state)
{
	assert_passes(8 + 16, IN(FILES("app.py"), LINE(2)));
	assert_passes(0, IN(FILES("app.py"), LINE(1)));
	assert_passes(1 + 2 + 4, IN(FILES("app.py"), LINE(1), .all_frames = true));
	assert_passes(0, IN(FILES("app.py"), LINE(5), .all_frames = true)); /* file and line of one frame */
	assert_passes(0, IN(FILES("app.py"), LINE(2 + (1ull << 32))));
	assert_passes(32 + 64, OUT(FILES("app.py"), .all_frames = true));
	assert_passes(127, OUT(FILES("*"), LINE(9), .all_frames = true));
}

static void compiled_names_count_as_sources(void **state)
{
	assert_passes(1 + 2 + 4, IN(FILES("lib/x.py")));
	assert_passes(1 + 2 + 4, IN(FILES("lib/x.pyc")));
	assert_passes(0, IN(FILES("lib/x.py?")));
	assert_passes(1 + 2 + 4 + 8 + 16, IN(FILES("*.pyc")));
}

static void domains(void **state)
{
	assert_passes(2 + 64, IN(DOMAIN(7)));
	assert_passes(1 + 4 + 8 + 16 + 32, OUT(DOMAIN(7)));
	assert_passes(16, IN(DOMAIN(UINT32_MAX)));
	assert_passes(0, IN(DOMAIN(7 + (1ull << 32))));
	assert_passes(2 + 16 + 64, IN(DOMAIN(7)), IN(DOMAIN(UINT32_MAX)));
	assert_passes(1 + 4, IN(FILES("lib/*"), DOMAIN(0)));
	assert_passes(2 + 8 + 16 + 32 + 64, OUT(FILES("lib/*"), DOMAIN(0)));
	assert_passes(1 + 4 + 2 + 64, IN(FILES("lib/*"), DOMAIN(0)), IN(DOMAIN(7)));
	assert_passes(4 + 1, IN(FILES("lib/*")), OUT(FILES("*"), DOMAIN(7)));
}

static void blocks_without_frames_fit_no_pattern(void **state)
{
	assert_passes(63, IN(FILES("*")));
	assert_passes(64, OUT(FILES("*")));
	assert_passes(63, IN(FILES("*"), .all_frames = true));
	assert_passes(2 + 64, IN(DOMAIN(7)));
}

static void lone_surrogates(void **state)
{
	assert_passes(32, IN(FILES("\355\262\200")));
	assert_passes(32, IN(FILES("\200")));
	assert_passes(32, IN(FILES("[\355\260\200-\355\277\277]")));
}

static void what_is_known_of_the_whole_stays(void **state)
{
	struct tm_snapshot *all = blocks(), *s, *again;
	const struct tm_filter lib = IN(FILES("lib/*")), seven = OUT(DOMAIN(7));
	all->about.has_traced = true;
	all->about.traced = 127;
	all->about.truncated = 3;
	assert_true(tm_snapshot_note(all, true, "100%%"));
	all->tables = calloc(1, sizeof *all->tables);
	all->ntables = 1;
	strcpy(all->tables[0].name, "traces");
	ok(tm_snapshot_filter(all, &lib, 1, true, NULL, &s));
	ok(tm_snapshot_filter(s, &seven, 1, false, NULL, &again));
	assert_ptr_not_equal(s->about.target, all->about.target);
	tm_snapshot_unref(all);
	tm_snapshot_unref(s);
	assert_string_equal(again->about.target, "made by hand");
	assert_string_equal(again->about.python, "3.13.5");
	assert_null(again->about.executable);
	assert_true(again->about.complete && again->about.traced == 127);
	assert_int_equal(again->about.truncated, 2);
	assert_int_equal(again->ntables, 1);
	assert_string_equal(again->tables[0].name, "traces");
	assert_int_equal(again->nnotes, 3);
	assert_true(again->notes[0].gap && !again->notes[1].gap);
	assert_string_equal(again->notes[0].text, "100%");
	assert_string_equal(again->notes[1].text, "3 of 7 blocks passed the filters");
	assert_string_equal(again->notes[2].text, "2 of 3 blocks passed the filters");
	tm_snapshot_unref(again);
}

/* Names, frames and tracebacks of blocks that did not pass are left behind, and what passed is the same. */
static void only_what_is_used_stays(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t a = TB(&b, 0, { "a.py", 1 }, { "x.py", 2 }), c = TB(&b, 9, { "c.py", 3 }), d = TB(&b, 0, { "d.py", 4 }, { "c.py", 5 });
	snap_trace(&b, 0x1000, 100, 0, d);
	snap_trace(&b, 0x2000, 200, 0, a);
	snap_trace(&b, 0x3000, 300, 7, c);
	const struct tm_filter filter = IN(FILES("[cd].py"));
	struct tm_snapshot *all = snap_freeze(&b), *s;
	ok(tm_snapshot_filter(all, &filter, 1, true, NULL, &s));
	tm_snapshot_unref(all);
	assert_int_equal(s->ntraces, 2);
	assert_int_equal(s->ntracebacks, 2);
	assert_int_equal(s->nframes, 3);
	assert_int_equal(s->nnames, 2);
	assert_int_equal(s->text_len, 10);
	for (size_t i = 0; i < 2; i++) {
		const struct tm_traceback *tb = &s->tracebacks[s->traces[i].traceback];
		const struct tm_frame *f = &s->frames[tb->first];
		size_t len;
		assert_string_equal(tm_snapshot_name(s, f->filename, &len), i ? "c.py" : "d.py");
		assert_int_equal(len, 4);
		assert_int_equal(f->lineno, i ? 3 : 4);
		assert_int_equal(tb->nframe, i ? 1 : 2);
		assert_int_equal(tb->total_nframe, i ? 9 : 2);
		if (!i)
			assert_string_equal(tm_snapshot_name(s, f[1].filename, &len), "c.py");
	}
	assert_int_equal(s->ntallies, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(s->tracebacks[s->tallies[i].traceback].nframe, s->tallies[i].domain ? 1 : 2);
	tm_snapshot_unref(s);
}

static void statistics_alone_and_nothing_at_all(void **state)
{
	struct tm_builder b = { .ntraces = 9 };
	const struct tm_filter lib = IN(FILES("lib/*"));
	struct tm_snapshot *s = tm_builder_freeze(&b), *ret;
	for (int i = 0; i < 2; i++) {
		ok(tm_snapshot_filter(s, &lib, 1, true, NULL, &ret));
		assert_true(!ret->traces && !ret->ntraces && !ret->ntallies);
		tm_snapshot_unref(ret);
		tm_snapshot_unref(s);
		s = snap_freeze(&b);
	}
	tm_snapshot_unref(s);
}

static struct tm_error *damaged(void *owner, const struct tm_snapshot *s, unsigned sections)
{
	return sections & *(unsigned *)owner ? tm_error_new(TM_ERR_CORRUPT, "damaged") : NULL;
}

static void only_what_is_needed_is_verified(void **state)
{
	unsigned bad = TM_SECTION_TRACES;
	struct tm_snapshot *all = blocks(), *s, *file;
	file = calloc(1, sizeof *file);
	*file = (struct tm_snapshot) { .refs = 1, .verify = damaged, .owner = &bad, .traces = all->traces, .ntraces = all->ntraces,
		.tallies = all->tallies, .ntallies = all->ntallies, .tracebacks = all->tracebacks, .ntracebacks = all->ntracebacks,
		.frames = all->frames, .names = all->names, .nnames = all->nnames, .text = all->text };
	fails(tm_snapshot_filter(file, NULL, 0, true, NULL, &s), TM_ERR_CORRUPT, "damaged");
	ok(tm_snapshot_filter(file, NULL, 0, false, NULL, &s));
	ok(tm_snapshot_require(s, TM_SECTIONS_ALL));
	tm_snapshot_unref(s);
	tm_snapshot_unref(file);
	tm_snapshot_unref(all);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return strcmp(what, "filtering") == 0;
}

static void filtering_can_be_interrupted(void **state)
{
	struct tm_snapshot *all = blocks(), *s;
	const struct tm_filter lib = IN(FILES("lib/*"));
	fails(tm_snapshot_filter(all, &lib, 1, true, &(struct tm_poll) { stop, NULL }, &s), TM_ERR_INTERRUPTED, NULL);
	tm_snapshot_unref(all);
}

/* ---- as words ---- */

static void words(void **state)
{
	static const struct {
		const char *text, *pattern;
		uint64_t line; /* 0: none */
	} cases[] = { { "a.py", "a.py", 0 }, { "a.py:12", "a.py", 12 }, { "a:b:4294967295", "a:b", UINT32_MAX }, { "a.py:", "a.py:", 0 },
		{ "12", "12", 0 }, { "a12", "a12", 0 }, { ":7", "", 7 }, { "", "", 0 }, { ":", ":", 0 }, { "a:1:2", "a:1", 2 },
		{ "a:-1", "a:-1", 0 }, { "a:007", "a", 7 }, { "a:1x", "a:1x", 0 } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_filter f = { .inclusive = true, .all_frames = true, .has_lineno = true };
		ok(tm_filter_parse(cases[i].text, &f));
		assert_int_equal(f.pattern_len, strlen(cases[i].pattern));
		assert_memory_equal(f.pattern, cases[i].pattern, f.pattern_len);
		assert_true(f.has_lineno == (cases[i].line != 0) && f.lineno == cases[i].line);
		assert_true(f.inclusive && f.all_frames && !f.has_domain);
	}
	struct tm_filter f = { 0 };
	fails(tm_filter_parse("a.py:4294967296", &f), TM_ERR_USAGE, "4294967296");
	fails(tm_filter_parse("a.py:99999999999999999999999999999999", &f), TM_ERR_USAGE, "a.py");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(stars_and_question_marks),
		cmocka_unit_test(sets),
		cmocka_unit_test(brackets_without_an_end_are_characters),
		cmocka_unit_test(reversed_ranges_are_empty),
		cmocka_unit_test(bytes_of_no_character_are_lone_surrogates),
		cmocka_unit_test(hostile_patterns_take_no_more_than_name_times_pattern),
		cmocka_unit_test(long_matching_can_be_interrupted),
		cmocka_unit_test(no_filter_lets_all_pass),
		cmocka_unit_test(any_inclusive_one_is_enough),
		cmocka_unit_test(any_exclusive_one_is_too_much),
		cmocka_unit_test(lines_and_frames),
		cmocka_unit_test(compiled_names_count_as_sources),
		cmocka_unit_test(domains),
		cmocka_unit_test(blocks_without_frames_fit_no_pattern),
		cmocka_unit_test(lone_surrogates),
		cmocka_unit_test(what_is_known_of_the_whole_stays),
		cmocka_unit_test(only_what_is_used_stays),
		cmocka_unit_test(statistics_alone_and_nothing_at_all),
		cmocka_unit_test(only_what_is_needed_is_verified),
		cmocka_unit_test(filtering_can_be_interrupted),
		cmocka_unit_test(words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
