/* Spans of foreign memory: at hand, on demand, refused, frozen. */
#include "tm/memory.h"
#include "tm/target.h"
#include "unit.h"

static uint8_t low[16384], high[16384];

static int fill_patterns(void **state)
{
	for (unsigned i = 0; i < sizeof low; i++) {
		low[i] = (uint8_t)(i * 3 + i / 256);
		high[i] = (uint8_t)(i * 5 + i / 256 + 100);
	}
	return 0;
}

static void assert_bytes(struct tm_memory *m, uint64_t addr, size_t want, const void *bytes, size_t got)
{
	uint8_t *buf = malloc(want ? want : 1);
	assert_int_equal(tm_memory_read(m, addr, buf, want), got);
	assert_memory_equal(buf, bytes, got);
	free(buf);
}

/* ---- all at hand ---- */

static void no_memory_has_no_bytes(void **state)
{
	struct tm_memory m;
	unsigned hint = 0;
	uint64_t v;
	size_t have;
	tm_memory_init(&m, 8, false);
	assert_null(tm_memory_at(&m, &hint, 0, 1));
	assert_null(tm_memory_at(&m, &hint, UINT64_MAX, 1));
	assert_null(tm_memory_view(&m, 0, 1, &have));
	assert_int_equal(have, 0);
	assert_false(tm_memory_word(&m, 0, &v));
	assert_bytes(&m, 4096, 16, "", 0);
	ok(tm_memory_add(&m, 4096, 0, low));
	assert_null(tm_memory_at(&m, &hint, 4096, 1));
	tm_memory_deinit(&m);
}

static void reads_give_the_prefix_that_is_there(void **state)
{
	struct tm_memory m;
	tm_memory_init(&m, 8, false);
	ok(tm_memory_add(&m, 0x1000, 100, low));
	assert_bytes(&m, 0x1000, 100, low, 100);
	assert_bytes(&m, 0x1000 + 90, 100, low + 90, 10);
	assert_bytes(&m, 0x1000 + 100, 1, "", 0);
	assert_bytes(&m, 0xfff, 10, "", 0);
	assert_bytes(&m, 0x1000, 0, "", 0);
	tm_memory_deinit(&m);
}

static void spans_are_found_in_whatever_order_they_came(void **state)
{
	struct tm_memory m;
	unsigned hint = 0;
	enum { N = 500 };
	tm_memory_init(&m, 8, false);
	for (unsigned i = 0; i < N; i++) { /* with holes of one byte */
		unsigned k = i * 7 % N;
		ok(tm_memory_add(&m, 0x10000 + k * 17, 16, low + k));
	}
	assert_int_equal(m.nspans, N);
	for (unsigned i = 0; i < N; i++) {
		unsigned k = i * 131 % N;
		assert_ptr_equal(tm_memory_at(&m, &hint, 0x10000 + k * 17, 16), low + k);
		assert_ptr_equal(tm_memory_at(&m, &hint, 0x10000 + k * 17 + 15, 1), low + k + 15);
		assert_null(tm_memory_at(&m, &hint, 0x10000 + k * 17 + 15, 2));
		assert_null(tm_memory_at(&m, &hint, 0x10000 + k * 17 + 16, 1));
	}
	tm_memory_deinit(&m);
}

static void of_overlapping_bytes_the_first_ones_count(void **state)
{
	struct tm_memory m;
	tm_memory_init(&m, 8, false);
	ok(tm_memory_add(&m, 0x2000, 0x100, low));
	ok(tm_memory_add(&m, 0x4000, 0x100, low + 0x100));
	ok(tm_memory_add(&m, 0x1f00, 0x3000, high)); /* in front, between and behind */
	assert_bytes(&m, 0x1f00, 0x100, high, 0x100);
	assert_bytes(&m, 0x2000, 0x100, low, 0x100);
	assert_bytes(&m, 0x2100, 0x1f00, high + 0x200, 0x1f00);
	assert_bytes(&m, 0x4000, 0x100, low + 0x100, 0x100);
	assert_bytes(&m, 0x4100, 0x1000, high + 0x2200, 0x4f00 - 0x4100);
	ok(tm_memory_add(&m, 0x2010, 0x20, high)); /* wholly inside */
	assert_bytes(&m, 0x2000, 0x100, low, 0x100);
	ok(tm_memory_add(&m, 0x2000, 0x100, high)); /* the same again */
	assert_bytes(&m, 0x2000, 0x100, low, 0x100);
	uint8_t all[0x3000];
	assert_int_equal(tm_memory_read(&m, 0x1f00, all, sizeof all), sizeof all);
	tm_memory_deinit(&m);
}

