/* From the bytes of a whole process to a snapshot: what is found, what is believed, what is said about the rest. */
#include "../../core/capture/find.h"
#include "../../core/capture/tracebacks.h"
#include "process.h"
#include "tm/query.h"
#include "tm/render.h"

static const struct build {
	unsigned word;
	bool big;
	int minor;
	enum where where;
	const char *source; /* what leads to the tables */
} builds[] = {
	{ 8, false, 13, BY_COOKIE, "cookie" }, { 8, false, 14, BY_COOKIE, "cookie" }, { 8, false, 15, BY_COOKIE, "cookie" },
	{ 8, false, 13, MOVED, "cookie" }, { 8, false, 15, MOVED, "cookie" }, { 8, false, 12, NO_COOKIE, "scan" },
	{ 8, false, 13, NO_COOKIE, "scan" }, { 8, false, 14, NO_COOKIE, "scan" }, { 8, false, 15, NO_COOKIE, "scan" },
	{ 8, false, 7, GCC, "scan" }, { 8, false, 8, GCC, "scan" }, { 8, false, 9, GCC, "scan" }, { 8, false, 11, GCC, "scan" },
	{ 8, false, 9, CLANG, "scan" }, { 8, false, 11, CLANG, "scan" }, { 8, false, 11, DEBIAN, "scan" }, { 8, false, 10, SHUFFLED, "scan" },
	{ 4, false, 13, BY_COOKIE, "cookie" }, { 4, false, 15, BY_COOKIE, "cookie" }, { 4, false, 15, MOVED, "cookie" },
	{ 4, false, 12, NO_COOKIE, "scan" }, { 4, false, 11, GCC, "scan" }, { 4, false, 10, SHUFFLED, "scan" },
	{ 8, true, 13, BY_COOKIE, "cookie" }, { 8, true, 15, MOVED, "cookie" }, { 8, true, 11, GCC, "scan" }, { 8, true, 8, GCC, "scan" },
	{ 8, true, 13, NO_COOKIE, "scan" }, { 4, true, 15, BY_COOKIE, "cookie" }, { 4, true, 13, NO_COOKIE, "scan" },
	{ 4, true, 11, GCC, "scan" },
};

static void begin(struct process *p, const struct build *b)
{
	process_init(p, b->word, b->big, b->minor, b->where);
}

static struct tm_snapshot *capture(struct tm_target *t, bool traces)
{
	struct tm_snapshot *s = NULL;
	ok(tm_capture(t, &(struct tm_capture_options) { .traces = traces }, &s));
	assert_non_null(s);
	return s;
}

/* Captures and forgets the target: a snapshot outlives it. */
static struct tm_snapshot *capture_process(struct process *p)
{
	struct tm_target *t = img_open(&p->m);
	struct tm_snapshot *s = capture(t, true);
	tm_target_close(t);
	return s;
}

/* All rows as tracemalloc writes them. */
static void assert_statistics(struct tm_snapshot *s, enum tm_key key, bool cumulative, const char *wanted)
{
	struct tm_statistics *st;
	struct tm_text t = { 0 };
	ok(tm_statistics_make(s, key, cumulative, NULL, &st));
	for (uint64_t i = 0; i < st->nrows; i++) {
		tm_str_statistic(&t, s, &st->rows[i]);
		tm_text_putc(&t, '\n');
	}
	assert_string_equal(tm_text_str(&t), wanted);
	tm_text_free(&t);
	tm_statistics_free(st);
}

static bool has_note(const struct tm_snapshot *s, bool gap, const char *words)
{
	for (size_t i = 0; i < s->nnotes; i++)
		if (s->notes[i].gap == gap && strstr(s->notes[i].text, words))
			return true;
	for (size_t i = 0; i < s->nnotes; i++)
		print_error("note: %s\n", s->notes[i].text);
	return false;
}

/* By hand from the six blocks. */
static const char by_lineno[] = "a.py:1: size=1150 B, count=3, average=383 B\n"
				"c.py:9: size=10 B, count=2, average=5 B\n"
				"<unknown>:0: size=1 B, count=1, average=1 B\n";
static const char by_filename[] = "a.py:0: size=1150 B, count=3, average=383 B\n"
				  "c.py:0: size=10 B, count=2, average=5 B\n"
				  "<unknown>:0: size=1 B, count=1, average=1 B\n";
static const char by_traceback[] = "b.py:2: size=1150 B, count=3, average=383 B\n"
				   "b.py:2: size=10 B, count=2, average=5 B\n"
				   "<unknown>:0: size=1 B, count=1, average=1 B\n";
static const char by_lineno_cumulative[] = "b.py:2: size=1160 B, count=5, average=232 B\n"
					   "a.py:1: size=1150 B, count=3, average=383 B\n"
					   "c.py:9: size=10 B, count=2, average=5 B\n"
					   "<unknown>:0: size=1 B, count=1, average=1 B\n";

static void assert_whole(struct tm_snapshot *s)
{
	assert_statistics(s, TM_BY_LINENO, false, by_lineno);
	assert_statistics(s, TM_BY_FILENAME, false, by_filename);
	assert_statistics(s, TM_BY_TRACEBACK, false, by_traceback);
	assert_statistics(s, TM_BY_LINENO, true, by_lineno_cumulative);
}

/* ---- the truth ---- */

static void every_build_gives_the_same_statistics(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		struct process p;
		begin(&p, &builds[i]);
		struct tm_snapshot *s = capture_process(&p);
		const struct tm_about *a = &s->about;
		assert_true(a->tracing);
		assert_whole(s);
		for (size_t k = 0; k < s->nnotes; k++)
			print_error("3.%d: %s\n", builds[i].minor, s->notes[k].text);
		assert_int_equal(s->nnotes, 0);
		assert_true(a->complete);
		assert_string_equal(a->source, builds[i].source);
		assert_int_equal(s->ntraces, 6);
		assert_true(a->has_traced);
		assert_int_equal(a->traced, PROCESS_SUM);
		assert_true(a->has_peak);
		assert_int_equal(a->peak, PROCESS_PEAK);
		assert_true(a->has_addresses);
		assert_int_equal(a->python_minor, 0x0300 + builds[i].minor);
		char version[16];
		snprintf(version, sizeof version, "3.%d.5", builds[i].minor);
		assert_string_equal(a->python, version);
		assert_int_equal(a->has_total_nframe, builds[i].minor >= 9);
		assert_int_equal(a->truncated, builds[i].minor >= 9 ? 2 : 0); /* the blocks of c.py: 2 of 5 frames */
		assert_true(a->has_limit);
		assert_int_equal(a->limit, PROCESS_LIMIT);
		/* get_tracemalloc_memory(): sizeof(table) + buckets + entries of each, but for the table of domains */
		uint64_t memory = builds[i].minor >= 9 ? (builds[i].word == 8 ? 5 * (80 + 16 * 8) + 11 * 32 : 5 * (40 + 16 * 4) + 11 * 16)
							       : 3 * (72 + 16 * 8) + 6 * 44 + 5 * 24;
		assert_int_equal(a->memory, memory);
		assert_true(a->own_memory > a->memory);
		assert_int_equal(s->ntables, builds[i].minor >= 9 ? 6 : 3);
		tm_snapshot_unref(s);
		process_free(&p);
	}
}

