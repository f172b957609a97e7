/* Hash tables, tracebacks and names of every CPython, word size and byte order, whole and damaged. */
#include "tm/walk.h"
#include "image.h"

static const struct shape {
	unsigned word;
	bool big;
	int minor;
} shapes[] = { { 8, false, 6 }, { 8, false, 8 }, { 8, false, 9 }, { 8, false, 11 }, { 8, false, 13 }, { 8, false, 14 }, { 8, false, 15 },
	{ 4, false, 8 }, { 4, false, 11 }, { 4, false, 13 }, { 4, false, 15 }, { 8, true, 8 }, { 8, true, 11 }, { 8, true, 13 },
	{ 8, true, 15 }, { 4, true, 8 }, { 4, true, 11 }, { 4, true, 13 }, { 4, true, 15 } };

struct world {
	struct image m;
	struct tm_target *t;
	struct tm_walk w;
};

static void begin(struct world *v, const struct shape *s)
{
	memset(v, 0, sizeof *v);
	img_init(&v->m, s->word, s->big, s->minor);
}

static void walk(struct world *v, struct tm_target *t)
{
	const struct tm_layout *l = tm_layout_for((uint16_t)(0x0300 + v->m.minor), v->m.word, 0);
	assert_non_null(l);
	v->t = t;
	tm_walk_init(&v->w, t, l);
}

static void end(struct world *v)
{
	tm_walk_deinit(&v->w);
	tm_target_close(v->t);
	img_free(&v->m);
}

/* ---- what a walk gives ---- */

struct got {
	struct tm_raw_trace traces[8192];
	struct tm_entry entries[8192];
	size_t n, calls, stop_after;
};
static struct got got;

static struct tm_error *take_traces(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	struct got *g = ctx;
	assert_in_range(n, 1, TM_BATCH);
	for (size_t i = 0; i < n && g->n < COUNT(g->traces); i++)
		g->traces[g->n++] = t[i];
	return ++g->calls == g->stop_after ? tm_error_new(TM_ERR_NOTFOUND, "enough") : NULL;
}

static void expect_traces(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	assert_ptr_equal(ctx, &got);
	assert_in_range(n, 1, TM_BATCH);
}

static const struct tm_traces_visitor visitor = { .take = take_traces, .ctx = &got },
				      foreseeing = { .expect = expect_traces, .take = take_traces, .ctx = &got };

static struct tm_error *take_entries(void *ctx, const struct tm_entry *e, size_t n)
{
	struct got *g = ctx;
	assert_in_range(n, 1, TM_BATCH);
	for (size_t i = 0; i < n && g->n < COUNT(g->entries); i++)
		g->entries[g->n++] = e[i];
	return ++g->calls == g->stop_after ? tm_error_new(TM_ERR_NOTFOUND, "enough") : NULL;
}

static int by_address(const void *a, const void *b)
{
	const struct tm_raw_trace *x = a, *y = b;
	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->domain < y->domain ? -1 : x->domain > y->domain;
}

static struct tm_tally_of_walk walk_traces(struct world *v, uint64_t addr, uint32_t domain)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	memset(&got, 0, sizeof got);
	ok(tm_table_load(&v->w, addr, &table));
	ok(tm_walk_traces(&v->w, &table, NULL, domain, domain % 2 ? &foreseeing : &visitor, &tally));
	qsort(got.traces, got.n, sizeof *got.traces, by_address);
	return tally;
}

static struct tm_tally_of_walk walk_entries(struct world *v, uint64_t addr)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	memset(&got, 0, sizeof got);
	ok(tm_table_load(&v->w, addr, &table));
	ok(tm_walk_entries(&v->w, &table, NULL, take_entries, &got, &tally));
	return tally;
}

static void assert_clean(const struct tm_tally_of_walk *t, uint64_t walked)
{
	assert_int_equal(t->walked, walked);
	assert_int_equal(t->misplaced, 0);
	assert_int_equal(t->bad_hash, 0);
	assert_int_equal(t->bad, 0);
	assert_int_equal(t->missing, 0);
	assert_int_equal(t->missing_buckets, 0);
	assert_false(t->endless);
}

/* ---- whole tables ---- */

enum { MANY = 3000 };

/* Fills a table with MANY blocks: any address, 0 and odd ones too, any size, any domain. */
static void fill(struct world *v, struct img_table *table, bool domains, struct tm_raw_trace *put)
{
	uint64_t seed = v->m.word * 100u + (unsigned)v->m.minor;
	uint64_t mask = img_mask(&v->m);
	for (unsigned i = 0; i < MANY; i++) {
		struct tm_raw_trace r = { .address = i == 0 ? 0 : i == 1 ? mask : i == 2 ? 1 : (unit_random(&seed) & mask),
			.size = i == 3 ? mask : i == 4 ? 0 : unit_random(&seed) & mask,
			.traceback = unit_random(&seed) & mask,
			.domain = !domains ? 77 : i % 3 == 0 ? 0 : i % 3 == 1 ? 389047 : UINT32_MAX };
		img_trace(&v->m, table, r.address, r.domain, r.size, r.traceback);
		put[i] = r;
	}
	qsort(put, MANY, sizeof *put, by_address);
}

static void every_trace_is_found(const struct shape *s, bool domains)
{
	static struct tm_raw_trace put[MANY];
	struct world v;
	begin(&v, s);
	struct img_table table = img_table(&v.m, 8192, s->word + (domains ? 4 : 0), 2 * s->word);
	fill(&v, &table, domains, put);
	walk(&v, img_open(&v.m));
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 77);
	assert_clean(&tally, MANY);
	assert_int_equal(got.n, MANY);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(got.traces[i].address, put[i].address);
		assert_int_equal(got.traces[i].size, put[i].size);
		assert_int_equal(got.traces[i].traceback, put[i].traceback);
		assert_int_equal(got.traces[i].domain, put[i].domain);
	}
	end(&v);
}