static void random_spans_never_overlap_and_the_first_one_wins(void **state)
{
	static uint8_t model[4096], bytes[4096]; /* 0: nothing */
	uint64_t seed = 5;
	for (unsigned round = 0; round < 300; round++) {
		struct tm_memory m;
		uint64_t base = round % 3 == 0 ? 0 : round % 3 == 1 ? 0x7fff0000 : UINT64_MAX - 4095;
		uint8_t host[40][600];
		memset(model, 0, sizeof model);
		tm_memory_init(&m, 8, false);
		for (unsigned k = 0; k < 40; k++) {
			unsigned at = (unsigned)(unit_random(&seed) % 4096), len = (unsigned)(unit_random(&seed) % 600);
			if (at + len > 4096)
				len = 4096 - at;
			memset(host[k], (int)k + 1, sizeof host[k]);
			ok(tm_memory_add(&m, base + at, len, host[k]));
			for (unsigned i = at; i < at + len; i++)
				model[i] = model[i] ? model[i] : (uint8_t)(k + 1);
		}
		for (unsigned i = 0; i < 4096; i++) {
			bytes[i] = 0;
			assert_int_equal(tm_memory_read(&m, base + i, &bytes[i], 1), model[i] != 0);
		}
		assert_memory_equal(bytes, model, sizeof model);
		for (size_t i = 1; i < m.nspans; i++)
			assert_true(m.spans[i - 1].start + (m.spans[i - 1].size - 1) < m.spans[i].start);
		tm_memory_deinit(&m);
	}
}

static void reads_that_straddle_spans_are_put_together(void **state)
{
	struct tm_memory m;
	unsigned hint = 0;
	uint64_t word;
	uint32_t number;
	tm_memory_init(&m, 8, false);
	ok(tm_memory_add(&m, 0x1000, 6, low));
	ok(tm_memory_add(&m, 0x1006, 6, high));
	ok(tm_memory_add(&m, 0x100d, 6, high)); /* a hole in front */
	uint8_t both[12];
	memcpy(both, low, 6);
	memcpy(both + 6, high, 6);
	assert_bytes(&m, 0x1000, 100, both, 12);
	assert_null(tm_memory_at(&m, &hint, 0x1004, 4));
	assert_true(tm_memory_word(&m, 0x1003, &word));
	uint64_t wanted = 0;
	for (int i = 7; i >= 0; i--)
		wanted = wanted << 8 | both[3 + i];
	assert_true(word == wanted);
	assert_false(tm_memory_word(&m, 0x1005, &word));
	assert_true(tm_memory_u32(&m, 0x1004, &number));
	assert_false(tm_memory_u32(&m, 0x1009, &number));
	tm_memory_deinit(&m);
}

static void spans_side_by_side_in_both_memories_are_one(void **state)
{
	struct tm_memory m;
	unsigned hint = 0;
	tm_memory_init(&m, 8, false);
	ok(tm_memory_add(&m, 0x1000, 6, low));
	ok(tm_memory_add(&m, 0x1006, 10, low + 6));
	assert_ptr_equal(tm_memory_at(&m, &hint, 0x1002, 12), low + 2);
	tm_memory_deinit(&m);
}

