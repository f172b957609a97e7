/* Rows as text, table, JSON and CSV; and tracemalloc's own words. */
#include "tm/render.h"
#include "snap.h"

static void collect(void *ctx, const char *text, size_t len)
{
	tm_text_put(ctx, text, len);
}

/* ---- tracemalloc's words ---- */

static void a_statistic_reads_as_in_cpython(void **state)
{
	/* str(Statistic(...)) of CPython 3.13 */
	static const struct {
		uint64_t high, low, count;
		const char *name;
		uint32_t lineno;
		const char *wanted;
	} cases[] = {
		{ 0x0ull, 0x47eull, 3, "a.py", 1, "a.py:1: size=1150 B, count=3, average=383 B" },
		{ 0x0ull, 0x1e400ull, 7, "a.py", 3, "a.py:3: size=121 KiB, count=7, average=17.3 KiB" },
		{ 0x0ull, 0xaull, 4, "b.py", 2, "b.py:2: size=10 B, count=4, average=2 B" },
		{ 0x1ull, 0xfffffffffffffffeull, 2, "big.py", 1, "big.py:1: size=33554432 TiB, count=2, average=16777216 TiB" },
		{ 0x0ull, 0x0ull, 1, "z.py", 0, "z.py:0: size=0 B, count=1, average=0 B" },
		{ 0x0ull, 0x0ull, 0, "z.py", 5, "z.py:5: size=0 B, count=0" },
		{ 0x0ull, 0x19000ull, 1, "/x/y.py", 70000, "/x/y.py:70000: size=100 KiB, count=1, average=100 KiB" },
		{ 0x0ull, 0xc833ull, 1, "c.py", 1, "c.py:1: size=50.0 KiB, count=1, average=50.0 KiB" },
		{ 0x0ull, 0x27600ull, 3, "c.py", 1, "c.py:1: size=158 KiB, count=3, average=52.5 KiB" },
		{ 0x0ull, 0x5ull, 2, "c.py", 1, "c.py:1: size=5 B, count=2, average=2 B" },
		{ 0x0ull, 0xfull, 10, "c.py", 1, "c.py:1: size=15 B, count=10, average=2 B" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_builder b = { 0 };
		struct tm_text t = { 0 };
		TB(&b, 0, { cases[i].name, cases[i].lineno });
		struct tm_snapshot *s = snap_freeze(&b);
		struct tm_statistic st = { .frames = s->frames, .nframe = 1, .count = cases[i].count,
			.size = (tm_u128)cases[i].high << 64 | cases[i].low };
		tm_str_statistic(&t, s, &st);
		assert_string_equal(tm_text_str(&t), cases[i].wanted);
		tm_text_free(&t);
		tm_snapshot_unref(s);
	}
}

static void a_traceback_is_named_after_its_oldest_frame(void **state)
{
	struct tm_builder b = { 0 };
	struct tm_text t = { 0 };
	snap_trace(&b, 1, 20480, 0, TB(&b, 0, { "new.py", 2 }, { "mid.py", 3 }, { "old.py", 7 }));
	struct tm_snapshot *s = snap_freeze(&b);
	tm_str_traceback(&t, s, s->frames, 3);
	assert_string_equal(t.s, "old.py:7");
	tm_str_traceback(&t, s, s->frames, 0); /* nothing to say */
	assert_string_equal(t.s, "old.py:7");
	tm_text_clear(&t);
	tm_str_trace(&t, s, &s->traces[0]);
	assert_string_equal(t.s, "old.py:7: 20.0 KiB");
	tm_text_free(&t);
	tm_snapshot_unref(s);
}

static void names_are_escaped_in_tracemallocs_words(void **state)
{
	struct tm_builder b = { 0 };
	struct tm_text t = { 0 };
	TB(&b, 0, { "a\n\x1b\xed\xb2\x80\xc2\x9b.py", 2 });
	struct tm_snapshot *s = snap_freeze(&b);
	tm_str_frame(&t, s, s->frames);
	assert_string_equal(t.s, "a\\n\\x1b\\udc80\\x9b.py:2");
	tm_text_clear(&t);
	tm_str_format(&t, s, s->frames, 1, 0, false, true);
	assert_string_equal(t.s, "  File \"a\\n\\x1b\\udc80\\x9b.py\", line 2\n");
	tm_text_free(&t);
	tm_snapshot_unref(s);
}

static void a_traceback_is_formatted_as_in_cpython(void **state)
{
	static const struct {
		uint32_t limit;
		bool most_recent_first;
		const char *wanted;
	} cases[] = { { 0, false, "  File \"c\", line 3\n  File \"b\", line 2\n  File \"a\", line 1\n" },
		{ 0, true, "  File \"a\", line 1\n  File \"b\", line 2\n  File \"c\", line 3\n" },
		{ 2, false, "  File \"b\", line 2\n  File \"a\", line 1\n" }, /* the newest ones */
		{ 2, true, "  File \"a\", line 1\n  File \"b\", line 2\n" }, { 1, false, "  File \"a\", line 1\n" },
		{ 99, false, "  File \"c\", line 3\n  File \"b\", line 2\n  File \"a\", line 1\n" } };
	struct tm_builder b = { 0 };
	TB(&b, 0, { "a", 1 }, { "b", 2 }, { "c", 3 });
	struct tm_snapshot *s = snap_freeze(&b);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_text t = { 0 };
		tm_str_format(&t, s, s->frames, 3, cases[i].limit, cases[i].most_recent_first, true);
		assert_string_equal(t.s, cases[i].wanted);
		tm_text_free(&t);
	}
	tm_snapshot_unref(s);
}