static void single_blocks_are_kept_only_on_request(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i += 8) {
		struct process p;
		begin(&p, &builds[i]);
		struct tm_target *t = img_open(&p.m);
		struct tm_snapshot *without = capture(t, false), *with = capture(t, true);
		assert_null(without->traces);
		assert_int_equal(without->ntraces, 6);
		assert_whole(without);
		assert_non_null(with->traces);
		uint64_t sum = 0, keys = 0;
		for (uint64_t k = 0; k < 6; k++) {
			const struct tm_trace *trace = &with->traces[k];
			sum += trace->size;
			keys += trace->address;
			if (trace->domain == 389047) {
				assert_int_equal(trace->address, 0x20001000);
				assert_int_equal(trace->size, 1000);
			}
			if (!trace->address)
				assert_int_equal(trace->domain, 5);
		}
		assert_int_equal(sum, PROCESS_SUM);
		assert_int_equal(keys, 2 * 0x20001000ull + 0x20002000 + 0x20003000 + 0x20004000);
		tm_snapshot_unref(with);
		tm_snapshot_unref(without);
		tm_target_close(t);
		process_free(&p);
	}
}

static void odd_names_arrive_as_they_are(void **state)
{
	struct process p;
	begin(&p, &builds[0]);
	static const uint32_t surrogates[] = { 'x', 0xdc80, 0xd800 }, latin[] = { 0xe9, '\n' }, wide[] = { 0x1f600 };
	uint64_t names[] = { img_str(&p.m, IMG_UCS2, surrogates, 3, 11), img_str(&p.m, IMG_LATIN1, latin, 2, 22),
		img_str(&p.m, IMG_UCS4, wide, 1, 33), img_str(&p.m, IMG_ASCII, NULL, 0, 44) };
	uint64_t size = 0;
	for (unsigned i = 0; i < 4; i++) {
		struct img_frame f = { names[i], 70000 + i };
		uint64_t tb = img_traceback(&p.m, &f, 1, 1);
		img_pair(&p.m, &p.filenames, names[i], 11 * (i + 1), 0);
		img_pair(&p.m, &p.tracebacks, tb, img_get(&p.m, tb, 8), 0);
		img_trace(&p.m, &p.traces, 0x30000000 + i * 16, 0, 90000 - i, tb);
		size += 90000 - i;
	}
	img_word(&p.m, p.traced_at, PROCESS_SUM + size);
	struct tm_snapshot *s = capture_process(&p);
	assert_true(s->about.complete);
	struct tm_statistics *st;
	ok(tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st));
	static const char *const utf8[] = { "x\xed\xb2\x80\xed\xa0\x80", "\xc3\xa9\n", "\xf0\x9f\x98\x80", "" };
	for (unsigned i = 0; i < 4; i++) {
		size_t len;
		const char *name = tm_snapshot_name(s, st->rows[i].frames[0].filename, &len);
		assert_int_equal(st->rows[i].frames[0].lineno, 70000 + i);
		assert_int_equal(len, strlen(utf8[i]));
		assert_string_equal(name, utf8[i]);
	}
	tm_statistics_free(st);
	tm_snapshot_unref(s);
	process_free(&p);
}

static void sizes_add_up_beyond_64_bits(void **state)
{
	struct process p;
	begin(&p, &builds[0]);
	struct img_frame f = { p.names[0], 77 };
	uint64_t tb = img_traceback(&p.m, &f, 1, 1);
	img_pair(&p.m, &p.tracebacks, tb, img_get(&p.m, tb, 8), 0);
	for (unsigned i = 0; i < 4; i++) /* 4 × (2^64 - 1) */
		img_trace(&p.m, &p.numpy, 0x50000000 + i * 16, 389047, UINT64_MAX, tb);
	img_word(&p.m, p.traced_at, PROCESS_SUM - 4);
	struct tm_snapshot *s = capture_process(&p);
	struct tm_statistics *st;
	assert_true(s->about.complete); /* the process's own counter wraps around, and so does our check */
	ok(tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st));
	assert_true(st->rows[0].size == (tm_u128)UINT64_MAX * 4);
	assert_int_equal(st->rows[0].count, 4);
	assert_true(st->size == (tm_u128)UINT64_MAX * 4 + PROCESS_SUM);
	tm_statistics_free(st);
	tm_snapshot_unref(s);
	process_free(&p);
}

/* ---- torn, missing, damaged ---- */

/* Pads with blocks, so that one damaged entry is one of very many. */
static void pad(struct process *p, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		img_trace(&p->m, &p->traces, 0x60000000 + i * 16, 0, 0, p->tb[0]);
}

/* Gives domain 0 a table of N buckets in place of its 16. */
static void widen(struct process *p, uint64_t n)
{
	static const uint64_t sizes[] = { 100, 50, 7, 1 };
	static const int tb[] = { 0, 0, 1, 2 };
	p->traces = img_table(&p->m, n, p->m.word, 2 * p->m.word);
	img_word(&p->m, p->traces_at, p->traces.addr);
	for (unsigned i = 0; i < 4; i++)
		p->entries[i] = img_trace(&p->m, &p->traces, 0x20001000 + i * 0x1000, 0, sizes[i], p->tb[tb[i]]);
}

static void a_table_that_counts_one_more_than_it_chains_is_torn(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		struct process p;
		begin(&p, &builds[i]);
		const struct img_table *tables[] = { &p.traces, &p.tracebacks, &p.filenames, &p.domains, &p.numpy };
		for (int k = 0; k < (builds[i].minor >= 9 ? 5 : 3); k++) {
			img_count(&p.m, tables[k], tables[k]->entries + 1);
			struct tm_snapshot *s = capture_process(&p);
			assert_true(s->about.tracing);
			assert_false(s->about.complete);
			assert_true(has_note(s, true, "torn: "));
			assert_whole(s); /* all that is chained is told */
			tm_snapshot_unref(s);
			img_count(&p.m, tables[k], tables[k]->entries);
		}
		process_free(&p);
	}
}