static void the_last_byte_of_memory_can_be_read(void **state)
{
	struct tm_memory m;
	size_t have;
	tm_memory_init(&m, 8, false);
	ok(tm_memory_add(&m, UINT64_MAX - 15, 16, low));
	ok(tm_memory_add(&m, UINT64_MAX - 31, 4096, high)); /* would go on behind the end */
	assert_bytes(&m, UINT64_MAX - 15, 100, low, 16);
	assert_bytes(&m, UINT64_MAX - 31, 16, high, 16);
	assert_bytes(&m, UINT64_MAX, 2, low + 15, 1);
	assert_bytes(&m, 0, 1, "", 0);
	assert_ptr_equal(tm_memory_view(&m, UINT64_MAX, 10, &have), low + 15);
	assert_int_equal(have, 1);
	tm_memory_deinit(&m);
}

static void words_have_the_targets_width_and_byte_order(void **state)
{
	static const uint8_t b[] = { 1, 2, 3, 4, 5, 6, 7, 8 };
	static const struct {
		unsigned word;
		bool big;
		uint64_t wanted;
		uint32_t u32;
	} cases[] = { { 8, false, 0x0807060504030201, 0x04030201 }, { 8, true, 0x0102030405060708, 0x01020304 }, { 4, false, 0x04030201, 0x04030201 },
		{ 4, true, 0x01020304, 0x01020304 } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_memory m;
		uint64_t v;
		uint32_t u;
		tm_memory_init(&m, cases[i].word, cases[i].big);
		ok(tm_memory_add(&m, 0x1000, 8, b));
		assert_true(tm_memory_word(&m, 0x1000, &v) && v == cases[i].wanted);
		assert_true(tm_memory_u32(&m, 0x1000, &u) && u == cases[i].u32);
		tm_memory_deinit(&m);
	}
}

/* ---- on demand ---- */

/* A source of 64 pages at BASE: each has a limit of bytes that can be read. */
enum { PAGES = 64 };
#define BASE 0x100000u
struct source {
	uint8_t bytes[PAGES * TM_PAGE];
	unsigned good[PAGES]; /* bytes of the page that it gives */
	unsigned calls;
	size_t most;	      /* bytes given at one go; 0: any number */
};

static size_t fill(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct source *s = ctx;
	size_t done = 0;
	s->calls++;
	assert_true(len > 0);
	while (done < len && (!s->most || done < s->most)) {
		uint64_t off = addr + done - BASE, page = off / TM_PAGE, in = off % TM_PAGE;
		if (addr + done < BASE || page >= PAGES || in >= s->good[page])
			break;
		size_t n = s->good[page] - in;
		n = n < len - done ? n : len - done;
		memcpy((uint8_t *)buf + done, s->bytes + off, n);
		done += n;
		if (s->good[page] < TM_PAGE)
			break;
	}
	return s->most && done > s->most ? s->most : done;
}

static struct source *new_source(struct tm_memory *m)
{
	struct source *s = calloc(1, sizeof *s);
	for (unsigned i = 0; i < sizeof s->bytes; i++)
		s->bytes[i] = (uint8_t)(i * 7 + i / TM_PAGE);
	for (unsigned i = 0; i < PAGES; i++)
		s->good[i] = TM_PAGE;
	tm_memory_init(m, 8, false);
	m->fill = fill;
	m->ctx = s;
	return s;
}

static void pages_are_read_when_they_are_asked_for_and_once(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	m.read_ahead = TM_PAGE;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_int_equal(s->calls, 0);
	const uint8_t *p = tm_memory_at(&m, &hint, BASE + 5 * TM_PAGE + 9, 4);
	assert_non_null(p);
	assert_memory_equal(p, s->bytes + 5 * TM_PAGE + 9, 4);
	assert_int_equal(s->calls, 1);
	assert_int_equal(m.filled, TM_PAGE);
	assert_ptr_equal(tm_memory_at(&m, &hint, BASE + 5 * TM_PAGE, TM_PAGE), p - 9);
	assert_int_equal(s->calls, 1);
	assert_bytes(&m, BASE, PAGES * TM_PAGE, s->bytes, PAGES * TM_PAGE);
	assert_int_equal(m.filled, PAGES * TM_PAGE);
	tm_memory_deinit(&m);
	free(s);
}