static void lines_of_source_are_shown_stripped(void **state)
{
	char *path = unit_path(*state, "a.py"), *pipe = unit_path(*state, "pipe");
	static const char source[] = "first\n\t  indented = 1 \t\r\n   \n\nwith \x1b[31m colour\nlast";
	static const char *const lines[] = { NULL, "    first\n", "    indented = 1\n", "", "", "    with \\x1b[31m colour\n", "    last\n", "", "" };
	unit_write(path, source, sizeof source - 1);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	for (uint32_t i = 0; i < COUNT(lines); i++) {
		struct tm_builder b = { 0 };
		struct tm_text t = { 0 }, wanted = { 0 };
		TB(&b, 0, { path, i }, { pipe, i }, { *state, i });
		struct tm_snapshot *s = snap_freeze(&b);
		tm_str_format(&t, s, s->frames, 1, 0, false, true);
		tm_text_printf(&wanted, "  File \"%s\", line %u\n%s", path, i, lines[i] ? lines[i] : "");
		assert_string_equal(t.s, wanted.s);
		tm_text_clear(&t);
		tm_str_format(&t, s, s->frames + 1, 2, 0, true, true); /* neither a pipe nor a folder is waited for */
		assert_null(strstr(t.s, "    "));
		tm_text_clear(&t);
		tm_str_format(&t, s, s->frames, 1, 0, false, false);
		assert_null(strstr(t.s, "    "));
		tm_text_free(&t);
		tm_text_free(&wanted);
		tm_snapshot_unref(s);
	}
	free(pipe);
	free(path);
}