static void a_table_that_counts_one_less_than_it_chains_is_torn(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i += 4) {
		struct process p;
		begin(&p, &builds[i]);
		img_count(&p.m, &p.traces, p.traces.entries - 1);
		struct tm_snapshot *s = capture_process(&p);
		assert_false(s->about.complete);
		assert_true(has_note(s, true, "torn: "));
		assert_whole(s);
		tm_snapshot_unref(s);
		process_free(&p);
	}
}

/* hashtable_rehash() moves entry by entry into new chains while the old heads still stand. */
static void a_table_that_is_just_growing_is_torn(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	widen(&p, 256);
	pad(&p, 100);
	unsigned lost = 0;
	for (uint64_t bucket = 0; bucket < 20; bucket++) {
		uint64_t head = p.traces.buckets + bucket * 8, e = img_get(&p.m, head, 8);
		for (uint64_t at = e ? img_get(&p.m, e, 8) : 0; at; at = img_get(&p.m, at, 8))
			lost++;
		if (e)
			img_word(&p.m, e, 0); /* its next is in a chain of the new array */
	}
	for (uint64_t bucket = 0; bucket < 4; bucket++)
		if (img_get(&p.m, p.traces.buckets + bucket * 8, 8)) {
			img_word(&p.m, p.traces.buckets + bucket * 8, 0);
			lost++;
		}
	assert_in_range(lost, 4, 20);
	struct tm_snapshot *s = capture_process(&p);
	char words[64];
	snprintf(words, sizeof words, "torn: the tables count 106 traces, %u were found", 106 - lost);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, words));
	assert_int_equal(s->ntraces, 106 - lost);
	tm_snapshot_unref(s);
	process_free(&p);
}

/* Between the free() of the old array and the new pointer: any of the tables, but only one at a time. */
static void a_table_whose_buckets_are_freed_is_torn(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		struct process p;
		begin(&p, &builds[i]);
		struct img_table *tables[] = { &p.traces, &p.tracebacks, &p.filenames, &p.domains, &p.numpy };
		bool shuffled = builds[i].where == SHUFFLED; /* known by its entries alone */
		for (int k = 0; k < (builds[i].minor >= 9 ? 5 : 3) && !shuffled; k++) {
			uint64_t at = tables[k]->addr + 2u * p.m.word;
			img_word(&p.m, at, 0x5010);
			struct tm_snapshot *s = capture_process(&p);
			assert_true(s->about.tracing);
			assert_false(s->about.complete);
			assert_true(has_note(s, true, "are in no memory: it was being resized"));
			assert_true(has_note(s, true, "entries, 0 were found"));
			assert_true(s->about.has_traced);
			assert_int_equal(s->about.traced, img_get(&p.m, p.traced_at, p.m.word));
			if (k == 1 || k == 2)
				assert_whole(s);
			else
				assert_true(has_note(s, true, "torn: the sizes add up to"));
			tm_snapshot_unref(s);
			img_word(&p.m, at, tables[k]->buckets);
		}
		img_word(&p.m, p.traces.addr + 2u * p.m.word, 0x5010);
		img_word(&p.m, p.tracebacks.addr + 2u * p.m.word, 0x5010);
		struct tm_target *t = img_open(&p.m);
		struct tm_snapshot *s = NULL;
		fails(tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s), TM_ERR_UNSUPPORTED, "cannot tell whether");
		assert_null(s);
		tm_target_close(t);
		process_free(&p);
	}
}

static void a_total_that_is_not_the_sum_is_torn(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		struct process p;
		begin(&p, &builds[i]);
		if (p.where == SHUFFLED || (p.where == GCC && p.m.word == 4)) { /* there the total is known only by being the sum */
			process_free(&p);
			continue;
		}
		img_word(&p.m, p.traced_at, PROCESS_SUM + 16);
		struct tm_snapshot *s = capture_process(&p);
		assert_false(s->about.complete);
		assert_true(has_note(s, true, "add up to 1161 bytes, the process counts 1177"));
		assert_whole(s);
		tm_snapshot_unref(s);
		process_free(&p);
	}
}

static void a_total_that_is_nowhere_leaves_the_sum_unchecked(void **state)
{
	struct process p;
	process_init(&p, 8, false, 10, SHUFFLED);
	img_word(&p.m, p.traced_at, PROCESS_SUM + 16);
	struct tm_snapshot *s = capture_process(&p);
	assert_false(s->about.complete);
	assert_false(s->about.has_traced);
	assert_true(has_note(s, true, "unchecked: "));
	assert_whole(s);
	tm_snapshot_unref(s);
	process_free(&p);
}

static void a_held_lock_is_told_and_does_not_make_the_result_incomplete(void **state)
{
	static const struct build held[] = { { 8, false, 13, BY_COOKIE, "" }, { 8, false, 14, BY_COOKIE, "" }, { 8, false, 15, BY_COOKIE, "" },
		{ 4, true, 13, BY_COOKIE, "" } };
	for (size_t i = 0; i < COUNT(held); i++) {
		struct process p;
		begin(&p, &held[i]);
		if (held[i].minor <= 13)
			img_put(&p.m, img_get(&p.m, p.lock_at, held[i].word), 0, 4);
		else
			*img_at(&p.m, p.lock_at) = 3; /* locked, and somebody waits */
		struct tm_snapshot *s = capture_process(&p);
		assert_true(s->about.lock_held);
		assert_true(has_note(s, false, "holds the lock"));
		assert_true(s->about.complete);
		assert_whole(s);
		tm_snapshot_unref(s);
		process_free(&p);
	}
}

static void a_missing_page_is_counted_and_told(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	uint64_t page = img_alloc(&p.m, 4096, 4096);
	memcpy(img_at(&p.m, page + 64), img_at(&p.m, img_get(&p.m, p.entries[1] + 24, 8)), 16); /* the trace_t of 50 bytes */
	img_word(&p.m, p.entries[1] + 24, page + 64);
	img_alloc(&p.m, 4096, 4096);
	struct tm_target *t = img_open_without(&p.m, page, 4096);
	struct tm_snapshot *s = capture(t, true);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, "missing: 1 of 6 traces"));
	assert_true(has_note(s, true, "page not readable"));
	assert_int_equal(s->ntraces, 5);
	assert_statistics(s, TM_BY_LINENO, false, "a.py:1: size=1100 B, count=2, average=550 B\n"
		"c.py:9: size=10 B, count=2, average=5 B\n<unknown>:0: size=1 B, count=1, average=1 B\n");
	tm_snapshot_unref(s);
	tm_target_close(t);
	process_free(&p);
}

