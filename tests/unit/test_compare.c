/* Comparisons. The rows expected were printed by CPython 3.13's own Snapshot.compare_to(). */
#include "snap.h"
#include "tm/compare.h"
#include "tm/render.h"

/* Names and frames have other numbers than in the new one. */
static struct tm_snapshot *old_one(void)
{
	struct tm_builder b = { 0 };
	uint32_t gone = TB(&b, 0, { "gone.py", 1 }), z = TB(&b, 0, { "z.py", 1 }, { "main.py", 9 }),
		 a = TB(&b, 5, { "a.py", 1 }, { "main.py", 9 }), same = TB(&b, 0, { "same.py", 4 }),
		 big = TB(&b, 0, { "big.py", 1 });
	snap_trace(&b, 1, 5000, 0, gone);
	snap_trace(&b, 2, 100, 0, z);
	snap_trace(&b, 3, 100, 0, a);
	snap_trace(&b, 4, 70, 0, same);
	snap_trace(&b, 5, UINT64_MAX, 0, big);
	snap_trace(&b, 6, UINT64_MAX, 0, big);
	return snap_freeze(&b);
}

static struct tm_snapshot *new_one(void)
{
	struct tm_builder b = { 0 };
	uint32_t same = TB(&b, 0, { "same.py", 4 }), a = TB(&b, 9, { "a.py", 1 }, { "main.py", 9 }),
		 z = TB(&b, 0, { "z.py", 1 }, { "main.py", 9 }), fresh = TB(&b, 0, { "new.py", 1 }),
		 lone = TB(&b, 0, { "\355\262\200", 1 }), deep = TB(&b, 0, { "a.py", 1 }, { "a.py", 1 }, { "main.py", 9 });
	snap_trace(&b, 1, 70, 0, same);
	snap_trace(&b, 2, 150, 0, a);
	snap_trace(&b, 3, 50, 7, z);
	snap_trace(&b, 4, 50, 7, fresh);
	snap_trace(&b, 5, 50, 0, lone);
	snap_trace(&b, 6, 0, 0, deep);
	return snap_freeze(&b);
}

static void assert_rows(struct tm_snapshot *old, struct tm_snapshot *now, enum tm_key key, bool cumulative, const char *wanted)
{
	struct tm_compare *c;
	struct tm_text t = { 0 };
	ok(tm_compare_make(old, now, key, cumulative, NULL, &c));
	tm_snapshot_unref(old); /* needed no more */
	tm_snapshot_unref(now);
	for (uint64_t i = 0; i < c->nrows; i++) {
		const struct tm_statistic_diff *r = &c->rows[i];
		for (uint32_t k = r->nframe; k-- > 1;) {
			tm_str_frame(&t, c->snapshot, &r->frames[k]);
			tm_text_puts(&t, " > ");
		}
		tm_str_statistic_diff(&t, c->snapshot, r);
		tm_text_putc(&t, '\n');
	}
	assert_string_equal(tm_text_str(&t), wanted);
	tm_text_free(&t);
	tm_compare_free(c);
}

static struct tm_snapshot *empty(void)
{
	struct tm_builder b = { 0 };
	return snap_freeze(&b);
}

static void by_line(void **state)
{
	assert_rows(old_one(), new_one(), TM_BY_LINENO, false,
		"big.py:1: size=0 B (-33554432 TiB), count=0 (-2)\n"
		"gone.py:1: size=0 B (-5000 B), count=0 (-1)\n"
		"a.py:1: size=150 B (+50 B), count=2 (+1), average=75 B\n"
		"\\udc80:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"z.py:1: size=50 B (-50 B), count=1 (+0), average=50 B\n"
		"same.py:4: size=70 B (+0 B), count=1 (+0), average=70 B\n");
	assert_rows(new_one(), old_one(), TM_BY_LINENO, false,
		"big.py:1: size=33554432 TiB (+33554432 TiB), count=2 (+2), average=16777216 TiB\n"
		"gone.py:1: size=5000 B (+5000 B), count=1 (+1), average=5000 B\n"
		"a.py:1: size=100 B (-50 B), count=1 (-1), average=100 B\n"
		"z.py:1: size=100 B (+50 B), count=1 (+0), average=100 B\n"
		"\\udc80:1: size=0 B (-50 B), count=0 (-1)\n"
		"new.py:1: size=0 B (-50 B), count=0 (-1)\n"
		"same.py:4: size=70 B (+0 B), count=1 (+0), average=70 B\n");
}