static void every_trace_is_found_in_every_shape(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++)
		every_trace_is_found(&shapes[i], false);
}

static void traces_with_their_domain_in_the_key_are_found(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++)
		if (shapes[i].minor <= 8)
			every_trace_is_found(&shapes[i], true);
}

static void every_entry_of_a_table_of_keys_is_found(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 64, shapes[i].word, 0);
		for (uint64_t k = 1; k <= 30; k++)
			img_pair(&v.m, &table, k, k * 0x10001, k * 3);
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_entries(&v, table.addr);
		assert_clean(&tally, 30);
		assert_int_equal(got.n, 30);
		uint64_t keys = 0;
		for (size_t k = 0; k < 30; k++) {
			assert_int_equal(got.entries[k].hash, got.entries[k].key * 0x10001);
			assert_int_equal(got.entries[k].value, v.m.minor >= 9 ? got.entries[k].key * 3 : 0);
			keys |= 1ull << got.entries[k].key;
		}
		assert_int_equal(keys, 0x7ffffffe);
		end(&v);
	}
}

static void an_empty_table_gives_nothing(void **state)
{
	struct world v;
	begin(&v, &shapes[2]);
	struct img_table table = img_table(&v.m, 16, 8, 16);
	walk(&v, img_open(&v.m));
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
	assert_clean(&tally, 0);
	assert_int_equal(got.calls, 0);
	end(&v);
}

static void one_long_chain_is_followed_to_its_end(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 2048, shapes[i].word, 2 * shapes[i].word);
		for (uint64_t k = 0; k < 1000; k++) /* ror by 4, modulo 2048: bucket 5 */
			img_trace(&v.m, &table, 0x50 + (k << 15), 0, k, 0);
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_clean(&tally, 1000);
		for (uint64_t k = 0; k < 1000; k++) {
			assert_int_equal(got.traces[k].address, 0x50 + (k << 15));
			assert_int_equal(got.traces[k].size, k);
		}
		end(&v);
	}
}

/* ---- damaged tables ---- */

static void an_entry_in_a_foreign_bucket_is_counted_and_not_followed(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		uint64_t inner = img_trace(&v.m, &table, 0x1010, 0, 10, 1); /* bucket 1 */
		uint64_t outer = img_trace(&v.m, &table, 0x2010, 0, 20, 1); /* the same, in front of it */
		img_trace(&v.m, &table, 0x3020, 0, 30, 1);		    /* bucket 2 */
		(void)inner;
		/* A hash of bucket 2 in the chain of bucket 1. */
		img_word(&v.m, outer + v.m.word, img_hash_pointer(&v.m, 0x2020));
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_int_equal(tally.misplaced, 1);
		assert_int_equal(tally.walked, 1);
		assert_int_equal(tally.bad_at, outer);
		assert_int_equal(got.n, 1);
		assert_int_equal(got.traces[0].address, 0x3020);
		end(&v);
	}
}

static void a_hash_that_is_not_its_keys_is_counted(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		img_trace(&v.m, &table, 0x1010, 0, 10, 1);
		uint64_t e = img_trace(&v.m, &table, 0x2020, 0, 20, 1);
		img_word(&v.m, e + 2 * v.m.word, 0x5020); /* another key of the same bucket */
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_int_equal(tally.bad_hash, 1);
		assert_int_equal(tally.bad_at, e);
		assert_int_equal(tally.walked, 2);
		end(&v);
	}
}

static void a_domain_that_is_not_in_its_hash_is_counted(void **state)
{
	struct world v;
	begin(&v, &shapes[1]);
	struct img_table table = img_table(&v.m, 16, 12, 16);
	uint64_t e = img_trace(&v.m, &table, 0x1010, 0x20, 10, 1);
	img_put(&v.m, e + 24, 0x30, 4); /* the hash says 0x20 */
	walk(&v, img_open(&v.m));
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
	assert_int_equal(tally.bad_hash, 1);
	end(&v);
}

static void a_chain_that_never_ends_is_cut(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		uint64_t first = img_trace(&v.m, &table, 0x1010, 0, 10, 1);
		uint64_t last = img_trace(&v.m, &table, 0x2010, 0, 20, 1);
		img_word(&v.m, first, last); /* first is the end of the chain */
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_true(tally.endless);
		assert_in_range(tally.walked, 3, 2 + 16);
		tally = walk_entries(&v, table.addr);
		assert_true(tally.endless);
		end(&v);
	}
}

static void an_entry_that_follows_itself_is_cut(void **state)
{
	struct world v;
	begin(&v, &shapes[4]);
	struct img_table table = img_table(&v.m, 16, 8, 16);
	uint64_t e = img_trace(&v.m, &table, 0x1010, 0, 10, 1);
	img_word(&v.m, e, e);
	walk(&v, img_open(&v.m));
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
	assert_true(tally.endless);
	end(&v);
}

static void a_chain_that_was_cut_short_gives_fewer_entries(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		img_trace(&v.m, &table, 0x1010, 0, 10, 1);
		uint64_t e = img_trace(&v.m, &table, 0x2010, 0, 20, 1);
		img_trace(&v.m, &table, 0x3010, 0, 30, 1);
		img_word(&v.m, e, 0);
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_clean(&tally, 2); /* of three: that is for the caller to see */
		assert_int_equal(got.traces[0].address, 0x2010);
		assert_int_equal(got.traces[1].address, 0x3010);
		end(&v);
	}
}

static void pointers_to_nowhere_are_bad_and_not_missing(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		uint64_t e = img_trace(&v.m, &table, 0x1010, 0, 10, 1);
		img_trace(&v.m, &table, 0x2020, 0, 20, 1);
		img_word(&v.m, e, 0x6000); /* next: no such memory */
		walk(&v, img_open(&v.m));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_int_equal(tally.walked, 2);
		assert_int_equal(tally.bad, 1);
		assert_int_equal(tally.bad_at, 0x6000);
		assert_int_equal(tally.missing, 0);
		end(&v);
	}
}