static void a_missing_traceback_keeps_its_blocks(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	uint64_t page = img_alloc(&p.m, 4096, 4096);
	img_word(&p.m, img_get(&p.m, p.entries[2] + 24, 8) + 8, page + 128); /* c.py's first block */
	img_alloc(&p.m, 4096, 4096);
	struct tm_target *t = img_open_without(&p.m, page, 4096);
	struct tm_snapshot *s = capture(t, true);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, "missing: 1 traceback"));
	assert_int_equal(s->ntraces, 6);
	assert_statistics(s, TM_BY_LINENO, false, "a.py:1: size=1150 B, count=3, average=383 B\n"
		"<missing>:0: size=7 B, count=1, average=7 B\nc.py:9: size=3 B, count=1, average=3 B\n"
		"<unknown>:0: size=1 B, count=1, average=1 B\n");
	tm_snapshot_unref(s);
	tm_target_close(t);
	process_free(&p);
}

/* 3.15: "<unknown>" is a literal in the program, whose pages a core does not hold. */
static void the_unknown_name_of_315_may_be_missing(void **state)
{
	for (int named = 0; named < 2; named++) {
		struct process p;
		process_init(&p, 8, false, 15, BY_COOKIE);
		uint64_t page = img_alloc(&p.m, 4096, 4096);
		img_alloc(&p.m, 4096, 4096);
		if (named) { /* another name is missing: that is a gap */
			struct img_frame f[] = { { page + 16, 1 }, { p.names[1], 2 } };
			uint64_t tb = img_traceback(&p.m, f, 2, 2);
			for (int i = 0; i < 5; i += i == 1 ? 3 : 1)
				img_word(&p.m, img_get(&p.m, p.entries[i] + 24, 8) + 8, tb);
		} else {
			struct img_frame f = { page + 16, 0 };
			uint64_t tb = img_traceback(&p.m, &f, 1, 1);
			img_word(&p.m, img_get(&p.m, p.entries[3] + 24, 8) + 8, tb);
			img_word(&p.m, p.empty_at, tb);
		}
		struct tm_target *t = img_open_without(&p.m, page, 4096);
		struct tm_snapshot *s = capture(t, true);
		assert_int_equal(s->about.complete, !named);
		if (named)
			assert_true(has_note(s, true, "missing: 1 filename"));
		else
			assert_whole(s);
		tm_snapshot_unref(s);
		tm_target_close(t);
		process_free(&p);
	}
}

static void one_damaged_traceback_among_many_blocks_is_told(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	widen(&p, 256);
	for (unsigned i = 0; i < 60; i++) { /* more right ones, so that the whole is still believed */
		struct img_frame f = { p.names[0], 1000 + i };
		uint64_t tb = img_traceback(&p.m, &f, 1, 1);
		img_trace(&p.m, &p.traces, 0x60000000 + i * 16, 0, 0, tb);
	}
	img_put(&p.m, p.tb[1] + 12 + 8, 10, 4); /* c.py:9 becomes c.py:10 */
	struct tm_snapshot *s = capture_process(&p);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, "damaged: 1 of 63 tracebacks"));
	tm_snapshot_unref(s);
	process_free(&p);
}

static void one_damaged_entry_among_many_is_told(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	widen(&p, 256);
	pad(&p, 100);
	img_word(&p.m, p.entries[0] + 16, 0x20001000 + 0x100000); /* another key, the same bucket */
	struct tm_snapshot *s = capture_process(&p);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, "damaged: 1 table entries"));
	tm_snapshot_unref(s);
	process_free(&p);
}

static void an_entry_in_a_foreign_bucket_is_a_table_being_resized(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	widen(&p, 256);
	pad(&p, 100);
	uint64_t e = img_trace(&p.m, &p.traces, 0x70000000, 0, 0, p.tb[0]);
	img_word(&p.m, e + 8, img_hash_pointer(&p.m, 0x70000010));
	img_word(&p.m, e + 16, 0x70000010);
	struct tm_snapshot *s = capture_process(&p);
	assert_false(s->about.complete);
	assert_true(has_note(s, true, "in a bucket of another hash"));
	tm_snapshot_unref(s);
	process_free(&p);
}

/* ---- not tracing, not Python ---- */

/* What stop() leaves behind: tracing 0, four tables without entries, the last limit. */
static void stopped(struct process *p, unsigned initialized)
{
	struct img_table empty[4];
	for (int i = 0; i < 4; i++)
		empty[i] = img_table(&p->m, 16, i < 3 ? p->m.word : 0, i ? 0 : 2 * p->m.word);
	img_word(&p->m, p->traces_at, empty[0].addr);
	img_word(&p->m, p->tracebacks_at, empty[1].addr);
	img_word(&p->m, p->filenames_at, empty[2].addr);
	img_word(&p->m, p->domains_at, empty[3].addr);
	img_word(&p->m, p->traced_at, 0);
	img_word(&p->m, p->peak_at, 0);
	img_put(&p->m, p->config, initialized, 4);
	img_put(&p->m, p->config + 4, 0, 4);
	img_put(&p->m, p->config + 8, 25, 4);
	memset(p->m.heap + 64, 0, 64); /* something that no longer is a table */
	if (initialized == 0) { /* never imported: there is nothing yet */
		img_word(&p->m, p->traces_at, 0);
		img_word(&p->m, p->tracebacks_at, 0);
		img_word(&p->m, p->filenames_at, 0);
		img_word(&p->m, p->domains_at, 0);
	}
	if (initialized == 2) {	       /* finalized: the pointers dangle */
		img_word(&p->m, p->traces_at, IMG_HEAP + 64);
		img_word(&p->m, p->domains_at, IMG_HEAP + 72);
	}
}

static void a_stopped_tracemalloc_is_not_tracing(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		if (builds[i].minor < 12)
			continue; /* no symbols: their config cannot be found */
		for (unsigned initialized = 0; initialized < 3; initialized++) {
			struct process p;
			begin(&p, &builds[i]);
			if ((p.where == NO_COOKIE || p.where == MOVED) && initialized != 1) { /* no table tells the place */
				process_free(&p);
				continue;
			}
			stopped(&p, initialized);
			struct tm_snapshot *s = capture_process(&p);
			assert_false(s->about.tracing);
			assert_true(s->about.complete);
			assert_true(s->about.has_limit);
			assert_int_equal(s->about.limit, 25);
			assert_int_equal(s->ntraces, 0);
			tm_snapshot_unref(s);
			process_free(&p);
		}
	}
}

