/* Statistics, order and addresses. The rows expected were printed by CPython 3.13's own Snapshot.statistics(). */
#include "snap.h"
#include "tm/query.h"

/* As in the script: (domain, size, frames, total_nframe), the newest frame first. */
static struct tm_snapshot *script(void)
{
	struct tm_builder b = { 0 };
	uint32_t tb[] = { TB(&b, 0, { "b.py", 10 }, { "a.py", 2 }), TB(&b, 0, { "b.py", 9 }, { "a.py", 2 }), TB(&b, 0, { "b.py", 10 }, { "z.py", 1 }),
		TB(&b, 0, { "\303\251.py", 3 }), TB(&b, 0, { "e.py", 3 }), TB(&b, 0, { "\360\237\230\200.py", 3 }), TB(&b, 0, { "\357\277\275.py", 3 }),
		TB(&b, 0, { "\355\240\200.py", 3 }), TB(&b, 9, { "r.py", 5 }, { "r.py", 5 }, { "r.py", 5 }, { "main.py", 1 }), TB(&b, 0, { "zero.py", 1 }),
		TB(&b, 0, { "e.py", 3 }, { "e.py", 3 }), TB(&b, 0, { "big.py", 1 }, { "main.py", 1 }) };
	snap_trace(&b, 1, 100, 0, tb[0]);
	snap_trace(&b, 2, 100, 0, tb[1]);
	snap_trace(&b, 3, 50, 0, tb[2]);
	snap_trace(&b, 4, 50, 7, tb[2]);
	for (uint32_t i = 3; i < 8; i++)
		snap_trace(&b, i + 2, 100, 0, tb[i]);
	snap_trace(&b, 10, 30, 0, tb[8]);
	snap_trace(&b, 11, 0, 0, tb[9]);
	snap_trace(&b, 12, 100, 0, tb[10]);
	snap_trace(&b, 13, UINT64_MAX, 1, tb[11]);
	snap_trace(&b, 14, UINT64_MAX, 1, tb[11]);
	return snap_freeze(&b);
}

/* "size count frames", the oldest frame first. */
static void assert_rows(struct tm_snapshot *s, enum tm_key key, bool cumulative, const char *wanted)
{
	struct tm_statistics *st;
	struct tm_text t = { 0 };
	ok(tm_statistics_make(s, key, cumulative, NULL, &st));
	for (uint64_t i = 0; i < st->nrows; i++) {
		tm_text_u128(&t, st->rows[i].size);
		tm_text_printf(&t, " %llu", (unsigned long long)st->rows[i].count);
		for (uint32_t k = st->rows[i].nframe; k-- > 0;) {
			size_t len;
			const struct tm_frame *f = &st->rows[i].frames[k];
			const char *name = tm_snapshot_name(s, f->filename, &len);
			tm_text_printf(&t, " %.*s:%u", (int)len, name, f->lineno);
		}
		tm_text_putc(&t, '\n');
	}
	assert_string_equal(tm_text_str(&t), wanted);
	tm_text_free(&t);
	tm_statistics_free(st);
}

static void by_line(void **state)
{
	struct tm_snapshot *s = script();
	assert_rows(s, TM_BY_LINENO, false, "36893488147419103230 2 big.py:1\n"
					    "200 3 b.py:10\n"
					    "200 2 e.py:3\n"
					    "100 1 \360\237\230\200.py:3\n"
					    "100 1 \357\277\275.py:3\n"
					    "100 1 \355\240\200.py:3\n"
					    "100 1 \303\251.py:3\n"
					    "100 1 b.py:9\n"
					    "30 1 r.py:5\n"
					    "0 1 zero.py:1\n");
	tm_snapshot_unref(s);
}

static void by_file(void **state)
{
	struct tm_snapshot *s = script();
	assert_rows(s, TM_BY_FILENAME, false, "36893488147419103230 2 big.py:0\n"
					      "300 4 b.py:0\n"
					      "200 2 e.py:0\n"
					      "100 1 \360\237\230\200.py:0\n"
					      "100 1 \357\277\275.py:0\n"
					      "100 1 \355\240\200.py:0\n"
					      "100 1 \303\251.py:0\n"
					      "30 1 r.py:0\n"
					      "0 1 zero.py:0\n");
	tm_snapshot_unref(s);
}