static void a_trace_whose_page_is_missing_is_counted(void **state)
{
	struct world v;
	begin(&v, &shapes[4]);
	struct img_table table = img_table(&v.m, 16, 8, 16);
	img_trace(&v.m, &table, 0x1010, 0, 10, 1);
	uint64_t far = img_alloc(&v.m, 4096, 4096); /* a page of its own for one trace_t */
	uint64_t e = img_trace(&v.m, &table, 0x2020, 0, 20, 1);
	img_word(&v.m, e + 24, far);
	img_alloc(&v.m, 4096, 4096);
	walk(&v, img_open_without(&v.m, far, 4096));
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
	assert_int_equal(tally.missing, 1);
	assert_int_equal(tally.missing_at, far);
	assert_int_equal(tally.bad, 0);
	assert_int_equal(got.n, 1);
	assert_int_equal(got.traces[0].size, 10);
	end(&v);
}

static void an_entry_whose_page_is_missing_is_counted_with_its_rest_unknown(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		struct img_table table = img_table(&v.m, 16, shapes[i].word, 2 * shapes[i].word);
		img_trace(&v.m, &table, 0x1010, 0, 10, 1); /* behind the missing one */
		uint64_t far = img_alloc(&v.m, 4096, 4096);
		uint64_t head = table.buckets + 1 * v.m.word;
		img_word(&v.m, far, img_get(&v.m, head, v.m.word));
		img_word(&v.m, head, far);
		img_alloc(&v.m, 4096, 4096);
		img_trace(&v.m, &table, 0x3020, 0, 30, 1);
		walk(&v, img_open_without(&v.m, far, 4096));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		assert_int_equal(tally.missing, 1);
		assert_int_equal(tally.missing_at, far);
		assert_int_equal(tally.walked, 1);
		assert_int_equal(got.n, 1);
		assert_int_equal(got.traces[0].address, 0x3020);
		end(&v);
	}
}

static void missing_pages_of_buckets_are_counted_by_bucket(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		unsigned w = shapes[i].word;
		begin(&v, &shapes[i]);
		v.m.used = 4096 - ((v.m.minor >= 9 ? 10u : 9u) * w + 15) / 16 * 16; /* the array of buckets begins a page */
		struct img_table table = img_table(&v.m, 2048, w, 2 * w);
		assert_int_equal(table.buckets % 4096, 0);
		for (uint64_t k = 0; k < 1000; k++) /* one in each of the buckets 0, 2, 4 ... 1998 */
			img_trace(&v.m, &table, k << 5, 0, 1, 1);
		walk(&v, img_open_without(&v.m, table.buckets + 4096, 4096));
		struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
		unsigned per_page = 4096 / w; /* buckets per_page .. 2 * per_page are gone, half of them hold one */
		assert_int_equal(tally.missing_buckets, per_page);
		assert_true(tally.missing_at >= table.buckets + 4096 && tally.missing_at < table.buckets + 8192);
		unsigned lost = w == 8 ? 256 : (1998 - 1024) / 2 + 1;
		assert_int_equal(tally.walked, 1000 - lost);
		assert_int_equal(got.n, 1000 - lost);
		end(&v);
	}
}

static void entries_that_straddle_two_spans_are_read(void **state)
{
	struct world v;
	begin(&v, &shapes[1]);
	struct img_table table = img_table(&v.m, 16, 8, 16);
	v.m.used = 4096 - 20; /* the entry of 48 bytes straddles the end of the first page */
	uint64_t e = img_trace(&v.m, &table, 0x1010, 0, 12345, 99);
	assert_true(e < IMG_HEAP + 4096 && e + 48 > IMG_HEAP + 4096);
	v.m.used = 8192;
	struct tm_target *t;
	ok(tm_target_open_image(8, false, &t));
	uint8_t *low = malloc(4096), *high = malloc(4096); /* two spans, nowhere near each other */
	memcpy(low, v.m.heap, 4096);
	memcpy(high, v.m.heap + 4096, 4096);
	ok(tm_memory_add(&t->memory, IMG_HEAP + 4096, 4096, high));
	ok(tm_memory_add(&t->memory, IMG_HEAP, 4096, low));
	walk(&v, t);
	struct tm_tally_of_walk tally = walk_traces(&v, table.addr, 0);
	assert_clean(&tally, 1);
	assert_int_equal(got.traces[0].size, 12345);
	assert_int_equal(got.traces[0].traceback, 99);
	end(&v);
	free(low);
	free(high);
}

static void an_error_of_the_caller_ends_the_walk(void **state)
{
	struct world v;
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	begin(&v, &shapes[2]);
	struct img_table put = img_table(&v.m, 4096, 8, 16);
	for (uint64_t k = 0; k < 2000; k++)
		img_trace(&v.m, &put, k << 4, 0, 1, 1);
	walk(&v, img_open(&v.m));
	memset(&got, 0, sizeof got);
	got.stop_after = 2;
	ok(tm_table_load(&v.w, put.addr, &table));
	fails(tm_walk_traces(&v.w, &table, NULL, 0, &visitor, &tally), TM_ERR_NOTFOUND, "enough");
	assert_int_equal(got.calls, 2);
	end(&v);
}

/* ---- interruption ---- */

static bool stop_at_once(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	++*(unsigned *)ctx;
	return true;
}