static void by_file(void **state)
{
	assert_rows(old_one(), new_one(), TM_BY_FILENAME, false,
		"big.py:0: size=0 B (-33554432 TiB), count=0 (-2)\n"
		"gone.py:0: size=0 B (-5000 B), count=0 (-1)\n"
		"a.py:0: size=150 B (+50 B), count=2 (+1), average=75 B\n"
		"\\udc80:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"z.py:0: size=50 B (-50 B), count=1 (+0), average=50 B\n"
		"same.py:0: size=70 B (+0 B), count=1 (+0), average=70 B\n");
}

static void by_traceback_whatever_the_depth_of_its_stack(void **state)
{
	assert_rows(old_one(), new_one(), TM_BY_TRACEBACK, false,
		"big.py:1: size=0 B (-33554432 TiB), count=0 (-2)\n"
		"gone.py:1: size=0 B (-5000 B), count=0 (-1)\n"
		"main.py:9 > main.py:9: size=150 B (+50 B), count=1 (+0), average=150 B\n"
		"\\udc80:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"main.py:9 > main.py:9: size=50 B (-50 B), count=1 (+0), average=50 B\n"
		"same.py:4: size=70 B (+0 B), count=1 (+0), average=70 B\n"
		"main.py:9 > a.py:1 > main.py:9: size=0 B (+0 B), count=1 (+1), average=0 B\n");
}

static void cumulative_every_occurrence_of_a_frame_counts(void **state)
{
	assert_rows(old_one(), new_one(), TM_BY_LINENO, true,
		"big.py:1: size=0 B (-33554432 TiB), count=0 (-2)\n"
		"gone.py:1: size=0 B (-5000 B), count=0 (-1)\n"
		"a.py:1: size=150 B (+50 B), count=3 (+2), average=50 B\n"
		"\\udc80:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:1: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"z.py:1: size=50 B (-50 B), count=1 (+0), average=50 B\n"
		"main.py:9: size=200 B (+0 B), count=3 (+1), average=67 B\n"
		"same.py:4: size=70 B (+0 B), count=1 (+0), average=70 B\n");
	assert_rows(old_one(), new_one(), TM_BY_FILENAME, true,
		"big.py:0: size=0 B (-33554432 TiB), count=0 (-2)\n"
		"gone.py:0: size=0 B (-5000 B), count=0 (-1)\n"
		"a.py:0: size=150 B (+50 B), count=3 (+2), average=50 B\n"
		"\\udc80:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"z.py:0: size=50 B (-50 B), count=1 (+0), average=50 B\n"
		"main.py:0: size=200 B (+0 B), count=3 (+1), average=67 B\n"
		"same.py:0: size=70 B (+0 B), count=1 (+0), average=70 B\n");
}

static void with_nothing(void **state)
{
	assert_rows(empty(), new_one(), TM_BY_FILENAME, false,
		"a.py:0: size=150 B (+150 B), count=2 (+2), average=75 B\n"
		"same.py:0: size=70 B (+70 B), count=1 (+1), average=70 B\n"
		"\\udc80:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"z.py:0: size=50 B (+50 B), count=1 (+1), average=50 B\n"
		"new.py:0: size=50 B (+50 B), count=1 (+1), average=50 B\n");
	assert_rows(new_one(), empty(), TM_BY_FILENAME, false,
		"a.py:0: size=0 B (-150 B), count=0 (-2)\n"
		"same.py:0: size=0 B (-70 B), count=0 (-1)\n"
		"\\udc80:0: size=0 B (-50 B), count=0 (-1)\n"
		"z.py:0: size=0 B (-50 B), count=0 (-1)\n"
		"new.py:0: size=0 B (-50 B), count=0 (-1)\n");
	assert_rows(empty(), empty(), TM_BY_LINENO, false,
		"");
}