static void big_numbers_are_grouped(void **state)
{
	static const struct {
		tm_u128 n;
		const char *wanted;
	} cases[] = { { 0, "0" }, { 999, "999" }, { 1000, "1,000" }, { 1001000, "1,001,000" }, { 1234567, "1,234,567" },
		{ ~(tm_u128)0, "340,282,366,920,938,463,463,374,607,431,768,211,455" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_text t = { 0 };
		tm_text_grouped(&t, cases[i].n);
		assert_string_equal(t.s, cases[i].wanted);
		tm_text_free(&t);
	}
}

/* ---- JSON ---- */

static void json_strings_come_back_as_they_were(void **state)
{
	static const struct {
		const char *s;
		size_t len;
		const char *wanted;
	} cases[] = { { "", 0, "\"\"" }, { "/srv/a.py", 9, "\"/srv/a.py\"" }, { "a\"b\\c", 5, "\"a\\\"b\\\\c\"" }, { "\n\t\0", 3, "\"\\n\\u0009\\u0000\"" },
		{ "\x1f\x7f", 2, "\"\\u001f\\u007f\"" }, { "\xc2\x85\xc2\xa0", 4, "\"\\u0085\xc2\xa0\"" }, { "\xed\xb2\x80", 3, "\"\\udc80\"" },
		{ "\xed\xa0\x80\xed\xb0\x80", 6, "\"\\ud800\\udc00\"" }, { "\xf0\x9f\x98\x80", 4, "\"\xf0\x9f\x98\x80\"" }, { "\xff", 1, "\"\\udcff\"" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_text t = { 0 };
		tm_json_string(&t, cases[i].s, cases[i].len);
		assert_string_equal(t.s, cases[i].wanted);
		tm_text_free(&t);
	}
}

/* ---- a report of two rows with a cell of each kind ---- */

static void get_number(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SIZE, .number = row ? 5 : (tm_u128)UINT64_MAX + 1 };
}
static void get_share(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_SHARE, .share = row ? 0.125 : 1 };
}
static void get_text(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	static const char text[] = "say \"hi\",\nyou\x1b\xed\xb2\x80";
	*c = row ? (struct tm_cell) { 0 } : (struct tm_cell) { .kind = TM_CELL_TEXT, .text = text, .len = sizeof text - 1 };
}
static void get_address(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_ADDRESS, .number = 0xfedcba9876543210 };
}
static void get_frames(const struct tm_report *r, uint64_t row, struct tm_cell *c)
{
	*c = (struct tm_cell) { .kind = TM_CELL_FRAMES, .frames = r->snapshot->frames, .nframe = row ? 0 : 2 };
}

static const struct tm_column columns[] = { { "size", "Size", true, get_number }, { NULL, "Share", true, get_share },
	{ "text", NULL, false, get_text }, { "address", "Address", true, get_address }, { "traceback", "Where", false, get_frames } };

static void str(const struct tm_report *r, uint64_t row, struct tm_text *out)
{
	tm_text_printf(out, "row %llu", (unsigned long long)row);
}

static struct tm_snapshot *two_frames(void)
{
	struct tm_builder b = { 0 };
	TB(&b, 0, { "/usr/lib/python3/a,b.py", 1 }, { "old\"\n.py", 70000 });
	struct tm_snapshot *s = snap_freeze(&b);
	assert_true(tm_snapshot_note(s, true, "torn: \x1b[31m") && tm_snapshot_note(s, false, "by the way"));
	s->about.complete = false;
	return s;
}

static const struct tm_fact inner[] = { { "deep", { .kind = TM_CELL_COUNT, .number = 7 } }, { 0 } },
			    middle[] = { { "inner", { .kind = TM_CELL_FACTS, .facts = inner } }, { "flag", { .kind = TM_CELL_BOOL, .number = 1 } }, { 0 } },
			    facts[] = { { "none", { .kind = TM_CELL_NONE } }, { "middle", { .kind = TM_CELL_FACTS, .facts = middle } },
				    { "name", { .kind = TM_CELL_TEXT, .text = "x,y", .len = 3 } }, { 0 } };

static void assert_rendered(const struct tm_report *r, enum tm_format format, bool quiet, const char *wanted)
{
	struct tm_text t = { 0 };
	ok(tm_render(r, &(struct tm_render_options) { .format = format, .quiet = quiet }, &(struct tm_sink) { collect, &t }, NULL));
	bool right = strcmp(tm_text_str(&t), wanted) == 0;
	if (!right)
		print_error("got:\n%swanted:\n%s", tm_text_str(&t), wanted);
	tm_text_free(&t);
	assert_true(right);
}