static void by_traceback_the_oldest_frame_decides_first(void **state)
{
	struct tm_snapshot *s = script();
	assert_rows(s, TM_BY_TRACEBACK, false, "36893488147419103230 2 main.py:1 big.py:1\n"
					       "100 2 z.py:1 b.py:10\n"
					       "100 1 \360\237\230\200.py:3\n"
					       "100 1 \357\277\275.py:3\n"
					       "100 1 \355\240\200.py:3\n"
					       "100 1 \303\251.py:3\n"
					       "100 1 e.py:3 e.py:3\n"
					       "100 1 e.py:3\n"
					       "100 1 a.py:2 b.py:10\n"
					       "100 1 a.py:2 b.py:9\n"
					       "30 1 main.py:1 r.py:5 r.py:5 r.py:5\n"
					       "0 1 zero.py:1\n");
	tm_snapshot_unref(s);
}

static void cumulative_every_occurrence_of_a_frame_counts(void **state)
{
	struct tm_snapshot *s = script();
	assert_rows(s, TM_BY_LINENO, true, "36893488147419103260 3 main.py:1\n"
					   "36893488147419103230 2 big.py:1\n"
					   "300 3 e.py:3\n"
					   "200 3 b.py:10\n"
					   "200 2 a.py:2\n"
					   "100 2 z.py:1\n"
					   "100 1 \360\237\230\200.py:3\n"
					   "100 1 \357\277\275.py:3\n"
					   "100 1 \355\240\200.py:3\n"
					   "100 1 \303\251.py:3\n"
					   "100 1 b.py:9\n"
					   "90 3 r.py:5\n"
					   "0 1 zero.py:1\n");
	assert_rows(s, TM_BY_FILENAME, true, "36893488147419103260 3 main.py:0\n"
					     "36893488147419103230 2 big.py:0\n"
					     "300 4 b.py:0\n"
					     "300 3 e.py:0\n"
					     "200 2 a.py:0\n"
					     "100 2 z.py:0\n"
					     "100 1 \360\237\230\200.py:0\n"
					     "100 1 \357\277\275.py:0\n"
					     "100 1 \355\240\200.py:0\n"
					     "100 1 \303\251.py:0\n"
					     "90 3 r.py:0\n"
					     "0 1 zero.py:0\n");
	tm_snapshot_unref(s);
}

static void the_total_counts_each_block_once(void **state)
{
	struct tm_snapshot *s = script();
	for (int cumulative = 0; cumulative < 2; cumulative++) {
		struct tm_statistics *st;
		ok(tm_statistics_make(s, TM_BY_FILENAME, cumulative, NULL, &st));
		assert_int_equal(st->count, 14);
		assert_true(st->size == (tm_u128)UINT64_MAX * 2 + 930);
		tm_statistics_free(st);
	}
	tm_snapshot_unref(s);
}

static void cumulative_by_traceback_is_refused(void **state)
{
	struct tm_snapshot *s = script();
	struct tm_statistics *st;
	fails(tm_statistics_make(s, TM_BY_TRACEBACK, true, NULL, &st), TM_ERR_USAGE, "traceback");
	tm_snapshot_unref(s);
}

static void nothing_gives_no_rows(void **state)
{
	struct tm_builder b = { 0 };
	struct tm_snapshot *s = snap_freeze(&b);
	assert_rows(s, TM_BY_LINENO, false, "");
	assert_rows(s, TM_BY_FILENAME, true, "");
	assert_rows(s, TM_BY_TRACEBACK, false, "");
	uint64_t *order, n;
	ok(tm_traces_biggest(s, 0, NULL, &order, &n));
	assert_int_equal(n, 0);
	free(order);
	ok(tm_traces_at(s, 0, &order, &n));
	assert_int_equal(n, 0);
	free(order);
	tm_snapshot_unref(s);
}