static void neighbours_are_read_ahead(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	m.read_ahead = 8 * TM_PAGE;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_non_null(tm_memory_at(&m, &hint, BASE + 11 * TM_PAGE, 1)); /* pages 8 .. 15 */
	assert_int_equal(m.filled, 8 * TM_PAGE);
	assert_int_equal(s->calls, 1);
	for (unsigned i = 8; i < 16; i++)
		assert_non_null(tm_memory_at(&m, &hint, BASE + i * TM_PAGE, TM_PAGE));
	assert_int_equal(s->calls, 1);
	assert_non_null(tm_memory_at(&m, &hint, BASE + 16 * TM_PAGE - 1, 2)); /* straddles two runs */
	assert_int_equal(m.filled, 16 * TM_PAGE);
	tm_memory_deinit(&m);
	free(s);
}

static void refused_pages_are_not_asked_for_again(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	s->good[3] = 0;
	s->good[4] = 0;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_null(tm_memory_at(&m, &hint, BASE + 3 * TM_PAGE, 1));
	assert_null(tm_memory_at(&m, &hint, BASE + 4 * TM_PAGE, 1));
	unsigned calls = s->calls;
	for (unsigned i = 0; i < 10; i++) {
		assert_null(tm_memory_at(&m, &hint, BASE + 3 * TM_PAGE + i, 1));
		assert_null(tm_memory_at(&m, &hint, BASE + 4 * TM_PAGE, 8));
	}
	assert_int_equal(s->calls, calls);
	assert_bytes(&m, BASE, PAGES * TM_PAGE, s->bytes, 3 * TM_PAGE);
	assert_bytes(&m, BASE + 5 * TM_PAGE, PAGES * TM_PAGE, s->bytes + 5 * TM_PAGE, (PAGES - 5) * TM_PAGE);
	assert_null(tm_memory_at(&m, &hint, BASE + 3 * TM_PAGE - 2, 4));
	assert_non_null(tm_memory_at(&m, &hint, BASE + 3 * TM_PAGE - 2, 2));
	tm_memory_deinit(&m);
	free(s);
}

static void short_reads_end_before_the_page_that_is_cut(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	s->good[6] = 100; /* LLDB calls such reads a success */
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_bytes(&m, BASE + 4 * TM_PAGE, 4 * TM_PAGE, s->bytes + 4 * TM_PAGE, 2 * TM_PAGE);
	assert_bytes(&m, BASE + 7 * TM_PAGE, 4 * TM_PAGE, s->bytes + 7 * TM_PAGE, 4 * TM_PAGE);
	tm_memory_deinit(&m);
	free(s);
}

static void a_source_that_gives_little_at_a_time_gives_all_in_the_end(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	m.read_ahead = TM_PAGE;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	s->most = TM_PAGE;
	for (unsigned i = 0; i < PAGES; i++)
		assert_non_null(tm_memory_at(&m, &hint, BASE + i * TM_PAGE, TM_PAGE));
	assert_bytes(&m, BASE, PAGES * TM_PAGE, s->bytes, PAGES * TM_PAGE);
	tm_memory_deinit(&m);
	free(s);
}

static void spans_that_are_no_whole_pages_end_where_they_end(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	ok(tm_memory_add_lazy(&m, BASE + 100, 5000));
	assert_bytes(&m, BASE + 100, 9000, s->bytes + 100, 5000);
	assert_bytes(&m, BASE + 5099, 9000, s->bytes + 5099, 1);
	assert_bytes(&m, BASE + 5100, 1, "", 0);
	assert_bytes(&m, BASE + 99, 1, "", 0);
	tm_memory_deinit(&m);
	free(s);
}

static void bytes_at_hand_and_on_demand_lie_side_by_side(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	uint8_t wanted[3 * TM_PAGE];
	ok(tm_memory_add(&m, BASE + TM_PAGE, TM_PAGE, low));
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	memcpy(wanted, s->bytes, sizeof wanted);
	memcpy(wanted + TM_PAGE, low, TM_PAGE);
	assert_bytes(&m, BASE, sizeof wanted, wanted, sizeof wanted);
	tm_memory_deinit(&m);
	free(s);
}