/* A header can promise any number of buckets in memory that the core does not hold: looking through them must not keep the user. */
static void a_walk_over_missing_buckets_can_be_interrupted(void **state)
{
	struct tm_target *t;
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	struct tm_walk w;
	unsigned polled = 0;
	uint64_t words[10] = { 0, 1ull << 30, 0x100000000000, 1, 1, 1, 0, 1, 1, 1 };
	ok(tm_target_open_image(8, false, &t));
	ok(tm_target_add_region(t, 0x10000, 0x11000, TM_READ | TM_WRITE, NULL, 0, sizeof words));
	ok(tm_target_add_region(t, 0x100000000000, 0x200000000000, TM_READ | TM_WRITE, NULL, 0, 0));
	ok(tm_memory_add(&t->memory, 0x10000, sizeof words, words));
	t->poll = (struct tm_poll) { stop_at_once, &polled };
	tm_walk_init(&w, t, tm_layout_for(0x030d, 8, 0));
	struct tm_error *err = tm_table_load(&w, 0x10000, &table);
	if (!err)
		err = tm_walk_traces(&w, &table, NULL, 0, &visitor, &tally);
	bool stopped = err != NULL; /* refused as too large would be right, too */
	tm_error_free(err);
	tm_walk_deinit(&w);
	tm_target_close(t);
	assert_true(stopped);
}

/* ---- headers of tables ---- */

static void tables_that_cannot_be_are_refused(void **state)
{
	struct world v;
	struct tm_table table;
	begin(&v, &shapes[2]);
	struct img_table put = img_table(&v.m, 32, 8, 16);
	uint64_t page = img_alloc(&v.m, 8192, 4096);
	walk(&v, img_open(&v.m));
	uint8_t *lent = v.m.lent[0] + (put.addr - IMG_HEAP);
	uint64_t *words = (uint64_t *)(void *)lent;
	ok(tm_table_load(&v.w, put.addr, &table));
	assert_int_equal(table.nbuckets, 32);
	assert_int_equal(table.nentries, 0);
	assert_int_equal(table.buckets, put.buckets);

	static const uint64_t bad_buckets[] = { 0, 1, 8, 17, 31, 48, 1ull << 41, 1ull << 63, UINT64_MAX };
	for (size_t i = 0; i < COUNT(bad_buckets); i++) {
		words[1] = bad_buckets[i];
		fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "no table at");
	}
	words[1] = 1u << 14; /* more than is mapped */
	fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "buckets are nowhere");
	words[1] = 1u << 30; /* more than ever was */
	fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "in so little memory");
	words[1] = 32;
	words[0] = 17; /* half of 32, and one entry that came before the table grew */
	ok(tm_table_load(&v.w, put.addr, &table));
	words[0] = 18;
	fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "18 entries in 32 buckets");
	words[0] = UINT64_MAX;
	fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, NULL);
	words[0] = 0;
	static const uint64_t nowhere[] = { 0, 0x5000, UINT64_MAX - 7, UINT64_MAX - 255 };
	for (size_t i = 0; i < COUNT(nowhere); i++) {
		words[2] = nowhere[i];
		fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, NULL);
	}
	words[0] = 7; /* as in a resize: the old buckets are freed */
	words[2] = 0x5000;
	ok(tm_table_header(&v.w, put.addr, &table));
	assert_true(table.gone);
	assert_int_equal(table.nentries, 7);
	words[1] = 1ull << 40;
	fails(tm_table_header(&v.w, put.addr, &table), TM_ERR_CORRUPT, "entries in so little memory");
	words[0] = 1ull << 30;
	words[1] = 1ull << 32;
	fails(tm_table_header(&v.w, put.addr, &table), TM_ERR_CORRUPT, "entries in so little memory");
	words[0] = 0;
	words[1] = 32;
	words[2] = page + 8192 - 31 * 8; /* the last bucket is one word too far */
	fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "buckets are nowhere");
	words[2] = page + 8192 - 32 * 8;
	ok(tm_table_load(&v.w, put.addr, &table));
	fails(tm_table_load(&v.w, 0x5000, &table), TM_ERR_CORRUPT, "no such memory");
	end(&v);
}

static void inline_entries_have_one_of_two_sizes(void **state)
{
	static const struct {
		unsigned word, key, data;
		bool right;
	} sizes[] = { { 8, 8, 16, true }, { 8, 12, 16, true }, { 8, 8, 0, true }, { 8, 12, 0, true }, { 8, 16, 16, false },
		{ 8, 4, 16, false }, { 8, 0, 16, false }, { 8, 8, 8, false }, { 8, 8, 1 << 20, false }, { 4, 4, 8, true }, { 4, 8, 8, true },
		{ 4, 12, 8, false }, { 4, 4, 16, false }, { 4, 4, 0, true } };
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct world v;
		struct tm_table table;
		begin(&v, &(struct shape) { sizes[i].word, false, 8 });
		struct img_table put = img_table(&v.m, 16, sizes[i].key, sizes[i].data);
		walk(&v, img_open(&v.m));
		if (sizes[i].right) {
			ok(tm_table_load(&v.w, put.addr, &table));
			assert_int_equal(table.key_size, sizes[i].key);
			assert_int_equal(table.data_size, sizes[i].data);
		} else {
			fails(tm_table_load(&v.w, put.addr, &table), TM_ERR_CORRUPT, "no table at");
		}
		end(&v);
	}
}

static void a_table_of_keys_is_no_table_of_traces(void **state)
{
	struct world v;
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	begin(&v, &shapes[1]);
	struct img_table put = img_table(&v.m, 16, 8, 0);
	img_pair(&v.m, &put, 0x10, 1, 0);
	walk(&v, img_open(&v.m));
	ok(tm_table_load(&v.w, put.addr, &table));
	fails(tm_walk_traces(&v.w, &table, NULL, 0, &visitor, &tally), TM_ERR_CORRUPT, "holds no traces");
	end(&v);
}

static void a_table_on_a_missing_page_is_a_fault(void **state)
{
	struct world v;
	struct tm_table table;
	begin(&v, &shapes[2]);
	uint64_t page = img_alloc(&v.m, 4096, 4096);
	img_alloc(&v.m, 4096, 4096);
	walk(&v, img_open_without(&v.m, page, 4096));
	struct tm_error *err = tm_table_load(&v.w, page + 64, &table);
	assert_non_null(err);
	assert_int_equal(tm_error_code(err), TM_ERR_FAULT);
	assert_int_equal(tm_error_address(err), page + 64);
	assert_string_equal(tm_error_message(err), "page not readable");
	tm_error_free(err);
	end(&v);
}