static void rows_are_rendered_in_every_format(void **state)
{
	struct tm_snapshot *s = two_frames();
	struct tm_report r = { .schema = "unit/1", .snapshot = s, .facts = facts, .heading = "Two \x07rows", .columns = columns,
		.ncolumns = COUNT(columns), .nrows = 2, .str = str };
	assert_rendered(&r, TM_FORMAT_TEXT, false, "# Two \\x07rows\n# INCOMPLETE: torn: \\x1b[31m\n# by the way\nrow 0\nrow 1\n");
	assert_rendered(&r, TM_FORMAT_TEXT, true, "# INCOMPLETE: torn: \\x1b[31m\nrow 0\nrow 1\n");
	assert_rendered(&r, TM_FORMAT_JSON, false,
		"{\"schema\":\"unit/1\",\"complete\":false,\"notes\":[\"torn: \\u001b[31m\",\"by the way\"],"
		"\"none\":null,\"middle\":{\"inner\":{\"deep\":7},\"flag\":true},\"name\":\"x,y\",\"rows\":[\n"
		"{\"size\":18446744073709551616,\"text\":\"say \\\"hi\\\",\\nyou\\u001b\\udc80\",\"address\":18364758544493064720,"
		"\"traceback\":[{\"filename\":\"old\\\"\\n.py\",\"lineno\":70000},{\"filename\":\"/usr/lib/python3/a,b.py\",\"lineno\":1}]},\n"
		"{\"size\":5,\"text\":null,\"address\":18364758544493064720,\"traceback\":[]}]}\n");
	/* RFC 4180: quotes are doubled inside quotes; text is escaped as in every format. */
	assert_rendered(&r, TM_FORMAT_CSV, false,
		"size,text,address,traceback,schema,complete\n"
		"18446744073709551616,\"say \"\"hi\"\",\\nyou\\x1b\\udc80\",18364758544493064720,"
		"\"[[\"\"old\\\"\"\\n.py\"\",70000],[\"\"/usr/lib/python3/a,b.py\"\",1]]\",unit/1,false\n"
		"5,,18364758544493064720,[],unit/1,false\n");
	tm_snapshot_unref(s);
}

static void facts_alone_are_rendered_as_names_and_values(void **state)
{
	struct tm_report r = { .schema = "unit/1", .facts = facts };
	assert_rendered(&r, TM_FORMAT_JSON, false, "{\"schema\":\"unit/1\",\"none\":null,\"middle\":{\"inner\":{\"deep\":7},\"flag\":true},\"name\":\"x,y\"}\n");
	/* Every name is the whole way to the value, as in JSON: two tables may both have an "address". */
	assert_rendered(&r, TM_FORMAT_CSV, false,
		"name,value,schema,complete\nnone,,unit/1,true\nmiddle.inner.deep,7,unit/1,true\nmiddle.flag,true,unit/1,true\n"
		"name,\"x,y\",unit/1,true\n");
}

static void names_of_facts_are_quoted_where_they_must_be(void **state)
{
	struct tm_report r = { .schema = "unit/1", .facts = (const struct tm_fact[]) { { "plain", { .kind = TM_CELL_SHARE, .share = 0.333 } }, { 0 } } };
	assert_rendered(&r, TM_FORMAT_CSV, false, "name,value,schema,complete\nplain,33.3,unit/1,true\n");
	assert_rendered(&r, TM_FORMAT_JSON, false, "{\"schema\":\"unit/1\",\"plain\":33.3}\n");
}