static void with_an_equal_one(void **state)
{
	assert_rows(new_one(), new_one(), TM_BY_LINENO, false,
		"a.py:1: size=150 B (+0 B), count=2 (+0), average=75 B\n"
		"same.py:4: size=70 B (+0 B), count=1 (+0), average=70 B\n"
		"\\udc80:1: size=50 B (+0 B), count=1 (+0), average=50 B\n"
		"z.py:1: size=50 B (+0 B), count=1 (+0), average=50 B\n"
		"new.py:1: size=50 B (+0 B), count=1 (+0), average=50 B\n");
}

static void the_total_counts_each_block_once(void **state)
{
	struct tm_snapshot *old = old_one(), *now = new_one();
	struct tm_compare *c;
	ok(tm_compare_make(old, now, TM_BY_LINENO, true, NULL, &c));
	assert_true(c->total.size == 370 && c->total.size_diff == 370 - (tm_i128)5270 - (tm_i128)2 * UINT64_MAX);
	assert_true(c->total.count == 6 && c->total.count_diff == 0);
	assert_true(c->key == TM_BY_LINENO && c->cumulative);
	tm_compare_free(c);
	tm_snapshot_unref(old);
	tm_snapshot_unref(now);
}

static void cumulative_by_traceback_is_refused(void **state)
{
	struct tm_snapshot *s = new_one();
	struct tm_compare *c;
	fails(tm_compare_make(s, s, TM_BY_TRACEBACK, true, NULL, &c), TM_ERR_USAGE, "cumulative");
	tm_snapshot_unref(s);
}

static void blocks_without_frames_are_one_row(void **state)
{
	struct tm_builder b = { 0 };
	TB(&b, 0, { "a.py", 1 });
	snap_trace(&b, 1, 10, 0, TB(&b, 0, { 0 }));
	struct tm_snapshot *s = snap_freeze(&b);
	assert_rows(empty(), tm_snapshot_ref(s), TM_BY_LINENO, false, ": size=10 B (+10 B), count=1 (+1), average=10 B\n");
	assert_rows(s, empty(), TM_BY_TRACEBACK, false, ": size=0 B (-10 B), count=0 (-1)\n");
}

static void equal_names_are_one_name(void **state)
{
	struct tm_builder b = { 0 };
	snap_trace(&b, 1, 10, 0, TB(&b, 0, { "a.py", 1 }));
	snap_trace(&b, 2, 10, 0, TB(&b, 0, { "b.py", 1 }));
	b.names.text.items[b.names.strings[1].offset] = 'a'; /* as a file may have it that another program wrote */
	assert_rows(empty(), snap_freeze(&b), TM_BY_LINENO, false, "a.py:1: size=20 B (+20 B), count=2 (+2), average=10 B\n");
}

static void what_either_lacks_is_said(void **state)
{
	struct tm_snapshot *old = old_one(), *now = new_one();
	struct tm_compare *c;
	assert_true(tm_snapshot_note(old, true, "a page is missing") && tm_snapshot_note(now, false, "100%%"));
	for (int i = 0; i < 4; i++) {
		old->about.complete = i & 1;
		now->about.complete = i & 2;
		ok(tm_compare_make(old, now, TM_BY_LINENO, false, NULL, &c));
		assert_int_equal(c->snapshot->about.complete, i == 3);
		assert_int_equal(c->snapshot->nnotes, 2);
		assert_true(c->snapshot->notes[0].gap && !c->snapshot->notes[1].gap);
		assert_string_equal(c->snapshot->notes[0].text, "old snapshot: a page is missing");
		assert_string_equal(c->snapshot->notes[1].text, "new snapshot: 100%");
		tm_compare_free(c);
	}
	tm_snapshot_unref(old);
	tm_snapshot_unref(now);
}