/* A file may hold a name twice: tracemalloc would see one. */
static void equal_names_are_one_name(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t x = TB(&b, 0, { "a.py", 1 }, { "m.py", 2 }), y = TB(&b, 0, { "A.py", 1 }, { "m.py", 2 });
	snap_trace(&b, 1, 10, 0, x);
	snap_trace(&b, 2, 20, 0, y);
	b.names.text.items[b.names.strings[2].offset] = 'a';
	struct tm_snapshot *s = snap_freeze(&b);
	assert_rows(s, TM_BY_LINENO, false, "30 2 a.py:1\n");
	assert_rows(s, TM_BY_FILENAME, false, "30 2 a.py:0\n");
	assert_rows(s, TM_BY_TRACEBACK, false, "30 2 m.py:2 a.py:1\n");
	tm_snapshot_unref(s);
}

static void many_rows_are_all_there_and_in_order(void **state)
{
	struct tm_builder b = { 0 };
	uint64_t seed = 3;
	for (uint32_t i = 0; i < 5000; i++) {
		char name[32];
		snprintf(name, sizeof name, "%u.py", i % 97);
		uint32_t tb = TB(&b, 0, { name, i % 61 });
		assert_true(tm_array_push(&b.tallies, ((struct tm_tally) { tb, 0, 1 + i % 3, unit_random(&seed) % 50, 0 })));
	}
	struct tm_snapshot *s = snap_freeze(&b);
	struct tm_statistics *st;
	uint64_t count = 0;
	tm_u128 size = 0;
	ok(tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st));
	assert_int_equal(st->nrows, 5000); /* 97 and 61 have no common factor, and 97 * 61 > 5000 */
	for (uint64_t i = 0; i < st->nrows; i++) {
		count += st->rows[i].count;
		size += st->rows[i].size;
		if (i && st->rows[i].size == st->rows[i - 1].size)
			assert_true(st->rows[i].count <= st->rows[i - 1].count);
		else if (i)
			assert_true(st->rows[i].size < st->rows[i - 1].size);
	}
	assert_int_equal(count, st->count);
	assert_true(size == st->size);
	tm_statistics_free(st);
	tm_snapshot_unref(s);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void grouping_can_be_interrupted(void **state)
{
	struct tm_builder b = { 0 };
	struct tm_statistics *st;
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	for (uint32_t i = 0; i < 100000; i++)
		assert_true(tm_array_push(&b.tallies, ((struct tm_tally) { tb, i, 1, 1, 0 })));
	struct tm_snapshot *s = snap_freeze(&b);
	fails(tm_statistics_make(s, TM_BY_LINENO, false, &(struct tm_poll) { stop, NULL }, &st), TM_ERR_INTERRUPTED, NULL);
	tm_snapshot_unref(s);
}

/* ---- single blocks ---- */

static void the_biggest_blocks_come_first(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	static const struct {
		uint64_t address, size;
		uint32_t domain;
	} put[] = { { 0x50, 10, 0 }, { 0x10, 30, 0 }, { 0x40, 10, 2 }, { 0x20, UINT64_MAX, 9 }, { 0x30, 0, 0 }, { 0x60, 10, 0 }, { 0x70, 10, 1 } };
	static const uint64_t wanted[] = { 3, 1, 0, 5, 6, 2, 4 }; /* by size, then domain, then address */
	for (size_t i = 0; i < COUNT(put); i++)
		snap_trace(&b, put[i].address, put[i].size, put[i].domain, tb);
	struct tm_snapshot *s = snap_freeze(&b);
	for (uint64_t limit = 0; limit < 10; limit++) {
		uint64_t *order, n;
		ok(tm_traces_biggest(s, limit, NULL, &order, &n));
		assert_int_equal(n, limit && limit < 7 ? limit : 7);
		assert_memory_equal(order, wanted, n * sizeof *order);
		free(order);
	}
	tm_snapshot_unref(s);
}