/* The first bytes are here and the rest is not: the message must not say that it is readable. */
static void a_table_that_is_half_there_says_what_is_missing(void **state)
{
	struct world v;
	struct tm_table table;
	begin(&v, &shapes[2]);
	uint64_t page = img_alloc(&v.m, 4096, 4096);
	img_alloc(&v.m, 4096, 4096);
	walk(&v, img_open_without(&v.m, page, 4096));
	struct tm_error *err = tm_table_load(&v.w, page - 16, &table);
	assert_non_null(err);
	enum tm_errcode code = tm_error_code(err);
	bool right = strcmp(tm_error_message(err), "page not readable") == 0;
	tm_error_free(err);
	end(&v);
	assert_int_equal(code, TM_ERR_FAULT);
	assert_true(right);
}

/* ---- hashes ---- */

static void pointers_hash_as_cpython_hashes_them(void **state)
{
	/* _Py_HashPointerRaw: (y >> 4) | (y << (8 * SIZEOF_VOID_P - 4)) */
	assert_true(tm_hash_pointer(0x7f1234567890, 8, false) == 0x7f123456789);
	assert_true(tm_hash_pointer(0x1234567, 8, false) == 0x7000000000123456);
	assert_true(tm_hash_pointer(0, 8, false) == 0);
	assert_true(tm_hash_pointer(UINT64_MAX, 8, false) == UINT64_MAX);
	assert_true(tm_hash_pointer(UINT64_MAX, 8, true) == UINT64_MAX - 1);
	assert_true(tm_hash_pointer(0x08049f5c, 4, false) == 0xc08049f5);
	assert_true(tm_hash_pointer(0xf, 4, false) == 0xf0000000);
	assert_true(tm_hash_pointer(UINT32_MAX, 4, false) == UINT32_MAX);
	assert_true(tm_hash_pointer(UINT32_MAX, 4, true) == UINT32_MAX - 1);
}

static void tracebacks_hash_as_cpython_hashes_them(void **state)
{
	/* traceback_hash() of Modules/_tracemalloc.c, transcribed to Python and run over these frames */
	static const struct {
		unsigned word;
		int minor;
		uint64_t three, one;
	} wanted[] = { { 8, 13, 0x3a11987daec59a06, 0x4e2c08b17ebb0e9f }, { 8, 8, 0x3a11987daec59a48, 0x4e2c08b17ebb0ea0 }, { 4, 13, 0xaec59a06, 0x7ebb0e9f },
		{ 4, 8, 0xaec59a48, 0x7ebb0ea0 } };
	for (size_t i = 0; i < COUNT(wanted); i++)
		for (int big = 0; big < 2; big++) {
			struct world v;
			begin(&v, &(struct shape) { wanted[i].word, big, wanted[i].minor });
			uint64_t mask = img_mask(&v.m), hashes[] = { 0x1122334455667788 & mask, 0xfedcba9876543210 & mask, 3 };
			uint32_t x = 'x';
			struct img_frame f[] = { { img_str(&v.m, IMG_ASCII, &x, 1, hashes[0]), 7 },
				{ img_str(&v.m, IMG_ASCII, &x, 1, hashes[1]), UINT32_MAX }, { img_str(&v.m, IMG_ASCII, &x, 1, hashes[2]), 0 } };
			uint64_t three = img_traceback(&v.m, f, 3, 70), one = img_traceback(&v.m, f, 1, 1);
			walk(&v, img_open(&v.m));
			struct tm_raw_traceback tb;
			assert_int_equal(tm_walk_traceback(&v.w, three, &tb), TM_SEEN);
			assert_int_equal(tb.nframe, 3);
			assert_int_equal(tb.total_nframe, wanted[i].minor >= 9 ? 70 : 0);
			for (unsigned k = 0; k < 3; k++) {
				const uint8_t *frame = tb.frames + k * (wanted[i].word + 4);
				assert_int_equal(tm_frame_filename(&v.w, frame), f[k].name);
				assert_int_equal(tm_frame_lineno(&v.w, frame), f[k].lineno);
			}
			assert_true(tb.hash == wanted[i].three);
			assert_true(tm_traceback_hash(&v.w, &tb, hashes) == wanted[i].three);
			assert_int_equal(tm_walk_traceback(&v.w, one, &tb), TM_SEEN);
			assert_true(tm_traceback_hash(&v.w, &tb, hashes) == wanted[i].one);
			end(&v);
		}
}

static void in_315_the_filename_gives_its_pointer_to_the_hash(void **state)
{
	struct world v;
	struct tm_text text = { 0 };
	uint64_t hash = 0;
	begin(&v, &(struct shape) { 8, false, 15 });
	uint64_t name = img_name(&v.m, "/srv/app.py");
	walk(&v, img_open(&v.m));
	assert_int_equal(tm_walk_filename(&v.w, name, &text, &hash), TM_SEEN);
	assert_string_equal(tm_text_str(&text), "/srv/app.py");
	assert_true(hash == (name >> 4 | name << 60));
	tm_text_free(&text);
	end(&v);
}

/* ---- tracebacks ---- */

static void a_traceback_of_many_frames_is_read_whole(void **state)
{
	enum { DEEP = 5000 };
	static struct img_frame frames[DEEP];
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		begin(&v, &shapes[i]);
		uint64_t name = img_name(&v.m, "deep.py");
		for (uint32_t k = 0; k < DEEP; k++)
			frames[k] = (struct img_frame) { name, k * 7 + 1 };
		uint64_t at = img_traceback(&v.m, frames, DEEP, 65535);
		walk(&v, img_open(&v.m));
		struct tm_raw_traceback tb;
		assert_int_equal(tm_walk_traceback(&v.w, at, &tb), TM_SEEN);
		assert_int_equal(tb.nframe, DEEP);
		for (uint32_t k = 0; k < DEEP; k++)
			assert_int_equal(tm_frame_lineno(&v.w, tb.frames + k * (v.m.word + 4)), k * 7 + 1);
		end(&v);
	}
}