static void tables_that_are_empty_since_clear_traces_are_tracing(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	stopped(&p, 1);
	img_put(&p.m, p.config + 4, 1, 4);
	struct tm_snapshot *s = capture_process(&p);
	assert_true(s->about.tracing);
	assert_true(s->about.complete);
	assert_int_equal(s->ntraces, 0);
	assert_int_equal(s->about.traced, 0);
	tm_snapshot_unref(s);
	process_free(&p);
}

/*
 * Whatever becomes of a 3.13 whose own row does not fit: the rows of 3.9 to 3.11 must not be tried on it. They agree with it in
 * all that is checked, but not in where the characters of a name are.
 */
static bool no_wrong_names(struct process *p)
{
	struct tm_target *t = img_open(&p->m);
	struct tm_snapshot *s = NULL;
	struct tm_error *err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
	bool right = true;
	for (uint64_t i = 0; s && i < s->nnames; i++) {
		size_t len;
		const char *name = tm_snapshot_name(s, (uint32_t)i, &len);
		bool known = !strcmp(name, "a.py") || !strcmp(name, "b.py") || !strcmp(name, "c.py") || !strcmp(name, "<unknown>");
		if (!known)
			print_error("Python %s, complete %d: a filename of %zu bytes that is none\n", s->about.python, s->about.complete, len);
		right &= known;
	}
	tm_error_free(err);
	tm_snapshot_unref(s);
	tm_target_close(t);
	return right;
}

static void a_stop_inside_stop_is_not_read_with_a_row_of_another_version(void **state)
{
	struct process p; /* stop() clears the flag first and the tables later */
	process_init(&p, 8, false, 13, BY_COOKIE);
	img_put(&p.m, p.config + 4, 0, 4);
	bool right = no_wrong_names(&p);
	process_free(&p);
	assert_true(right);
}

static void a_damaged_configuration_is_not_read_with_a_row_of_another_version(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	img_put(&p.m, p.config + 8, 1, 4); /* a limit of 1, but tracebacks of 2 frames */
	bool right = no_wrong_names(&p);
	process_free(&p);
	assert_true(right);
}

static void an_interpreter_whose_tables_are_nowhere_is_an_error_and_not_off(void **state)
{
	struct process p;
	struct tm_snapshot *s = NULL;
	process_init(&p, 8, false, 11, GCC);
	img_word(&p.m, p.traces_at, 0);
	struct tm_target *t = img_open(&p.m);
	fails(tm_capture(t, &(struct tm_capture_options) { 0 }, &s), TM_ERR_UNSUPPORTED, "cannot tell whether Python 3.11");
	assert_null(s);
	tm_target_close(t);
	process_free(&p);
}

static void a_process_without_python_is_no_python(void **state)
{
	struct process p;
	struct tm_snapshot *s = NULL;
	process_init(&p, 8, false, 11, GCC);
	memset(p.m.data, 0, PROCESS_DATA);
	struct tm_target *t = img_open(&p.m);
	fails(tm_capture(t, &(struct tm_capture_options) { 0 }, &s), TM_ERR_NOTPYTHON, "no Python");
	tm_target_close(t);
	process_free(&p);
	ok(tm_target_open_image(8, false, &t)); /* nothing at all */
	ok(tm_target_settle(t));
	fails(tm_capture(t, &(struct tm_capture_options) { 0 }, &s), TM_ERR_NOTPYTHON, NULL);
	tm_target_close(t);
}

static void a_free_threaded_python_is_refused_by_name(void **state)
{
	struct process p;
	struct tm_snapshot *s = NULL;
	process_init(&p, 8, false, 14, BY_COOKIE);
	img_put(&p.m, IMG_DATA + PROCESS_RUNTIME + 16, 1, 8);
	memset(img_at(&p.m, p.state), 0, 216);
	struct tm_target *t = img_open(&p.m);
	fails(tm_capture(t, &(struct tm_capture_options) { 0 }, &s), TM_ERR_UNSUPPORTED, "free-threaded Python 3.14");
	tm_target_close(t);
	process_free(&p);
}

/* ---- finding ---- */

/* Distances between variables are in words: those of 32-bit builds are half as large. */
static void a_32_bit_38_is_found_by_the_scan(void **state)
{
	for (int big = 0; big < 2; big++) {
		struct process p;
		struct tm_snapshot *s = NULL;
		process_init(&p, 4, big, 8, GCC);
		struct tm_target *t = img_open(&p.m);
		struct tm_error *err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
		tm_target_close(t);
		process_free(&p);
		ok(err);
		assert_whole(s);
		assert_true(s->about.complete);
		assert_int_equal(s->about.memory, 3 * (36 + 16 * 4) + 6 * 24 + 5 * 12);
		tm_snapshot_unref(s);
	}
}

static void a_32_bit_311_knows_its_total_by_its_place(void **state)
{
	struct process p;
	process_init(&p, 4, false, 11, GCC);
	img_word(&p.m, p.traced_at, PROCESS_SUM + 16);
	struct tm_snapshot *s = capture_process(&p);
	bool known = s->about.has_traced && s->about.traced == PROCESS_SUM + 16;
	tm_snapshot_unref(s);
	process_free(&p);
	assert_true(known);
}

/* 32-bit structs need no alignment to 8 bytes: i386 3.13.5d has the state at 13356. */
static void a_32_bit_state_at_an_odd_word_is_found_by_the_cookie(void **state)
{
	struct process p;
	process_init(&p, 4, false, 13, ODD_WORD);
	struct tm_snapshot *s = capture_process(&p);
	assert_true(s->about.complete);
	assert_whole(s);
	bool by_cookie = strcmp(s->about.source, "cookie") == 0;
	tm_snapshot_unref(s);
	process_free(&p);
	assert_true(by_cookie);
}