static void the_biggest_of_many_are_found(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	for (uint64_t i = 0; i < 10000; i++)
		snap_trace(&b, i, i * 7919 % 10007, 0, tb); /* every size once */
	struct tm_snapshot *s = snap_freeze(&b);
	uint64_t *order, n;
	ok(tm_traces_biggest(s, 0, NULL, &order, &n));
	assert_int_equal(n, 10000);
	for (uint64_t i = 1; i < n; i++)
		assert_true(s->traces[order[i]].size < s->traces[order[i - 1]].size);
	uint64_t *few, nfew;
	ok(tm_traces_biggest(s, 25, NULL, &few, &nfew));
	assert_int_equal(nfew, 25);
	assert_memory_equal(few, order, 25 * sizeof *few);
	free(few);
	free(order);
	tm_snapshot_unref(s);
}

static void assert_at(struct tm_snapshot *s, uint64_t addr, size_t count, const uint64_t *wanted)
{
	uint64_t *order, n;
	ok(tm_traces_at(s, addr, &order, &n));
	assert_int_equal(n, count);
	if (n)
		assert_memory_equal(order, wanted, count * sizeof *wanted);
	free(order);
}
#define AT(s, addr, ...) assert_at((s), (addr), sizeof((uint64_t[]) { __VA_ARGS__ }) / 8, (uint64_t[]) { __VA_ARGS__ })

static void exact_starts_come_before_blocks_that_contain_the_address(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	snap_trace(&b, 0x1000, 0x100, 0, tb);	    /* 0 */
	snap_trace(&b, 0x1010, 0x10, 7, tb);	    /* 1 */
	snap_trace(&b, 0x1010, 0x20, 0, tb);	    /* 2 */
	snap_trace(&b, 0x1010, 0, 3, tb);	    /* 3: no bytes, but it begins there */
	snap_trace(&b, 0x1008, 0x40, 9, tb);	    /* 4 */
	snap_trace(&b, 0x1008, 0x40, 2, tb);	    /* 5 */
	snap_trace(&b, 0x0800, 0x10000, 0, tb);	    /* 6 */
	snap_trace(&b, UINT64_MAX - 15, 16, 0, tb); /* 7: up to the last byte */
	snap_trace(&b, 0x1010, 0x10, 4, tb);	    /* 8 */
	struct tm_snapshot *s = snap_freeze(&b);
	AT(s, 0x1010, 2, 3, 8, 1, 0, 6, 5, 4);
	AT(s, 0x1011, 2, 0, 6, 8, 1, 5, 4);
	AT(s, 0x1000, 0, 6);
	AT(s, 0x10ff, 0, 6);
	AT(s, 0x1100, 6);
	AT(s, UINT64_MAX, 7);
	AT(s, UINT64_MAX - 15, 7);
	assert_at(s, 0x7ff, 0, NULL);
	assert_at(s, 0x10800, 0, NULL);
	tm_snapshot_unref(s);
}

/* Domains other than 0 may carry any number as a size: no block goes on from the end of memory to its beginning. */
static void no_block_reaches_around_the_end_of_memory(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	snap_trace(&b, 0x2000, UINT64_MAX, 5, tb);
	struct tm_snapshot *s = snap_freeze(&b);
	uint64_t *order, n;
	AT(s, 0x2000, 0);
	AT(s, UINT64_MAX, 0);
	ok(tm_traces_at(s, 0x1000, &order, &n));
	free(order);
	tm_snapshot_unref(s);
	assert_int_equal(n, 0);
}

static void of_very_many_blocks_the_best_are_kept(void **state)
{
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	for (uint32_t i = 0; i < 1000; i++)
		snap_trace(&b, 0x1000, 2000 - i, i + 1, tb);
	snap_trace(&b, 0x1000, 5000, 0, tb);
	struct tm_snapshot *s = snap_freeze(&b);
	uint64_t *order, n;
	ok(tm_traces_at(s, 0x1000, &order, &n));
	assert_in_range(n, 100, 1001);
	assert_int_equal(order[0], 1000); /* domain 0 */
	for (uint64_t i = 1; i < n; i++)
		assert_int_equal(order[i], 1000 - i); /* then the smallest */
	free(order);
	tm_snapshot_unref(s);
}