static void a_traceback_over_two_spans_is_put_together(void **state)
{
	enum { DEEP = 600 };
	static struct img_frame frames[DEEP];
	struct world v;
	begin(&v, &shapes[4]);
	uint64_t name = img_name(&v.m, "deep.py");
	for (uint32_t k = 0; k < DEEP; k++)
		frames[k] = (struct img_frame) { name, k + 1 };
	v.m.used = 4096 - 40;
	uint64_t at = img_traceback(&v.m, frames, DEEP, DEEP);
	v.m.used = 3 * 4096;
	struct tm_target *t;
	ok(tm_target_open_image(8, false, &t));
	uint8_t *pages[3];
	for (int i = 2; i >= 0; i--) {
		pages[i] = malloc(4096);
		memcpy(pages[i], v.m.heap + i * 4096, 4096);
		ok(tm_memory_add(&t->memory, IMG_HEAP + (uint64_t)i * 4096, 4096, pages[i]));
	}
	walk(&v, t);
	struct tm_raw_traceback tb;
	assert_int_equal(tm_walk_traceback(&v.w, at, &tb), TM_SEEN);
	for (uint32_t k = 0; k < DEEP; k++)
		assert_int_equal(tm_frame_lineno(&v.w, tb.frames + k * 12), k + 1);
	end(&v);
	for (int i = 0; i < 3; i++)
		free(pages[i]);
}

static void tracebacks_that_cannot_be_are_bad(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		struct tm_raw_traceback tb;
		begin(&v, &shapes[i]);
		struct img_frame f = { img_name(&v.m, "a.py"), 1 };
		uint64_t none = img_traceback(&v.m, &f, 1, 1), less = img_traceback(&v.m, &f, 1, 1), many = img_traceback(&v.m, &f, 1, 1);
		img_put(&v.m, none + v.m.word, 0, v.m.minor >= 9 ? 2 : 4); /* nframe */
		if (v.m.minor >= 9) {
			img_put(&v.m, less + v.m.word, 3, 2);
			img_put(&v.m, less + v.m.word + 2, 2, 2); /* total_nframe < nframe */
		} else {
			img_put(&v.m, less + v.m.word, 178956970, 4); /* one more than MAX_NFRAME */
		}
		img_put(&v.m, many + v.m.word, UINT32_MAX, v.m.minor >= 9 ? 2 : 4); /* 65535, or -1 */
		walk(&v, img_open(&v.m));
		assert_int_equal(tm_walk_traceback(&v.w, none, &tb), TM_SEEN_BAD);
		assert_int_equal(tm_walk_traceback(&v.w, less, &tb), TM_SEEN_BAD);
		assert_int_equal(tm_walk_traceback(&v.w, many, &tb), TM_SEEN_BAD); /* its frames would end behind all memory */
		assert_int_equal(tm_walk_traceback(&v.w, 0x5000, &tb), TM_SEEN_BAD);
		end(&v);
	}
}

static void a_traceback_on_a_missing_page_is_missing(void **state)
{
	struct world v;
	struct tm_raw_traceback tb;
	struct img_frame f[40];
	begin(&v, &shapes[4]);
	uint64_t name = img_name(&v.m, "a.py");
	for (uint32_t k = 0; k < COUNT(f); k++)
		f[k] = (struct img_frame) { name, k };
	uint64_t page = img_alloc(&v.m, 0, 4096);
	uint64_t whole = img_traceback(&v.m, f, 40, 40);
	v.m.used = (size_t)(page - IMG_HEAP) + 4096 - 60;
	uint64_t half = img_traceback(&v.m, f, 40, 40); /* its last frames are on the page behind */
	v.m.used = (size_t)(page - IMG_HEAP) + 3 * 4096;
	walk(&v, img_open_without(&v.m, page, 4096));
	assert_int_equal(tm_walk_traceback(&v.w, whole, &tb), TM_SEEN_MISSING);
	assert_int_equal(tm_walk_traceback(&v.w, half, &tb), TM_SEEN_MISSING);
	end(&v);
}

/* ---- names ---- */

struct name {
	enum img_kind kind;
	uint32_t chars[8];
	size_t n;
	const char *utf8; /* of chr() and 'utf-8', 'surrogatepass' */
};
static const struct name names[] = {
	{ IMG_ASCII, { 'a', '.', 'p', 'y' }, 4, "a.py" },
	{ IMG_ASCII, { 0 }, 0, "" },
	{ IMG_LATIN1, { 'n', 0xe9, '.', 0xff }, 4, "n\xc3\xa9.\xc3\xbf" },
	{ IMG_LATIN1, { 0x80, 0x9f }, 2, "\xc2\x80\xc2\x9f" },
	{ IMG_UCS2, { 0x20ac, 'x', 0xfffd }, 3, "\xe2\x82\xacx\xef\xbf\xbd" },
	{ IMG_UCS2, { 0xd800 }, 1, "\xed\xa0\x80" },
	{ IMG_UCS2, { 'a', 0xdc80, 0xdfff }, 3, "a\xed\xb2\x80\xed\xbf\xbf" },
	{ IMG_UCS2, { 0xd83d, 0xde00 }, 2, "\xed\xa0\xbd\xed\xb8\x80" }, /* never a UTF-16 pair */
	{ IMG_UCS4, { 0x1f600, '.', 'p', 'y' }, 4, "\xf0\x9f\x98\x80.py" },
	{ IMG_UCS4, { 0x10ffff, 0xdfff }, 2, "\xf4\x8f\xbf\xbf\xed\xbf\xbf" },
	{ IMG_SUBCLASS_ASCII, { 's', 'u', 'b' }, 3, "sub" },
	{ IMG_SUBCLASS_UCS2, { 's', 0x394 }, 2, "s\xce\x94" },
};