/* The text that tells the version may lie anywhere, also across the pieces in which memory is looked through. */
static void the_version_text_is_found_wherever_it_lies(void **state)
{
	static const uint64_t places[] = { 0, 4096 - 5, (1 << 20) - 5, (1 << 20) - 2, (1 << 20) - 1, (1 << 20) - 12, (2 << 20) - 64 };
	static const char text[] = "3.11.7 (main, Jan  2 2026, 03:04:05) [GCC 12.2.0]";
	size_t found = 0;
	for (size_t i = 0; i < COUNT(places); i++) {
		struct image m;
		struct tm_module *module = NULL;
		img_init(&m, 8, false, 11);
		img_interpreter(&m, 2 << 20);
		memcpy(img_at(&m, IMG_DATA + places[i]), text, sizeof text);
		struct tm_target *t = img_open(&m);
		for (size_t k = 0; k < t->modules.n; k++)
			module = &t->modules.items[k];
		assert_non_null(module);
		struct tm_finder f = { .target = t };
		char version[32] = "";
		uint32_t hex = 0;
		bool here = tm_find_version_text(&f, module, version, &hex) && hex == 0x030b0700 && !strcmp(version, "3.11.7");
		if (!here)
			print_error("not found at 0x%llx\n", (unsigned long long)places[i]);
		found += here;
		tm_finder_deinit(&f);
		tm_target_close(t);
		img_free(&m);
	}
	assert_int_equal(found, COUNT(places));
}

static void texts_that_are_no_version_are_passed_over(void **state)
{
	static const char *const others[] = { "3.", "3.x", "3.11", "3.11.", "3.11.7", "3.11.7 main", "3.1111.7 (main)", "3.100.1 (main", "2.7.18 (default" };
	struct image m;
	img_init(&m, 8, false, 11);
	img_interpreter(&m, 8192);
	for (size_t i = 0; i < COUNT(others); i++)
		memcpy(img_at(&m, IMG_DATA + 64 * i), others[i], strlen(others[i]));
	struct tm_target *t = img_open(&m);
	struct tm_finder f = { .target = t };
	char version[32];
	uint32_t hex;
	assert_int_equal(t->modules.n, 1);
	assert_false(tm_find_version_text(&f, &t->modules.items[0], version, &hex));
	tm_finder_deinit(&f);
	tm_target_close(t);
	img_free(&m);
}

/* ---- the judge ---- */

static enum tm_verdict judge(struct process *p, const struct tm_layout *l)
{
	struct tm_target *t = img_open(&p->m);
	struct tm_finder f = { .target = t };
	struct tm_judgement j;
	const struct tm_candidate c = { .layout = l, .config = p->config, .traces = p->traces_at, .tracebacks = p->tracebacks_at,
		.filenames = p->filenames_at, .domains = p->domains_at, .traced = p->traced_at, .peak = p->peak_at };
	ok(tm_judge(&f, &c, true, &j));
	enum tm_verdict v = j.verdict;
	if (v == TM_REJECTED)
		assert_true(j.why.len > 0);
	tm_judgement_deinit(&j);
	tm_finder_deinit(&f);
	tm_target_close(t);
	return v;
}

/* Rows that say the same about all that is read here. */
static bool alike(int a, int b)
{
	int kind[] = { [6] = 1, [7] = 1, [8] = 1, [9] = 2, [10] = 2, [11] = 2, [12] = 3, [13] = 3, [14] = 3, [15] = 4 };
	return kind[a] == kind[b];
}

static void rows_of_other_versions_are_rejected(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i++) {
		struct process p;
		begin(&p, &builds[i]);
		for (size_t k = 0; k < tm_nlayouts; k++) {
			const struct tm_layout *l = &tm_layouts[k];
			int minor = l->first & 255;
			if (l->word != builds[i].word)
				continue;
			enum tm_verdict v = judge(&p, l);
			if (alike(minor, builds[i].minor))
				assert_int_equal(v, TM_TRACING);
			else if ((minor < 12) == (builds[i].minor < 12)) /* else they are never tried: the state is elsewhere */
				assert_true(v == TM_REJECTED || v == TM_UNREADABLE);
		}
		process_free(&p);
	}
}

static void a_traceback_deeper_than_the_limit_is_rejected(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	const struct tm_layout *l = tm_layout_for(0x030d, 8, 0);
	assert_int_equal(judge(&p, l), TM_TRACING);
	img_put(&p.m, p.config + 8, PROCESS_LIMIT - 1, 4);
	assert_int_equal(judge(&p, l), TM_REJECTED);
	process_free(&p);
}

static void configurations_that_cannot_be_are_rejected(void **state)
{
	static const int32_t wrong[][3] = { { 3, 1, 1 }, { -1, 0, 1 }, { 1, 2, 1 }, { 1, 1, 0 }, { 1, 1, -5 }, { 0, 1, 1 }, { 2, 1, 1 },
		{ 1, 1, 178956970 } },
			     right[][3] = { { 0, 0, 1 }, { 1, 0, 25 }, { 2, 0, 1 }, { 1, 1, 65535 }, { 1, 1, 178956969 } };
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	const struct tm_layout *l = tm_layout_for(0x030d, 8, 0);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		assert_false(tm_config_plausible(wrong[i][0], wrong[i][1], wrong[i][2]));
		for (unsigned k = 0; k < 3; k++)
			img_put(&p.m, p.config + 4 * k, (uint32_t)wrong[i][k], 4);
		assert_int_equal(judge(&p, l), TM_REJECTED);
	}
	for (size_t i = 0; i < COUNT(right); i++)
		assert_true(tm_config_plausible(right[i][0], right[i][1], right[i][2]));
	process_free(&p);
}

static void tables_full_of_wrong_hashes_are_rejected(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i += 3) {
		struct process p;
		begin(&p, &builds[i]);
		const struct tm_layout *l = tm_layout_for((uint16_t)(0x0300 + builds[i].minor), builds[i].word, 0);
		assert_int_equal(judge(&p, l), TM_TRACING);
		for (int k = 0; k < 4; k++) /* keys of other buckets' blocks */
			img_word(&p.m, p.entries[k] + 2 * builds[i].word, 0x4444440 + 16u * (unsigned)k);
		assert_int_equal(judge(&p, l), TM_REJECTED);
		process_free(&p);
	}
}

static void a_table_without_end_is_rejected(void **state)
{
	for (size_t i = 0; i < COUNT(builds); i += 3) {
		struct process p;
		begin(&p, &builds[i]);
		img_word(&p.m, p.entries[1], p.entries[1]);
		assert_int_equal(judge(&p, tm_layout_for((uint16_t)(0x0300 + builds[i].minor), builds[i].word, 0)), TM_REJECTED);
		process_free(&p);
	}
}