static void an_open_ended_source_is_asked_wherever_a_read_goes(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	m.open_ended = true;
	assert_bytes(&m, BASE + 10, 5 * TM_PAGE, s->bytes + 10, 5 * TM_PAGE);
	assert_bytes(&m, BASE + PAGES * TM_PAGE - 5, 100, s->bytes + PAGES * TM_PAGE - 5, 5);
	assert_bytes(&m, 0x7fff12345678, 8, "", 0);
	assert_bytes(&m, UINT64_MAX - 3, 8, "", 0);
	tm_memory_deinit(&m);
	free(s);
}

static void a_frozen_memory_notes_what_it_lacks_and_loads_it_later(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	m.read_ahead = TM_PAGE;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_non_null(tm_memory_at(&m, &hint, BASE, 1));
	m.frozen = true;
	unsigned calls = s->calls;
	assert_non_null(tm_memory_at(&m, &hint, BASE, TM_PAGE));
	assert_null(tm_memory_at(&m, &hint, BASE + 2 * TM_PAGE - 1, 2)); /* pages 1 and 2 */
	assert_bytes(&m, BASE + 9 * TM_PAGE, 10, "", 0);
	assert_int_equal(s->calls, calls);
	assert_int_equal(m.wanted.n, 3);
	assert_int_equal(m.wanted.items[0], BASE + TM_PAGE);
	assert_int_equal(m.wanted.items[1], BASE + 2 * TM_PAGE);
	assert_int_equal(m.wanted.items[2], BASE + 9 * TM_PAGE);
	tm_memory_load_wanted(&m);
	assert_int_equal(m.wanted.n, 0);
	assert_true(m.frozen);
	assert_non_null(tm_memory_at(&m, &hint, BASE + 2 * TM_PAGE - 1, 2));
	assert_non_null(tm_memory_at(&m, &hint, BASE + 9 * TM_PAGE, 10));
	assert_null(tm_memory_at(&m, &hint, BASE + 10 * TM_PAGE, 1));
	tm_memory_deinit(&m);
	free(s);
}

static void a_frozen_memory_without_spans_notes_what_it_lacks_too(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	unsigned hint = 0;
	m.open_ended = true;
	m.frozen = true;
	assert_null(tm_memory_at(&m, &hint, BASE + 5, 4));
	assert_int_equal(s->calls, 0);
	size_t noted = m.wanted.n;
	tm_memory_load_wanted(&m);
	bool here = tm_memory_at(&m, &hint, BASE + 5, 4) != NULL;
	tm_memory_deinit(&m);
	free(s);
	assert_int_equal(noted, 1);
	assert_true(here);
}

static void refreshing_reads_again_what_is_here_and_drops_what_is_gone(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	m.read_ahead = TM_PAGE;
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_bytes(&m, BASE + 2 * TM_PAGE, 4 * TM_PAGE, s->bytes + 2 * TM_PAGE, 4 * TM_PAGE); /* pages 2 .. 5 */
	for (unsigned i = 0; i < sizeof s->bytes; i++)
		s->bytes[i] ^= 0x55;
	s->good[3] = 0;
	uint64_t filled = m.filled;
	ok(tm_memory_refresh(&m, NULL));
	assert_int_equal(m.filled - filled, 3 * TM_PAGE); /* no page more than were here */
	m.frozen = true;
	assert_bytes(&m, BASE + 2 * TM_PAGE, 4 * TM_PAGE, s->bytes + 2 * TM_PAGE, TM_PAGE);
	assert_bytes(&m, BASE + 4 * TM_PAGE, 4 * TM_PAGE, s->bytes + 4 * TM_PAGE, 2 * TM_PAGE);
	assert_bytes(&m, BASE + 3 * TM_PAGE, 1, "", 0);
	tm_memory_deinit(&m);
	free(s);
}