static struct tm_error *damaged(void *owner, const struct tm_snapshot *s, unsigned sections)
{
	return tm_error_new(TM_ERR_CORRUPT, "damaged");
}

static void both_are_verified(void **state)
{
	struct tm_snapshot *good = new_one(), *bad = old_one();
	struct tm_compare *c;
	bad->verify = damaged;
	fails(tm_compare_make(good, bad, TM_BY_LINENO, false, NULL, &c), TM_ERR_CORRUPT, "damaged");
	fails(tm_compare_make(bad, good, TM_BY_LINENO, false, NULL, &c), TM_ERR_CORRUPT, "damaged");
	tm_snapshot_unref(good);
	tm_snapshot_unref(bad);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return --*(int *)ctx == 0;
}

static void comparing_can_be_interrupted(void **state)
{
	struct tm_snapshot *s = new_one();
	struct tm_compare *c;
	for (int after = 1; after <= 2; after++)
		fails(tm_compare_make(s, s, TM_BY_LINENO, false, &(struct tm_poll) { stop, &(int) { after } }, &c), TM_ERR_INTERRUPTED,
			NULL);
	tm_snapshot_unref(s);
}

/* ---- str() of one row ---- */

static void sizes_as_tracemalloc_writes_them(void **state)
{
	static const struct {
		tm_u128 size;
		tm_i128 diff;
		const char *wanted;
	} cases[] = { { 0, 0, "0 B (+0 B)" }, { 10239, -10239, "10239 B (-10239 B)" }, { 10240, -10240, "10.0 KiB (-10.0 KiB)" },
		{ 102349, 102349, "100.0 KiB (+100.0 KiB)" }, { 102400, -102400, "100 KiB (-100 KiB)" },
		{ 10485759, -10485759, "10240 KiB (-10240 KiB)" }, { (tm_u128)10 << 40, -((tm_i128)10 << 40), "10.0 TiB (-10.0 TiB)" },
		{ (tm_u128)1 << 96, -((tm_i128)1 << 96), "72057594037927936 TiB (-72057594037927936 TiB)" } };
	struct tm_snapshot *s = empty();
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_text t = { 0 }, wanted = { 0 };
		tm_text_printf(&wanted, ": size=%s, count=0 (-9223372036854775808)", cases[i].wanted);
		tm_str_statistic_diff(&t, s, &(struct tm_statistic_diff) { .size = cases[i].size, .size_diff = cases[i].diff,
			.count_diff = INT64_MIN });
		assert_string_equal(tm_text_str(&t), tm_text_str(&wanted));
		tm_text_free(&t);
		tm_text_free(&wanted);
	}
	tm_snapshot_unref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_line),
		cmocka_unit_test(by_file),
		cmocka_unit_test(by_traceback_whatever_the_depth_of_its_stack),
		cmocka_unit_test(cumulative_every_occurrence_of_a_frame_counts),
		cmocka_unit_test(with_nothing),
		cmocka_unit_test(with_an_equal_one),
		cmocka_unit_test(the_total_counts_each_block_once),
		cmocka_unit_test(cumulative_by_traceback_is_refused),
		cmocka_unit_test(blocks_without_frames_are_one_row),
		cmocka_unit_test(equal_names_are_one_name),
		cmocka_unit_test(what_either_lacks_is_said),
		cmocka_unit_test(both_are_verified),
		cmocka_unit_test(comparing_can_be_interrupted),
		cmocka_unit_test(sizes_as_tracemalloc_writes_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