static void without_addresses_none_is_found(void **state)
{
	struct tm_snapshot *s = script();
	uint64_t *order, n;
	s->about.has_addresses = false;
	fails(tm_traces_at(s, 1, &order, &n), TM_ERR_UNSUPPORTED, "addresses");
	tm_snapshot_unref(s);
}

/* ---- comparing ---- */

static void frames_compare_as_pythons_tuples_do(void **state)
{
	/* sign of (Traceback < Traceback), the oldest frame first; ranks: name 0 < name 1 < name 2 */
	static const uint32_t ranks[] = { 0, 1, 2 };
	static const struct {
		struct tm_frame a[3];
		uint32_t na;
		struct tm_frame b[3];
		uint32_t nb;
		int wanted;
	} cases[] = { { { { 0, 1 } }, 1, { { 0, 1 } }, 1, 0 }, { { { 0, 1 } }, 1, { { 0, 2 } }, 1, -1 }, { { { 0, 9 } }, 1, { { 1, 1 } }, 1, -1 },
		{ { { 2, 5 }, { 0, 1 } }, 2, { { 0, 1 }, { 0, 2 } }, 2, -1 }, /* newest first: the second ones are older */
		{ { { 2, 5 }, { 0, 1 } }, 2, { { 0, 1 } }, 1, 1 }, { { { 0, 1 } }, 1, { { 2, 5 }, { 0, 1 } }, 2, -1 }, { { { 0, 0 } }, 0, { { 0, 0 } }, 0, 0 },
		{ { { 0, 0 } }, 0, { { 0, 0 } }, 1, -1 }, { { { 0, UINT32_MAX } }, 1, { { 0, 1 } }, 1, 1 } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		int c = tm_frames_compare(cases[i].a, cases[i].na, cases[i].b, cases[i].nb, ranks);
		assert_int_equal((c > 0) - (c < 0), cases[i].wanted);
		c = tm_frames_compare(cases[i].b, cases[i].nb, cases[i].a, cases[i].na, ranks);
		assert_int_equal((c > 0) - (c < 0), -cases[i].wanted);
	}
}

static void names_rank_by_code_point(void **state)
{
	/* sorted() of CPython */
	static const char *const sorted[] = { "", "A", "a", "a\x01", "ab", "b", "\303\251", "\355\240\200", "\357\277\275", "\360\237\230\200" };
	struct tm_builder b = { 0 };
	for (size_t i = COUNT(sorted); i-- > 0;)
		TB(&b, 0, { sorted[i], 1 });
	struct tm_snapshot *s = snap_freeze(&b);
	uint32_t *ranks;
	ok(tm_name_ranks(s, &ranks));
	for (uint32_t i = 0; i < COUNT(sorted); i++)
		assert_int_equal(ranks[i], COUNT(sorted) - 1 - i);
	free(ranks);
	tm_snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_line),
		cmocka_unit_test(by_file),
		cmocka_unit_test(by_traceback_the_oldest_frame_decides_first),
		cmocka_unit_test(cumulative_every_occurrence_of_a_frame_counts),
		cmocka_unit_test(the_total_counts_each_block_once),
		cmocka_unit_test(cumulative_by_traceback_is_refused),
		cmocka_unit_test(nothing_gives_no_rows),
		cmocka_unit_test(equal_names_are_one_name),
		cmocka_unit_test(many_rows_are_all_there_and_in_order),
		cmocka_unit_test(grouping_can_be_interrupted),
		cmocka_unit_test(the_biggest_blocks_come_first),
		cmocka_unit_test(the_biggest_of_many_are_found),
		cmocka_unit_test(exact_starts_come_before_blocks_that_contain_the_address),
		cmocka_unit_test(no_block_reaches_around_the_end_of_memory),
		cmocka_unit_test(of_very_many_blocks_the_best_are_kept),
		cmocka_unit_test(without_addresses_none_is_found),
		cmocka_unit_test(frames_compare_as_pythons_tuples_do),
		cmocka_unit_test(names_rank_by_code_point),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