static void tables_are_aligned_and_shorten_paths(void **state)
{
	struct tm_snapshot *s = two_frames();
	struct tm_report r = { .schema = "unit/1", .snapshot = s, .columns = columns, .ncolumns = COUNT(columns), .nrows = 2, .str = str };
	struct tm_text t = { 0 };
	ok(tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TABLE, .quiet = true }, &(struct tm_sink) { collect, &t }, NULL));
	const char *notes = "# INCOMPLETE: torn: \\x1b[31m\n";
	assert_memory_equal(t.s, notes, strlen(notes));
	const char *title = t.s + strlen(notes), *first, *second;
	const char *end = strchr(t.s + strlen(notes), '\n');
	if (strncmp(title, "        Size", 12) == 0) { /* quiet tables may do without titles */
		first = end + 1;
	} else {
		first = title;
	}
	second = strchr(first, '\n') + 1;
	assert_memory_equal(first, "16777216 TiB  100.0%  ", 22);
	assert_memory_equal(second, "         5 B   12.5%  ", 22);
	assert_non_null(strstr(first, "0xfedcba9876543210  \xe2\x80\xa6/lib/python3/a,b.py:1 \xe2\x86\x90 old\"\\n.py:70000\n"));
	assert_null(strstr(t.s, "\033"));
	tm_text_clear(&t);
	ok(tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TABLE, .full_paths = true, .color = true },
		&(struct tm_sink) { collect, &t }, NULL));
	assert_non_null(strstr(t.s, "  /usr/lib/python3/a,b.py:1 "));
	assert_non_null(strstr(t.s, "\033[1m"));
	tm_text_free(&t);
	tm_snapshot_unref(s);
}

static void without_words_of_its_own_a_report_is_a_table_in_text(void **state)
{
	struct tm_snapshot *s = two_frames();
	struct tm_report r = { .schema = "unit/1", .snapshot = s, .columns = columns, .ncolumns = COUNT(columns), .nrows = 2 };
	struct tm_text text = { 0 }, table = { 0 };
	ok(tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TEXT }, &(struct tm_sink) { collect, &text }, NULL));
	ok(tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TABLE }, &(struct tm_sink) { collect, &table }, NULL));
	assert_string_equal(text.s, table.s);
	tm_text_free(&text);
	tm_text_free(&table);
	tm_snapshot_unref(s);
}

struct stopper {
	size_t written, polls;
};

static void count(void *ctx, const char *text, size_t len)
{
	((struct stopper *)ctx)->written += len;
}

static bool stop_at_the_third(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return ++((struct stopper *)ctx)->polls == 3;
}

static void long_output_comes_in_pieces_and_can_be_stopped(void **state)
{
	struct tm_snapshot *s = two_frames();
	for (int format = TM_FORMAT_TEXT; format <= TM_FORMAT_CSV; format++) {
		struct tm_report r = { .schema = "unit/1", .snapshot = s, .columns = columns, .ncolumns = COUNT(columns), .nrows = 200000, .str = str };
		struct stopper stopper = { 0 };
		struct tm_render_options o = { .format = (enum tm_format)format };
		fails(tm_render(&r, &o, &(struct tm_sink) { count, &stopper }, &(struct tm_poll) { stop_at_the_third, &stopper }),
			TM_ERR_INTERRUPTED, NULL);
		assert_in_range(stopper.written, 64 << 10, 1 << 20);
	}
	tm_snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_statistic_reads_as_in_cpython),
		cmocka_unit_test(a_traceback_is_named_after_its_oldest_frame),
		cmocka_unit_test(names_are_escaped_in_tracemallocs_words),
		cmocka_unit_test(a_traceback_is_formatted_as_in_cpython),
		cmocka_unit_test_setup_teardown(lines_of_source_are_shown_stripped, unit_folder_setup, unit_folder_teardown),
		cmocka_unit_test(big_numbers_are_grouped),
		cmocka_unit_test(json_strings_come_back_as_they_were),
		cmocka_unit_test(rows_are_rendered_in_every_format),
		cmocka_unit_test(facts_alone_are_rendered_as_names_and_values),
		cmocka_unit_test(names_of_facts_are_quoted_where_they_must_be),
		cmocka_unit_test(tables_are_aligned_and_shorten_paths),
		cmocka_unit_test(without_words_of_its_own_a_report_is_a_table_in_text),
		cmocka_unit_test(long_output_comes_in_pieces_and_can_be_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