static void roots_that_are_not_here_cannot_be_judged(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	uint64_t page = img_alloc(&p.m, 4096, 4096);
	img_alloc(&p.m, 4096, 4096);
	struct tm_target *t = img_open_without(&p.m, page, 4096);
	struct tm_finder f = { .target = t };
	struct tm_judgement j;
	const struct tm_candidate c = { .layout = tm_layout_for(0x030d, 8, 0), .config = p.config, .traces = page + 8,
		.tracebacks = page + 16, .filenames = page, .domains = page + 24, .traced = p.traced_at, .peak = p.peak_at };
	ok(tm_judge(&f, &c, true, &j));
	assert_int_equal(j.verdict, TM_UNREADABLE);
	tm_judgement_deinit(&j);
	tm_finder_deinit(&f);
	tm_target_close(t);
	process_free(&p);
}

/* ---- interruption ---- */

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void the_host_can_stop_a_capture(void **state)
{
	struct process p;
	struct tm_snapshot *s = NULL;
	begin(&p, &builds[0]);
	struct tm_target *t = img_open(&p.m);
	t->poll.poll = stop;
	fails(tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s), TM_ERR_INTERRUPTED, NULL);
	assert_null(s);
	tm_target_close(t);
	process_free(&p);
}

/* ---- objects ---- */

struct type {
	uint64_t meta, type;
};

/* PyTypeObject: ob_type at 1, tp_name at 3, tp_flags at 21 words */
static uint64_t make_type(struct image *m, uint64_t meta, const char *name, uint64_t flags)
{
	uint64_t type = img_alloc(m, 32 * m->word, 16);
	img_word(m, type + m->word, meta ? meta : type);
	img_word(m, type + 3 * m->word, img_bytes(m, name, strlen(name) + 1));
	img_word(m, type + 21 * m->word, flags | 1u << 12 /* READY */);
	return type;
}

static void objects_begin_behind_their_headers(void **state)
{
	enum { GC = 1 << 14, MANAGED_WEAKREF = 1 << 3, MANAGED_DICT = 1 << 4 };
	/* In words before the object: PyGC_Head is two (3.6, 3.7: padded to 32 bytes on 64-bit), a pre-header two more. */
	static const struct {
		int minor;
		uint32_t flags;
		unsigned words;
		bool missed; /* by get_object_traceback() of that version */
	} cases[] = { { 7, 0, 0, false }, { 7, GC, 4, false }, { 8, GC, 2, false }, { 10, GC | MANAGED_DICT, 2, false }, { 11, GC, 2, false },
		{ 11, GC | MANAGED_DICT, 4, true }, { 11, GC | MANAGED_WEAKREF, 2, false }, { 12, GC | MANAGED_DICT, 4, false },
		{ 12, GC | MANAGED_WEAKREF, 4, false }, { 13, MANAGED_WEAKREF, 2, false }, { 15, GC | MANAGED_DICT | MANAGED_WEAKREF, 4, false } };
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int big = 0; big < 2; big++) {
			struct image m;
			struct tm_object o;
			img_init(&m, 8, big, cases[i].minor);
			uint64_t meta = make_type(&m, 0, "type", 1u << 31), type = make_type(&m, meta, "spam\x01", cases[i].flags);
			uint64_t object = img_alloc(&m, 64, 16) + 32;
			img_alloc(&m, 64, 16);
			img_word(&m, object, 1);
			img_word(&m, object + 8, type);
			struct tm_target *t = img_open(&m);
			uint16_t python = (uint16_t)(0x0300 + cases[i].minor);
			assert_true(tm_object_at(t, python, object, &o));
			assert_int_equal(o.block, object - 8 * cases[i].words);
			assert_int_equal(o.python_misses_it, cases[i].missed);
			assert_string_equal(o.type, "spam\\x01");
			assert_true(tm_object_at(t, python, type, &o)); /* a type is an object, too */
			assert_string_equal(o.type, "type");
			assert_false(tm_object_at(t, python, object + 8, &o));
			assert_false(tm_object_at(t, python, object + 4, &o));
			assert_false(tm_object_at(t, python, 0, &o));
			assert_false(tm_object_at(t, python, 0x5000, &o));
			assert_false(tm_object_at(t, 0x0205, object, &o));
			tm_target_close(t);
			img_free(&m);
		}
}

static void a_long_type_name_is_cut_between_characters(void **state)
{
	struct image m;
	struct tm_object o;
	char name[2 * 64 + 1];
	for (int i = 0; i < 64; i++)
		memcpy(name + 2 * i, "\xc3\xa9", 2);
	name[128] = 0;
	img_init(&m, 8, false, 13);
	uint64_t meta = make_type(&m, 0, "type", 1u << 31), type = make_type(&m, meta, name, 0), object = img_alloc(&m, 64, 16);
	img_word(&m, object + 8, type);
	struct tm_target *t = img_open(&m);
	bool found = tm_object_at(t, 0x030d, object, &o), whole = true;
	tm_target_close(t);
	img_free(&m);
	assert_true(found);
	for (const char *p = o.type, *end = p + strlen(p); p < end;)
		whole &= !(tm_utf8_next(&p, end) & TM_BAD_BYTE);
	assert_true(strlen(o.type) > 100);
	assert_true(whole);
}

/* ---- random damage ---- */

/* One byte is changed. The result then is an error, says that it is incomplete, or still has the right numbers. */
static void a_changed_byte_never_changes_the_numbers_silently(void **state)
{
	uint64_t seed = 99;
	for (unsigned round = 0; round < 3000; round++) {
		const struct build *b = &builds[round % COUNT(builds)];
		struct process p;
		begin(&p, b);
		bool heap = unit_random(&seed) % 4 != 0;
		uint64_t at = heap ? IMG_HEAP + unit_random(&seed) % p.m.used
				   : (p.state ? p.state : IMG_DATA + 0x2000) + unit_random(&seed) % 216;
		uint8_t *byte = img_at(&p.m, at), xor = (uint8_t)(unit_random(&seed) % 255 + 1);
		*byte ^= xor;
		struct tm_target *t = img_open(&p.m);
		struct tm_snapshot *s = NULL;
		struct tm_error *err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
		if (!err && s->about.tracing && s->about.complete) {
			struct tm_statistics *st;
			ok(tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st));
			static const unsigned lines[] = { 1, 9, 0 }, counts[] = { 3, 2, 1 }, sizes[] = { 1150, 10, 1 };
			bool right = st->nrows == 3;
			for (unsigned k = 0; k < 3 && right; k++)
				right = st->rows[k].frames[0].lineno == lines[k] && st->rows[k].count == counts[k] &&
					st->rows[k].size == sizes[k];
			if (!right)
				print_error("round %u: 3.%d, word %u, big %d, where %d: byte at 0x%llx ^ 0x%02x\n", round, b->minor, b->word,
					b->big, b->where, (unsigned long long)at, xor);
			tm_statistics_free(st);
			assert_true(right);
		}
		tm_error_free(err);
		tm_snapshot_unref(s);
		tm_target_close(t);
		process_free(&p);
	}
}