static void forgetting_asks_for_everything_again(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	s->good[1] = 0;
	assert_bytes(&m, BASE, 3 * TM_PAGE, s->bytes, TM_PAGE);
	s->good[1] = TM_PAGE;
	s->bytes[0] ^= 0xff;
	assert_bytes(&m, BASE + TM_PAGE, 1, "", 0); /* refused once */
	tm_memory_forget(&m);
	assert_bytes(&m, BASE, 3 * TM_PAGE, s->bytes, 3 * TM_PAGE);
	tm_memory_deinit(&m);
	free(s);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void refreshing_can_be_interrupted(void **state)
{
	struct tm_memory m;
	struct source *s = new_source(&m);
	ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
	assert_bytes(&m, BASE, 1, s->bytes, 1);
	fails(tm_memory_refresh(&m, &(struct tm_poll) { stop, NULL }), TM_ERR_INTERRUPTED, NULL);
	tm_memory_deinit(&m);
	free(s);
}

/* A source without end: what a page holds is its number and the year; in later years some pages are gone. */
static size_t fill_years(void *ctx, uint64_t addr, void *buf, size_t len)
{
	const unsigned *year = ctx;
	size_t done = 0;
	for (; done < len; done += TM_PAGE) {
		uint64_t page = (addr + done) / TM_PAGE;
		if (*year && page % 37 == 5)
			break;
		memset((uint8_t *)buf + done, 0, TM_PAGE);
		memcpy((uint8_t *)buf + done, &(uint64_t) { page << 8 | *year }, 8);
	}
	return done < len ? done : len;
}

static void threads_share_a_refresh(void **state)
{
	enum { MANY = 20000 };
	struct tm_memory m;
	unsigned year = 0;
	uint64_t seed = 3, touched = 0, reread = 0;
	static bool here[2][MANY];
	tm_memory_init(&m, 8, false);
	m.fill = fill_years;
	m.fill_is_shared = true;
	m.ctx = &year;
	m.read_ahead = TM_PAGE;
	for (unsigned k = 0; k < 2; k++) { /* the second one begins in the midst of a word of bits, and is sparse */
		ok(tm_memory_add_lazy(&m, BASE + k * (MANY + 77ull) * TM_PAGE, MANY * TM_PAGE));
		for (unsigned i = 0; i < MANY; i++) {
			here[k][i] = unit_random(&seed) % (k ? 50 : 2) == 0;
			uint64_t v;
			if (here[k][i])
				assert_true(tm_memory_word(&m, BASE + (k * (MANY + 77ull) + i) * TM_PAGE, &v));
			touched += here[k][i];
		}
	}
	assert_int_equal(m.filled, touched * TM_PAGE);
	year = 1;
	ok(tm_memory_refresh(&m, NULL));
	m.frozen = true;
	for (unsigned k = 0; k < 2; k++)
		for (unsigned i = 0; i < MANY; i++) {
			uint64_t addr = BASE + (k * (MANY + 77ull) + i) * TM_PAGE, v = 0;
			bool there = here[k][i] && addr / TM_PAGE % 37 != 5;
			assert_int_equal(tm_memory_word(&m, addr, &v), there);
			assert_int_equal(v, there ? addr / TM_PAGE << 8 | 1 : 0);
			reread += there;
		}
	assert_int_equal(m.filled, (touched + reread) * TM_PAGE); /* no page more than were here */
	tm_memory_deinit(&m);
}

static void random_reads_on_demand_equal_the_source(void **state)
{
	uint64_t seed = 17;
	for (unsigned round = 0; round < 60; round++) {
		struct tm_memory m;
		struct source *s = new_source(&m);
		m.read_ahead = (size_t)TM_PAGE << round % 5;
		m.open_ended = round % 2;
		if (!m.open_ended)
			ok(tm_memory_add_lazy(&m, BASE, PAGES * TM_PAGE));
		for (unsigned i = 0; i < PAGES; i++)
			if (unit_random(&seed) % 8 == 0)
				s->good[i] = 0;
		for (unsigned k = 0; k < 100; k++) {
			size_t off = (size_t)(unit_random(&seed) % sizeof s->bytes), len = (size_t)(unit_random(&seed) % (3 * TM_PAGE)) + 1;
			size_t wanted = 0;
			while (wanted < len && off + wanted < sizeof s->bytes && s->good[(off + wanted) / TM_PAGE])
				wanted++;
			assert_bytes(&m, BASE + off, len, s->bytes + off, wanted);
		}
		tm_memory_deinit(&m);
		free(s);
	}
}

/* ---- regions ---- */

static void regions_are_sorted_and_found(void **state)
{
	struct tm_target *t;
	ok(tm_target_open_image(8, false, &t));
	ok(tm_target_add_region(t, 0x5000, 0x6000, TM_READ, "/b", 7, 99999));
	ok(tm_target_add_region(t, 0x1000, 0x2000, TM_READ | TM_WRITE, NULL, 0, 16));
	ok(tm_target_add_region(t, 0x3000, 0x3000, TM_READ, NULL, 0, 0)); /* empty */
	ok(tm_target_add_region(t, 0x4000, 0x3000, TM_READ, NULL, 0, 0)); /* upside down */
	ok(tm_target_add_region(t, 0x2000, 0x3000, TM_EXEC, "", 0, 0));
	ok(tm_target_settle(t));
	assert_int_equal(t->regions.n, 3);
	assert_null(tm_target_region(t, 0xfff));
	assert_int_equal(tm_target_region(t, 0x1000)->start, 0x1000);
	assert_int_equal(tm_target_region(t, 0x1fff)->start, 0x1000);
	assert_int_equal(tm_target_region(t, 0x2000)->start, 0x2000);
	assert_null(tm_target_region(t, 0x2000)->path);
	assert_null(tm_target_region(t, 0x3000));
	assert_int_equal(tm_target_region(t, 0x5800)->there, 0x1000); /* no more than it is long */
	assert_string_equal(tm_target_region(t, 0x5800)->path, "/b");
	assert_null(tm_target_region(t, 0x6000));
	assert_true(tm_target_executable(t, 0x2800));
	assert_false(tm_target_executable(t, 0x1800));
	assert_false(tm_target_executable(t, 0x9000));
	tm_target_close(t);
	tm_target_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_has_no_bytes),
		cmocka_unit_test(reads_give_the_prefix_that_is_there),
		cmocka_unit_test(spans_are_found_in_whatever_order_they_came),
		cmocka_unit_test(of_overlapping_bytes_the_first_ones_count),
		cmocka_unit_test(random_spans_never_overlap_and_the_first_one_wins),
		cmocka_unit_test(reads_that_straddle_spans_are_put_together),
		cmocka_unit_test(spans_side_by_side_in_both_memories_are_one),
		cmocka_unit_test(the_last_byte_of_memory_can_be_read),
		cmocka_unit_test(words_have_the_targets_width_and_byte_order),
		cmocka_unit_test(pages_are_read_when_they_are_asked_for_and_once),
		cmocka_unit_test(neighbours_are_read_ahead),
		cmocka_unit_test(refused_pages_are_not_asked_for_again),
		cmocka_unit_test(short_reads_end_before_the_page_that_is_cut),
		cmocka_unit_test(a_source_that_gives_little_at_a_time_gives_all_in_the_end),
		cmocka_unit_test(spans_that_are_no_whole_pages_end_where_they_end),
		cmocka_unit_test(bytes_at_hand_and_on_demand_lie_side_by_side),
		cmocka_unit_test(an_open_ended_source_is_asked_wherever_a_read_goes),
		cmocka_unit_test(a_frozen_memory_notes_what_it_lacks_and_loads_it_later),
		cmocka_unit_test(a_frozen_memory_without_spans_notes_what_it_lacks_too),
		cmocka_unit_test(refreshing_reads_again_what_is_here_and_drops_what_is_gone),
		cmocka_unit_test(forgetting_asks_for_everything_again),
		cmocka_unit_test(refreshing_can_be_interrupted),
		cmocka_unit_test(threads_share_a_refresh),
		cmocka_unit_test(random_reads_on_demand_equal_the_source),
		cmocka_unit_test(regions_are_sorted_and_found),
	};
	return cmocka_run_group_tests(tests, fill_patterns, NULL);
}