static void names_of_every_kind_are_decoded(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		uint64_t at[COUNT(names)];
		begin(&v, &shapes[i]);
		for (size_t k = 0; k < COUNT(names); k++)
			at[k] = img_str(&v.m, names[k].kind, names[k].chars, names[k].n, 0xabcd0000 + k);
		walk(&v, img_open(&v.m));
		for (size_t k = 0; k < COUNT(names); k++) {
			struct tm_text text = { 0 };
			uint64_t hash = 0;
			assert_int_equal(tm_walk_str(&v.w, at[k], &text, &hash), TM_SEEN);
			assert_string_equal(tm_text_str(&text), names[k].utf8);
			assert_int_equal(text.len, strlen(names[k].utf8));
			assert_int_equal(hash, 0xabcd0000 + k);
			tm_text_free(&text);
		}
		end(&v);
	}
}

static void a_name_may_hold_nul_and_be_long(void **state)
{
	struct world v;
	enum { LONG = 100000 };
	uint32_t *chars = malloc(LONG * sizeof *chars);
	begin(&v, &shapes[4]);
	for (size_t i = 0; i < LONG; i++)
		chars[i] = i % 251 ? 0x3b1 : 0;
	uint64_t at = img_str(&v.m, IMG_UCS2, chars, LONG, 1);
	walk(&v, img_open(&v.m));
	struct tm_text text = { 0 };
	assert_int_equal(tm_walk_str(&v.w, at, &text, NULL), TM_SEEN);
	const size_t nuls = (LONG + 250) / 251;
	assert_int_equal(text.len, 2 * (LONG - nuls) + nuls);
	assert_memory_equal(text.s, "\0\xce\xb1\xce\xb1", 5);
	tm_text_free(&text);
	end(&v);
	free(chars);
}

static void names_that_cannot_be_are_bad(void **state)
{
	for (size_t i = 0; i < COUNT(shapes); i++) {
		struct world v;
		uint64_t at[6];
		uint32_t x[2] = { 'x', 'y' };
		begin(&v, &shapes[i]);
		for (size_t k = 0; k < COUNT(at); k++)
			at[k] = img_str(&v.m, IMG_LATIN1, x, 2, 1);
		unsigned state_at = 4 * v.m.word;
		static const unsigned kinds[] = { 0, 3, 5, 7 };
		for (size_t k = 0; k < COUNT(kinds); k++)
			img_put(&v.m, at[k] + state_at, v.m.big ? kinds[k] << 27 | 1u << 26 : kinds[k] << 2 | 1u << 5, 4);
		/* ASCII of two bytes a character */
		img_put(&v.m, at[4] + state_at, v.m.big ? 2u << 27 | 3u << 25 : 2u << 2 | 3u << 5, 4);
		img_word(&v.m, at[5] + 2 * v.m.word, (1u << 20) + 1); /* length */
		walk(&v, img_open(&v.m));
		for (size_t k = 0; k < COUNT(at); k++) {
			struct tm_text text = { 0 };
			assert_int_equal(tm_walk_str(&v.w, at[k], &text, NULL), TM_SEEN_BAD);
			tm_text_free(&text);
		}
		end(&v);
	}
}

static void names_of_missing_memory_are_missing(void **state)
{
	struct world v;
	struct tm_text text = { 0 };
	uint32_t x[3] = { 'x', 'y', 'z' };
	begin(&v, &shapes[4]);
	uint64_t sub = img_str(&v.m, IMG_SUBCLASS_ASCII, x, 3, 1);
	uint64_t page = img_alloc(&v.m, 4096, 4096);
	img_word(&v.m, sub + 56, page + 5); /* the characters of 3.12+'s PyUnicodeObject */
	img_alloc(&v.m, 4096, 4096);
	walk(&v, img_open_without(&v.m, page, 4096));
	assert_int_equal(tm_walk_str(&v.w, sub, &text, NULL), TM_SEEN_MISSING);
	assert_int_equal(tm_walk_str(&v.w, page, &text, NULL), TM_SEEN_MISSING);
	assert_int_equal(tm_walk_str(&v.w, 0x5000, &text, NULL), TM_SEEN_BAD);
	tm_text_free(&text);
	end(&v);
}

static void c_strings_end_at_their_nul(void **state)
{
	struct world v;
	struct tm_text text = { 0 };
	uint64_t hash;
	begin(&v, &(struct shape) { 8, false, 15 });
	uint64_t odd = img_bytes(&v.m, "a\xed\xb2\x80\xc3\xa9\0b", 9), empty = img_bytes(&v.m, "", 1);
	uint64_t page = img_alloc(&v.m, 4096, 4096); /* a string that straddles a page, and one that ends with memory */
	memset(img_at(&v.m, page + 4096 - 300), 'q', 300);
	uint64_t tail = img_alloc(&v.m, 4096, 4096);
	memset(img_at(&v.m, tail), 'r', 4096);
	img_put(&v.m, tail + 300, 0, 1);
	img_put(&v.m, tail + 4095, 0, 1);
	walk(&v, img_open(&v.m));
	assert_int_equal(tm_walk_filename(&v.w, odd, &text, &hash), TM_SEEN);
	assert_string_equal(text.s, "a\xed\xb2\x80\xc3\xa9");
	tm_text_clear(&text);
	assert_int_equal(tm_walk_filename(&v.w, empty, &text, &hash), TM_SEEN);
	assert_int_equal(text.len, 0);
	assert_int_equal(tm_walk_cstring(&v.w, page + 4096 - 300, 1 << 20, &text), TM_SEEN);
	assert_int_equal(text.len, 600);
	tm_text_clear(&text);
	assert_int_equal(tm_walk_cstring(&v.w, tail + 4095 - 10, 1 << 20, &text), TM_SEEN);
	assert_string_equal(text.s, "rrrrrrrrrr");
	assert_int_equal(tm_walk_cstring(&v.w, tail + 301, 1000, &text), TM_SEEN_BAD); /* longer than allowed */
	assert_int_equal(tm_walk_cstring(&v.w, 0x5000, 1000, &text), TM_SEEN_BAD);
	tm_text_free(&text);
	end(&v);
}