static void random_damage_never_crashes_or_hangs(void **state)
{
	uint64_t seed = 4711;
	unsigned tracing = 0;
	for (unsigned round = 0; round < 2000; round++) {
		const struct build *b = &builds[round % COUNT(builds)];
		struct process p;
		begin(&p, b);
		for (uint64_t k = unit_random(&seed) % 20 + 1; k > 0; k--) {
			uint64_t kind = unit_random(&seed), at = kind >> 8 & 3 ? IMG_HEAP + unit_random(&seed) % p.m.used
								      : IMG_DATA + unit_random(&seed) % PROCESS_DATA;
			if (kind & 1)
				*img_at(&p.m, at) ^= (uint8_t)(1u << (kind >> 16 & 7));
			else
				img_word(&p.m, at / b->word * b->word, IMG_HEAP + (kind >> 32) % p.m.used / 4 * 4);
		}
		struct tm_target *t = img_open(&p.m);
		struct tm_snapshot *s = NULL;
		struct tm_error *err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
		assert_true(err ? s == NULL : s != NULL);
		if (s && s->about.tracing) {
			struct tm_statistics *st;
			tracing++;
			ok(tm_statistics_make(s, TM_BY_TRACEBACK, false, NULL, &st));
			assert_true(st->count == s->ntraces);
			tm_statistics_free(st);
		}
		tm_error_free(err);
		tm_snapshot_unref(s);
		tm_target_close(t);
		process_free(&p);
	}
	assert_in_range(tracing, 200, 1990); /* some of them were still read, others not */
}

/* Frames of different tracebacks are different memory: what has more of them than there is room for is none. */
static void tracebacks_that_overlap_end_the_work(void **state)
{
	struct process p;
	begin(&p, &(struct build) { 8, false, 11, GCC, "scan" });
	struct tm_target *t = img_open(&p.m);
	const struct tm_layout *l = tm_layout_for(0x030b, 8, 0);
	uint64_t fit = tm_memory_size(&t->memory) / l->frame.sizeof_, n = fit / 2 + 1; /* the same one, of two frames, again and again */
	uint64_t *addrs = malloc(n * sizeof *addrs);
	uint32_t *filed = calloc(n, sizeof *filed);
	for (uint64_t i = 0; i < n; i++)
		addrs[i] = p.tb[0];
	for (int over = 0; over < 2; over++) {
		struct tm_tracebacks r;
		tm_tracebacks_init(&r, t, l);
		struct tm_error *err = tm_tracebacks_read(&r, addrs, filed, over ? n : n - 1, 1);
		if (over)
			fails(err, TM_ERR_CORRUPT, "more frames than the memory");
		else
			ok(err);
		tm_tracebacks_deinit(&r);
	}
	free(addrs);
	free(filed);
	tm_target_close(t);
	process_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_build_gives_the_same_statistics),
		cmocka_unit_test(single_blocks_are_kept_only_on_request),
		cmocka_unit_test(odd_names_arrive_as_they_are),
		cmocka_unit_test(sizes_add_up_beyond_64_bits),
		cmocka_unit_test(a_table_that_counts_one_more_than_it_chains_is_torn),
		cmocka_unit_test(a_table_that_counts_one_less_than_it_chains_is_torn),
		cmocka_unit_test(a_table_that_is_just_growing_is_torn),
		cmocka_unit_test(a_table_whose_buckets_are_freed_is_torn),
		cmocka_unit_test(a_total_that_is_not_the_sum_is_torn),
		cmocka_unit_test(a_total_that_is_nowhere_leaves_the_sum_unchecked),
		cmocka_unit_test(a_held_lock_is_told_and_does_not_make_the_result_incomplete),
		cmocka_unit_test(a_missing_page_is_counted_and_told),
		cmocka_unit_test(a_missing_traceback_keeps_its_blocks),
		cmocka_unit_test(the_unknown_name_of_315_may_be_missing),
		cmocka_unit_test(one_damaged_traceback_among_many_blocks_is_told),
		cmocka_unit_test(one_damaged_entry_among_many_is_told),
		cmocka_unit_test(an_entry_in_a_foreign_bucket_is_a_table_being_resized),
		cmocka_unit_test(a_stopped_tracemalloc_is_not_tracing),
		cmocka_unit_test(tables_that_are_empty_since_clear_traces_are_tracing),
		cmocka_unit_test(a_stop_inside_stop_is_not_read_with_a_row_of_another_version),
		cmocka_unit_test(a_damaged_configuration_is_not_read_with_a_row_of_another_version),
		cmocka_unit_test(a_32_bit_38_is_found_by_the_scan),
		cmocka_unit_test(a_32_bit_311_knows_its_total_by_its_place),
		cmocka_unit_test(an_interpreter_whose_tables_are_nowhere_is_an_error_and_not_off),
		cmocka_unit_test(a_process_without_python_is_no_python),
		cmocka_unit_test(a_free_threaded_python_is_refused_by_name),
		cmocka_unit_test(a_32_bit_state_at_an_odd_word_is_found_by_the_cookie),
		cmocka_unit_test(the_version_text_is_found_wherever_it_lies),
		cmocka_unit_test(texts_that_are_no_version_are_passed_over),
		cmocka_unit_test(rows_of_other_versions_are_rejected),
		cmocka_unit_test(a_traceback_deeper_than_the_limit_is_rejected),
		cmocka_unit_test(configurations_that_cannot_be_are_rejected),
		cmocka_unit_test(tables_full_of_wrong_hashes_are_rejected),
		cmocka_unit_test(a_table_without_end_is_rejected),
		cmocka_unit_test(roots_that_are_not_here_cannot_be_judged),
		cmocka_unit_test(the_host_can_stop_a_capture),
		cmocka_unit_test(objects_begin_behind_their_headers),
		cmocka_unit_test(a_long_type_name_is_cut_between_characters),
		cmocka_unit_test(a_changed_byte_never_changes_the_numbers_silently),
		cmocka_unit_test(random_damage_never_crashes_or_hangs),
		cmocka_unit_test(tracebacks_that_overlap_end_the_work),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