/* ---- random damage ---- */

/* Whatever the bytes say, walks end, stay in bounds (asan) and never count more than the table can hold. */
static void random_damage_never_crashes_or_hangs(void **state)
{
	uint64_t seed = 20260713;
	for (unsigned round = 0; round < 1900; round++) {
		const struct shape *s = &shapes[round % COUNT(shapes)];
		struct world v;
		begin(&v, s);
		struct img_table table = img_table(&v.m, 32, s->word + (round & 64 ? 4 : 0), 2 * s->word);
		struct img_frame f[3] = { { img_name(&v.m, "a.py"), 1 }, { img_name(&v.m, "b.py"), 2 }, { img_name(&v.m, "c.py"), 3 } };
		uint64_t tb = img_traceback(&v.m, f, 3, 5);
		for (uint64_t k = 0; k < 16; k++)
			img_trace(&v.m, &table, k * 48, 1, k, tb);
		for (unsigned k = 1 + (unsigned)(unit_random(&seed) % 12); k > 0; k--) {
			size_t at = (size_t)(unit_random(&seed) % v.m.used);
			uint64_t kind = unit_random(&seed);
			if (kind % 3 == 0)
				v.m.heap[at] ^= (uint8_t)(1u << kind / 8 % 8);
			else if (kind % 3 == 1)
				v.m.heap[at] = (uint8_t)(kind >> 8);
			else /* a pointer to somewhere else in the heap */
				img_word(&v.m, IMG_HEAP + at / s->word * s->word, IMG_HEAP + (kind >> 8) % v.m.used);
		}
		walk(&v, img_open(&v.m));
		struct tm_table loaded;
		struct tm_tally_of_walk tally = { 0 };
		struct tm_error *err = tm_table_load(&v.w, table.addr, &loaded);
		if (!err) {
			assert_true(loaded.nentries <= loaded.nbuckets);
			memset(&got, 0, sizeof got);
			err = tm_walk_traces(&v.w, &loaded, NULL, 0, &visitor, &tally);
			assert_true(tally.walked <= loaded.nentries + 3);
			if (tally.walked > loaded.nentries + 2)
				assert_true(tally.endless);
			assert_true(got.n <= tally.walked);
			tm_error_free(err);
			err = tm_walk_entries(&v.w, &loaded, NULL, take_entries, &got, &tally);
		}
		tm_error_free(err);
		struct tm_raw_traceback raw;
		if (tm_walk_traceback(&v.w, tb, &raw) == TM_SEEN)
			for (uint32_t k = 0; k < raw.nframe; k++) {
				struct tm_text text = { 0 };
				uint64_t hash = 0;
				tm_walk_filename(&v.w, tm_frame_filename(&v.w, raw.frames + k * (v.m.word + 4)), &text, &hash);
				assert_true(text.len <= 4u << 20);
				tm_text_free(&text);
			}
		end(&v);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_trace_is_found_in_every_shape),
		cmocka_unit_test(traces_with_their_domain_in_the_key_are_found),
		cmocka_unit_test(every_entry_of_a_table_of_keys_is_found),
		cmocka_unit_test(an_empty_table_gives_nothing),
		cmocka_unit_test(one_long_chain_is_followed_to_its_end),
		cmocka_unit_test(an_entry_in_a_foreign_bucket_is_counted_and_not_followed),
		cmocka_unit_test(a_hash_that_is_not_its_keys_is_counted),
		cmocka_unit_test(a_domain_that_is_not_in_its_hash_is_counted),
		cmocka_unit_test(a_chain_that_never_ends_is_cut),
		cmocka_unit_test(an_entry_that_follows_itself_is_cut),
		cmocka_unit_test(a_chain_that_was_cut_short_gives_fewer_entries),
		cmocka_unit_test(pointers_to_nowhere_are_bad_and_not_missing),
		cmocka_unit_test(a_trace_whose_page_is_missing_is_counted),
		cmocka_unit_test(an_entry_whose_page_is_missing_is_counted_with_its_rest_unknown),
		cmocka_unit_test(missing_pages_of_buckets_are_counted_by_bucket),
		cmocka_unit_test(entries_that_straddle_two_spans_are_read),
		cmocka_unit_test(an_error_of_the_caller_ends_the_walk),
		cmocka_unit_test(a_walk_over_missing_buckets_can_be_interrupted),
		cmocka_unit_test(tables_that_cannot_be_are_refused),
		cmocka_unit_test(inline_entries_have_one_of_two_sizes),
		cmocka_unit_test(a_table_of_keys_is_no_table_of_traces),
		cmocka_unit_test(a_table_on_a_missing_page_is_a_fault),
		cmocka_unit_test(a_table_that_is_half_there_says_what_is_missing),
		cmocka_unit_test(pointers_hash_as_cpython_hashes_them),
		cmocka_unit_test(tracebacks_hash_as_cpython_hashes_them),
		cmocka_unit_test(in_315_the_filename_gives_its_pointer_to_the_hash),
		cmocka_unit_test(a_traceback_of_many_frames_is_read_whole),
		cmocka_unit_test(a_traceback_over_two_spans_is_put_together),
		cmocka_unit_test(tracebacks_that_cannot_be_are_bad),
		cmocka_unit_test(a_traceback_on_a_missing_page_is_missing),
		cmocka_unit_test(names_of_every_kind_are_decoded),
		cmocka_unit_test(a_name_may_hold_nul_and_be_long),
		cmocka_unit_test(names_that_cannot_be_are_bad),
		cmocka_unit_test(names_of_missing_memory_are_missing),
		cmocka_unit_test(c_strings_end_at_their_nul),
		cmocka_unit_test(random_damage_never_crashes_or_hangs),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
