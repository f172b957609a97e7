/* tracemalloc's pickles: what Snapshot.dump() writes is read, everything else is refused, what is written is what load() expects. */
#include "tm/store.h"
#include "snap.h"
#include "tm/query.h"
#include <pthread.h>
#include <sys/resource.h>
#include <time.h>

/* ---- pickles from pieces: text is taken as it is, %XX is a byte ---- */

struct bytes {
	uint8_t p[4096];
	size_t n;
};

static size_t put_hex(uint8_t *p, const char *s)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t *begin = p;
	for (; *s; s++) {
		const char *high = *s == '%' && s[1] ? strchr(digits, s[1]) : NULL, *low = high && s[2] ? strchr(digits, s[2]) : NULL;
		*p++ = low ? (uint8_t)((high - digits) << 4 | (low - digits)) : (uint8_t)*s;
		s += low ? 2 : 0;
	}
	return (size_t)(p - begin);
}

static void add(struct bytes *b, const char *s)
{
	b->n += put_hex(b->p + b->n, s);
}

/* As 3.9-3.15 write it: module 0 in the memo, the list 11; what is put into the list follows. */
#define HEAD "%80%05%8c%0btracemalloc%94%8c%08Snapshot%94%93%94)%81%94}%94(%8c%06traces%94h%00%8c%07_Traces%94%93%94)%81%94}%94" \
	"%8c%07_traces%94]%94"
#define TAIL "sb%8c%0ftraceback_limit%94K%02ub."
/* (0, 100, (("a.py", 3),), 1) and the same without its depth; the tuple of frames becomes number 14 of the memo */
#define FRAMES "%8c%04a.py%94K%03%86%94%85%94"
#define BLOCK "(K%00Kd" FRAMES "K%01t%94"
#define OLD_BLOCK "K%00Kd" FRAMES "%87%94"

static struct bytes pickle_of(const char *text)
{
	struct bytes b = { .n = 0 };
	add(&b, text);
	return b;
}

/* With its traces, which are not made until they are required. */
static struct tm_error *read_all(struct tm_error *err, struct tm_snapshot *const *s)
{
	return err ? err : tm_snapshot_require(*s, TM_SECTIONS_ALL);
}

static struct tm_error *parse_bytes(const uint8_t *p, size_t n, struct tm_snapshot **s)
{
	return read_all(tm_snapshot_parse_pickle(p, n, "x.pickle", NULL, s), s);
}

static struct tm_error *load(const char *path, struct tm_snapshot **s)
{
	return read_all(tm_snapshot_load_pickle(path, NULL, s), s);
}

static struct tm_error *parse(const char *text, struct tm_snapshot **s)
{
	struct bytes b = pickle_of(text);
	uint8_t *exact = malloc(b.n + !b.n); /* so that tools see what is read behind it */
	memcpy(exact, b.p, b.n);
	*s = NULL;
	struct tm_error *err = parse_bytes(exact, b.n, s);
	free(exact);
	return err;
}

static void refused(const char *text, enum tm_errcode code, const char *words)
{
	struct tm_snapshot *s;
	fails(parse(text, &s), code, words);
	assert_null(s);
}

static const struct tm_frame *frames_of(const struct tm_snapshot *s, uint64_t trace)
{
	return s->frames + s->tracebacks[s->traces[trace].traceback].first;
}

static void name_is(const struct tm_snapshot *s, uint32_t id, const char *name)
{
	size_t len;
	const char *have = tm_snapshot_name(s, id, &len);
	assert_int_equal(len, strlen(name));
	assert_memory_equal(have, name, len);
}

/* ---- reading ---- */

/* Three blocks, as CPython 3.9 to 3.15 dump them. */
static const char new_dump[] = "%80%05%95%a6%00%00%00%00%00%00%00%8c%0btracemalloc%94%8c%08Snapshot%94%93%94)%81%94}%94(%8c%06traces%94"
	"h%00%8c%07_Traces%94%93%94)%81%94}%94%8c%07_traces%94]%94((K%00Kd%8c%04a.py%94K%03%86%94%8c%04b.py%94K%07%86%94%86%94K%05t%94"
	"(K%00K2h%0d%85%94K%01t%94(J%b7%ef%05%00%8a%06%00%00%00%00%00%01h%10K%05t%94esb%8c%0ftraceback_limit%94K%02ub.";
/* ... and 3.8. */
static const char old_dump[] = "%80%05%95%9d%00%00%00%00%00%00%00%8c%0btracemalloc%94%8c%08Snapshot%94%93%94)%81%94}%94(%8c%06traces%94"
	"h%00%8c%07_Traces%94%93%94)%81%94}%94%8c%07_traces%94]%94(K%00Kd%8c%04a.py%94K%03%86%94%8c%04b.py%94K%07%86%94%86%94%87%94"
	"K%00K2h%0d%85%94%87%94J%b7%ef%05%00%8a%06%00%00%00%00%00%01h%10%87%94esb%8c%0ftraceback_limit%94K%02ub.";

static void dumps_of_both_shapes_are_read(void **state)
{
	for (int old = 0; old < 2; old++) {
		struct tm_snapshot *s;
		ok(parse(old ? old_dump : new_dump, &s));
		assert_int_equal(s->ntraces, 3);
		assert_int_equal(s->ntallies, 3);
		assert_int_equal(s->ntracebacks, 2);
		assert_int_equal(s->nframes, 3);
		assert_int_equal(s->nnames, 2);
		assert_int_equal(s->traces[0].size, 100);
		assert_int_equal(s->traces[1].size, 50);
		assert_int_equal(s->traces[2].size, 1ull << 40);
		assert_int_equal(s->traces[2].domain, 389047);
		assert_int_equal(s->traces[2].traceback, s->traces[0].traceback);
		const struct tm_traceback *tb = &s->tracebacks[s->traces[0].traceback];
		assert_int_equal(tb->nframe, 2);
		assert_int_equal(tb->total_nframe, old ? 0 : 5);
		const struct tm_frame *f = frames_of(s, 0);
		name_is(s, f[0].filename, "a.py");
		assert_int_equal(f[0].lineno, 3);
		name_is(s, f[1].filename, "b.py");
		assert_int_equal(f[1].lineno, 7);
		const struct tm_about *a = &s->about;
		assert_true(a->tracing && a->complete && a->has_limit && !a->has_addresses && a->has_total_nframe == !old);
		assert_int_equal(a->limit, 2);
		assert_int_equal(a->truncated, old ? 0 : 2);
		assert_int_equal(a->python_minor, old ? 0x0308 : 0x0309);
		assert_string_equal(a->target, "tracemalloc pickle x.pickle");
		tm_snapshot_unref(s);
	}
}

static void an_empty_list_of_blocks_tells_no_shape(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD TAIL, &s));
	assert_int_equal(s->ntraces, 0);
	assert_int_equal(s->about.python_minor, 0);
	assert_null(s->about.python);
	tm_snapshot_unref(s);
}

static void one_block_comes_without_a_mark(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD BLOCK "a" TAIL, &s));
	assert_int_equal(s->ntraces, 1);
	tm_snapshot_unref(s);
}

/* A Snapshot may have been given attributes before it was dumped. */
static void attributes_of_its_owner_s_are_passed_over(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD BLOCK "asb%8c%0ftraceback_limit%94K%02%8c%04note%94%8c%06before%94%8c%05countK%07ub.", &s));
	assert_int_equal(s->ntraces, 1);
	assert_int_equal(s->about.limit, 2);
	tm_snapshot_unref(s);
	refused(HEAD "sb%8c%04note]ub.", TM_ERR_UNSUPPORTED, "second list");
	refused(HEAD "sb%8c%04note)ub.", TM_ERR_UNSUPPORTED, "an attribute that is");
	refused(HEAD "sb%8c%0ftraceback_limit%8c%01xub.", TM_ERR_UNSUPPORTED, "an attribute that is");
}

static void a_block_that_comes_twice_counts_twice(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD "(" BLOCK "h%0f(K%01K%07h%0eK%01th%0fe" TAIL, &s));
	static const uint64_t sizes[] = { 100, 100, 7, 100 };
	assert_int_equal(s->ntraces, 4);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(s->traces[i].size, sizes[i]);
	assert_int_equal(s->ntallies, 2);
	assert_int_equal(s->tallies[0].count, 3);
	assert_int_equal(s->tallies[0].size_low, 300);
	assert_int_equal(s->tallies[1].count, 1);
	tm_snapshot_unref(s);
}

static void equal_tracebacks_are_one_and_depths_tell_them_apart(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD "(" BLOCK "(K%01K%07%8c%04a.pyK%03%86%85K%01t(K%00K%08h%0eK%02t(K%00K%09h%0eK%02te" TAIL, &s));
	assert_int_equal(s->ntracebacks, 2);
	assert_int_equal(s->nframes, 1);
	assert_int_equal(s->nnames, 1);
	assert_int_equal(s->ntallies, 3);
	assert_int_equal(s->tallies[2].count, 2);
	assert_int_equal(s->tallies[2].size_low, 17);
	assert_int_equal(s->about.truncated, 2);
	tm_snapshot_unref(s);
}

static void sums_have_128_bits(void **state)
{
	struct tm_snapshot *s;
#define HUGE "%8a%09%ff%ff%ff%ff%ff%ff%ff%ff%00"
	ok(parse(HEAD "((K%00" HUGE FRAMES "K%01t(K%00" HUGE "h%0eK%01te" TAIL, &s));
	assert_true(tm_tally_size(&s->tallies[0]) == (tm_u128)UINT64_MAX * 2);
	assert_int_equal(s->traces[1].size, UINT64_MAX);
	tm_snapshot_unref(s);
}

static void numbers_reach_their_limits(void **state)
{
	struct tm_snapshot *s;
	ok(parse(HEAD "((%8a%05%ff%ff%ff%ff%00%8a%00%8c%00%8a%05%ff%ff%ff%ff%00%86%85M%ff%ffte" TAIL, &s));
	assert_int_equal(s->traces[0].domain, UINT32_MAX);
	assert_int_equal(s->traces[0].size, 0);
	assert_int_equal(frames_of(s, 0)->lineno, UINT32_MAX);
	assert_int_equal(s->tracebacks[0].total_nframe, 65535);
	tm_snapshot_unref(s);
}

static void numbers_beyond_are_refused(void **state)
{
	static const struct {
		const char *block, *words;
	} cases[] = {
		{ "(%8a%05%00%00%00%00%01Kd" FRAMES "K%01t", "domain of a block is 4294967296" },
		{ "(J%ff%ff%ff%ffKd" FRAMES "K%01t", "negative" },
		{ "(K%00%8a%01%80" FRAMES "K%01t", "negative" },
		{ "(K%00%8a%09%00%00%00%00%00%00%00%00%01" FRAMES "K%01t", "more than 64 bits" },
		{ "(K%00%8a%ff", "truncated" },
		{ "(K%00Kd%8c%01a%8a%05%00%00%00%00%01%86", "line number of 4294967296" },
		{ "(K%00Kd%8c%01aJ%00%00%00%80%86", "negative" },
		{ "(K%00Kd" FRAMES "%8a%05%00%00%00%00%01t", "depth of the stack of a block is 4294967296" },
		{ "(%8a%08%00%00%00%00%00%00%00%7fKd" FRAMES "K%01t", "a tuple of 4 that begins with a number" },
	};
	for (size_t i = 0; i < COUNT(cases); i++) {
		char text[2048];
		snprintf(text, sizeof text, "%s(%s%s", HEAD, cases[i].block, strstr(cases[i].words, "truncated") ? "" : "e" TAIL);
		struct tm_snapshot *s;
		struct tm_error *err = parse(text, &s);
		fails(err, err && strstr(tm_error_message(err), "begins with") ? TM_ERR_UNSUPPORTED : TM_ERR_CORRUPT, cases[i].words);
	}
}

static void what_is_no_snapshot_is_refused(void **state)
{
	refused("", TM_ERR_UNSUPPORTED, "not a pickle");
	refused("%80%04.", TM_ERR_UNSUPPORTED, "what it holds is no snapshot");
	refused("%80%04K%01.", TM_ERR_UNSUPPORTED, "at offset 4: what it holds is no snapshot");
	refused("%80%04]%94.", TM_ERR_UNSUPPORTED, "no snapshot");
	refused("%80%02cos\nsystem\n", TM_ERR_UNSUPPORTED, "os.system");
	refused("%80%04%8c%02os%8c%06system%93%8c%02id%85R.", TM_ERR_UNSUPPORTED, "offset 14: it asks for os.system; tm calls nothing");
	refused("%80%04%8c%0btracemalloc%8c%05start%93)R.", TM_ERR_UNSUPPORTED, "tracemalloc.start");
	refused("%80%04%8c%0btracemalloc%8c%08Snapshot%93)R.", TM_ERR_UNSUPPORTED, "0x52 is no opcode");
	refused("%80%04%8c%0btracemalloc%8c%08Snapshot%93)%81.", TM_ERR_UNSUPPORTED, "no snapshot");
	refused("%80%04%8c%0btracemalloc%8c%08Snapshot%93)%81}b.", TM_ERR_UNSUPPORTED, "other attributes");
	refused("%80%04%80%04", TM_ERR_CORRUPT, "second beginning");
	refused("%80%04X%ff%ff%ff%ff", TM_ERR_CORRUPT, "truncated");
	refused("%80%04%8d%ff%ff%ff%ff%ff%ff%ff%ff", TM_ERR_CORRUPT, "truncated");
	refused("%80%04%95%ff%ff%ff%ff%ff%ff%ff%ffK", TM_ERR_CORRUPT, "truncated");
	refused("%80%04%8c%01%ff.", TM_ERR_CORRUPT, "not UTF-8");
	refused("%80%04h%00", TM_ERR_CORRUPT, "number 0 of the memo");
	refused("%80%04%8c%01ar%ff%ff%ff%7f", TM_ERR_CORRUPT, "number 2147483647 of the memo, in a file of");
	refused("%80%04K%01%94", TM_ERR_CORRUPT, "at offset 4: a number of the memo for what was not just made");
	refused("%80%04%8c%01a%94%94", TM_ERR_CORRUPT, "at offset 6: a number of the memo for what was not just made");
	refused("%80%04%8c%01a%94h%00%94", TM_ERR_CORRUPT, "at offset 8: a number of the memo for what was not just made");
	refused(HEAD "(" BLOCK BLOCK "%94", TM_ERR_CORRUPT, "a number of the memo for what was not just made");
	refused("%80%04%94", TM_ERR_CORRUPT, "nothing for opcode 0x94");
	refused("%80%04%86", TM_ERR_CORRUPT, "nothing for opcode 0x86");
	refused("%80%04t", TM_ERR_CORRUPT, "nothing began");
	refused("%80%04K%01(K%02%86", TM_ERR_CORRUPT, "nothing for opcode 0x86"); /* not across a mark */
	refused("%80%04(((((((((", TM_ERR_CORRUPT, "deep");
	refused("%80%04N.", TM_ERR_UNSUPPORTED, "0x4e is no opcode");
	refused(HEAD BLOCK "K%01a" TAIL, TM_ERR_CORRUPT, "no list");
	refused(HEAD "K%01a" TAIL, TM_ERR_UNSUPPORTED, "a list of a number");
	refused(HEAD "(" BLOCK OLD_BLOCK "e" TAIL, TM_ERR_CORRUPT, "3 fields among blocks of 4");
	refused(HEAD "((K%00Kd)K%01te" TAIL, TM_ERR_UNSUPPORTED, "the traceback of a block is an empty tuple");
	refused(HEAD "((K%00Kd(tK%01te" TAIL, TM_ERR_UNSUPPORTED, "an empty tuple");
	refused(HEAD "((K%00h%00K%01K%01te" TAIL, TM_ERR_UNSUPPORTED, "the size of a block is a string");
	refused(HEAD "((K%00Kd" FRAMES "h%00te" TAIL, TM_ERR_UNSUPPORTED, "depth of the stack of a block is a string");
	refused(HEAD "(h%00h%00%86" TAIL, TM_ERR_UNSUPPORTED, "a tuple of a string and a string");
	refused(HEAD "]" TAIL, TM_ERR_UNSUPPORTED, "second list");
	refused(HEAD "}}" TAIL, TM_ERR_UNSUPPORTED, "third dict");
	refused(HEAD TAIL "more", TM_ERR_CORRUPT, "4 bytes follow");
	refused(HEAD "sb%8c%05limitK%02ub.", TM_ERR_UNSUPPORTED, "attribute");
	refused(HEAD "sbub.", TM_ERR_UNSUPPORTED, "other attributes");
	refused(HEAD "u", TM_ERR_CORRUPT, "no dict");
}

static void every_truncation_is_refused(void **state)
{
	const char *const texts[] = { new_dump, old_dump };
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct bytes b = pickle_of(texts[i]);
		for (size_t n = 0; n < b.n; n++) {
			struct tm_snapshot *s = NULL;
			uint8_t *exact = malloc(n + !n);
			memcpy(exact, b.p, n);
			fails(parse_bytes(exact, n, &s), n < 2 ? TM_ERR_UNSUPPORTED : TM_ERR_CORRUPT,
				n < 2 ? NULL : "truncated");
			free(exact);
		}
	}
}

static void every_changed_byte_is_refused_or_read(void **state)
{
	const char *const texts[] = { new_dump, old_dump };
	unsigned read = 0, not = 0;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct bytes b = pickle_of(texts[i]);
		for (size_t k = 0; k < b.n * 256; k++) {
			struct tm_snapshot *s = NULL;
			uint8_t was = b.p[k / 256];
			b.p[k / 256] = (uint8_t)k;
			struct tm_error *err = parse_bytes(b.p, b.n, &s);
			if (err) {
				not++;
				assert_non_null(strstr(tm_error_message(err), "x.pickle: "));
			} else {
				read++;
				assert_int_equal(s->ntraces, 3);
			}
			tm_error_free(err);
			tm_snapshot_unref(s);
			b.p[k / 256] = was;
		}
	}
	assert_true(read > 1000 && not > 50000);
}

static void pickles_are_known_by_their_first_bytes(void **state)
{
	assert_true(tm_pickle_is("\x80\x05\x95", 3));
	assert_true(tm_pickle_is("\x80\x02", 2));
	assert_false(tm_pickle_is("\x80\x05", 1));
	assert_false(tm_pickle_is("\x80\x06\x95", 3));
	assert_false(tm_pickle_is("\x7f" "ELF", 4));
}

enum { SOON = 20 }; /* seconds: a tenth of one, but for sanitizers, valgrind and what else the machine does; endless is longer */
static double seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The same few bytes over and over, behind a beginning: refused soon, with little memory. */
static void endless_files_are_refused_soon(void **state)
{
	static const struct {
		const char *before, *again;
	} cases[] = {
		{ "%80%04", "(" }, { "%80%04", "K%01" }, { "%80%04K%01", "%94" }, { "%80%04", "]" }, { "%80%04", "%8c%00" },
		{ "%80%04", "%8a%08%ff%ff%ff%ff%ff%ff%ff%7f" }, { "%80%04", "%95%00%00%00%00%00%00%00%00" }, { "%80%04", "(t" },
		{ HEAD "(" BLOCK, "h%0f" }, { HEAD "(" BLOCK, "h%0d" }, { HEAD "(" BLOCK, "h%0d%85" }, { HEAD "(" BLOCK, "(K%00K%00h%0eK%02t" },
		{ HEAD BLOCK "a(", "(K%00K%00h%0eK%02te(" }, { "%80%04K%01", "r%ff%ff%00%00" },
	};
	enum { LEN = 4 << 20 };
	uint8_t *p = malloc(LEN);
	assert_non_null(p);
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes before = pickle_of(cases[i].before), part = pickle_of(cases[i].again);
		struct tm_snapshot *s = NULL;
		memcpy(p, before.p, before.n);
		for (size_t k = before.n; k < LEN; k++)
			p[k] = part.p[(k - before.n) % part.n];
		double begin = seconds();
		struct tm_error *err = parse_bytes(p, LEN, &s);
		assert_true(seconds() - begin < SOON);
		assert_non_null(err);
		assert_null(strchr(tm_error_message(err), '\n'));
		tm_error_free(err);
	}
	free(p);
	struct rusage used;
	getrusage(RUSAGE_SELF, &used);
#ifndef __SANITIZE_ADDRESS__
	const char *preloaded = getenv("LD_PRELOAD");
	if (!preloaded || !strstr(preloaded, "vgpreload")) /* valgrind keeps far more for itself */
		assert_in_range(used.ru_maxrss, 1, 64 << 10); /* KiB */
#endif
}

/* One traceback of many frames, in blocks of ever new depths and domains: no work grows with the square. */
static void nothing_takes_the_square_of_the_file(void **state)
{
	enum { FRAMES_IN_IT = 500000, BLOCKS = 200000 };
	size_t most = 4096 + FRAMES_IN_IT * 2 + BLOCKS * 20u, n;
	uint8_t *p = malloc(most);
	struct bytes head = pickle_of(HEAD "((K%00Kd(%8c%01aK%01%86%94"), between = pickle_of("t%94K%01t"), tail = pickle_of("e" TAIL);
	memcpy(p, head.p, n = head.n);
	for (unsigned i = 0; i < FRAMES_IN_IT; i++, n += 2)
		memcpy(p + n, "h\x0c", 2);
	memcpy(p + n, between.p, between.n);
	n += between.n;
	for (unsigned i = 0; i < BLOCKS; i++) {
		uint32_t depth = i, domain = i % 1000;
		memcpy(p + n, "(J", 2);
		memcpy(p + n + 2, &domain, 4);
		memcpy(p + n + 6, "K\1h\x0dJ", 5);
		memcpy(p + n + 11, &depth, 4);
		p[n + 15] = 't';
		n += 16;
	}
	memcpy(p + n, tail.p, tail.n);
	n += tail.n;
	struct tm_snapshot *s = NULL;
	double begin = seconds();
	ok(parse_bytes(p, n, &s));
	assert_true(seconds() - begin < SOON);
	assert_int_equal(s->ntraces, BLOCKS + 1);
	assert_int_equal(s->ntracebacks, BLOCKS);
	assert_int_equal(s->nframes, FRAMES_IN_IT + 1);
	tm_snapshot_unref(s);
	free(p);
}

/* ---- long files, which two threads read ---- */

struct made {
	uint8_t *p;
	size_t n, nblocks;
	uint64_t *sizes;
	uint32_t *depths, *lines;
};

static void put_bytes(struct made *m, const void *p, size_t n)
{
	memcpy(m->p + m->n, p, n);
	m->n += n;
}

static void put_number(struct made *m, uint64_t v)
{
	unsigned bytes = v < 256 ? 1 : v < 65536 ? 2 : v >> 31 ? 6 : 4;
	put_bytes(m, bytes == 6 ? "\x8a" : bytes == 4 ? "J" : bytes == 2 ? "M" : "K", 1);
	if (bytes == 6)
		put_bytes(m, "\6", 1);
	put_bytes(m, &v, bytes);
}

static void put_memo(struct made *m, int protocol, uint32_t number)
{
	if (protocol > 3)
		put_bytes(m, "\x94", 1);
	else
		put_bytes(m, number < 256 ? "q" : "r", 1), put_bytes(m, &number, number < 256 ? 1 : 4);
}

/*
 * Blocks of all sizes and depths, whose tracebacks come for the first time or again, in batches, with frames of the protocol
 * between any two opcodes, and numbers whose bytes look like the beginning of a block.
 */
static struct made make_long(unsigned nblocks, int fields, int protocol)
{
	static const uint64_t sizes[] = { 0, 24, '(', 'K', 255, 256, 0x4b28, 0x4b28004b, 0x7fffffff, 0x80000000u, 1ull << 40 };
	static const uint8_t frame[9] = { 0x95 };
	struct made m = { .p = malloc(4096 + (size_t)nblocks * 80), .sizes = calloc(nblocks, 8), .depths = calloc(nblocks, 4),
		.lines = calloc(nblocks, 4) };
	struct bytes head = pickle_of(HEAD "("), old = pickle_of(
		"%80%02ctracemalloc\nSnapshot\nq%00)%81q%01}q%02(X%06%00%00%00tracesq%03ctracemalloc\n_Traces\nq%04)%81q%05}q%06X%07%00%00%00_tracesq%07]q%08(");
	uint32_t number = protocol > 3 ? 12 : 9, known[1024], nknown = 0, name = 0;
	put_bytes(&m, protocol > 3 ? head.p : old.p, protocol > 3 ? head.n : old.n);
	uint64_t seed = 1;
	for (unsigned i = 0; i < nblocks; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		unsigned dice = (unsigned)(seed >> 33);
		m.sizes[i] = dice % 8 ? dice % 200 : sizes[dice / 8 % COUNT(sizes)];
		m.depths[i] = fields == 4 ? dice % 5 ? 3 : dice % 70000 : 0;
		if (i % 1000 == 999)
			put_bytes(&m, "e(", 2);
		if (fields == 4)
			put_bytes(&m, "(", 1);
		put_bytes(&m, "K\0", 2);
		put_number(&m, m.sizes[i]);
		if (protocol > 3 && dice % 997 == 0)
			put_bytes(&m, frame, 9);
		if (!nknown || (nknown < 1024 && dice % 400 == 1)) {
			m.lines[i] = nknown;
			if (!nknown) {
				put_bytes(&m, "X\4\0\0\0a.py", 9);
				put_memo(&m, protocol, name = number++);
			} else {
				put_bytes(&m, "j", 1), put_bytes(&m, &name, 4);
			}
			put_number(&m, nknown);
			put_bytes(&m, "\x86", 1), put_memo(&m, protocol, number++);
			put_bytes(&m, "\x85", 1), put_memo(&m, protocol, known[nknown++] = number++);
		} else {
			m.lines[i] = dice / 7 % nknown;
			uint32_t k = known[m.lines[i]];
			put_bytes(&m, k < 256 ? "h" : "j", 1), put_bytes(&m, &k, k < 256 ? 1 : 4);
		}
		if (fields == 4)
			put_number(&m, m.depths[i]);
		put_bytes(&m, fields == 4 ? "t" : "\x87", 1);
		put_memo(&m, protocol, number++);
	}
	struct bytes tail = pickle_of("esbX%0f%00%00%00traceback_limitK%02ub.");
	put_bytes(&m, tail.p, tail.n);
	m.nblocks = nblocks;
	return m;
}

static void made_deinit(struct made *m)
{
	free(m->p);
	free(m->sizes);
	free(m->depths);
	free(m->lines);
}

static void a_long_file_is_read_like_a_short_one(void **state)
{
	static const struct {
		int fields, protocol;
	} kinds[] = { { 4, 4 }, { 3, 4 }, { 4, 2 }, { 3, 2 } };
	for (size_t k = 0; k < COUNT(kinds); k++) {
		struct made m = make_long(600000, kinds[k].fields, kinds[k].protocol);
		struct tm_snapshot *s = NULL;
		tm_u128 size = 0, total;
		uint64_t count;
		ok(parse_bytes(m.p, m.n, &s));
		assert_int_equal(s->ntraces, m.nblocks);
		for (size_t i = 0; i < m.nblocks; i++) {
			const struct tm_traceback *tb = &s->tracebacks[s->traces[i].traceback];
			if (s->traces[i].size != m.sizes[i] || tb->total_nframe != m.depths[i] || tb->nframe != 1 ||
			    s->frames[tb->first].lineno != m.lines[i] || s->traces[i].domain || s->traces[i].address)
				fail_msg("block %zu of kind %zu", i, k);
			size += m.sizes[i];
		}
		tm_snapshot_total(s, &count, &total);
		assert_int_equal(count, m.nblocks);
		assert_true(total == size);
		tm_snapshot_unref(s);
		made_deinit(&m);
	}
}

/* What is wrong far behind, where another thread looked first, is said as for a short file. */
static void a_long_file_is_refused_like_a_short_one(void **state)
{
	for (int protocol = 2; protocol <= 4; protocol += 2) {
		struct made m = make_long(600000, 4, protocol);
		char words[64];
		struct tm_snapshot *s = NULL;
		size_t place = m.n - 3000;
		fails(parse_bytes(m.p, place, &s), TM_ERR_CORRUPT, "truncated");
		while (memcmp(m.p + place, "(K\0K", 4) || m.p[place + 5] != 'j')
			place++;
		snprintf(words, sizeof words, "at offset %zu: number 2147483647 of the memo", place + 5);
		memcpy(m.p + place + 6, "\xff\xff\xff\x7f", 4);
		fails(parse_bytes(m.p, m.n, &s), TM_ERR_CORRUPT, words);
		memcpy(m.p + place + 6, "\0\0\0\0", 4); /* a string or a class */
		fails(parse_bytes(m.p, m.n, &s), TM_ERR_UNSUPPORTED, "the traceback of a block is a");
		assert_null(s);
		made_deinit(&m);
	}
}

/* ---- long files in which something only looks like blocks ---- */

struct tricks {
	struct made m;
	int fields;
	bool bare; /* blocks are not memoized */
	uint64_t count, size;
};

static void put_text(struct made *m, const char *text)
{
	m->n += put_hex(m->p + m->n, text);
}

/* N blocks of 7 bytes that have traceback 14, in a list of their own. */
static void put_usual(struct tricks *t, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (i % 1000 == 0)
			put_text(&t->m, "e(");
		put_text(&t->m, t->fields == 4 ? "(K%00K%07j%0e%00%00%00K%01t%94" : "K%00K%07j%0e%00%00%00%87%94");
		t->m.n -= t->bare;
	}
	t->count += n;
	t->size += n * 7u;
}

enum { MANY_BLOCKS = 430000 }; /* more than 4 MiB of 10 bytes each */

/*
 * Blocks with a traceback each that has a number of its own, up to 245: what looks like a block would be one. Where blocks have
 * numbers, too, tracebacks have the odd ones, between 81 and 160 the even ones, from 241 on again.
 */
static void put_tracebacks(struct tricks *t)
{
	const char *begin = t->fields == 4 ? "(K%00K%01" : "K%00K%01", *end = t->fields == 4 ? "K%01t%94" : "%87%94";
	for (unsigned number = t->bare ? 15 : 16, nframes = 0; number < 246; number += 1 + !t->bare) {
		bool frame = number >= 80 * nframes;
		put_text(&t->m, begin);
		put_text(&t->m, frame ? "h%0cK%05%86%94%85%94" : "h%0d%85%94");
		number += frame;
		nframes += frame;
		put_text(&t->m, end);
		t->m.n -= t->bare;
		t->count++;
		t->size++;
	}
}

static struct tricks begin_tricks(int fields, bool bare)
{
	struct tricks t = { .m = { .p = malloc(16 << 20) }, .fields = fields, .bare = bare, .count = 1, .size = 100 };
	put_text(&t.m, fields == 4 ? HEAD "(" BLOCK : HEAD "(" OLD_BLOCK);
	t.m.n -= bare;
	put_tracebacks(&t);
	put_usual(&t, MANY_BLOCKS);
	return t;
}

static void end_tricks(struct tricks *t)
{
	struct tm_snapshot *s = NULL;
	tm_u128 size;
	uint64_t count, sum = 0;
	put_text(&t->m, "e" TAIL);
	ok(parse_bytes(t->m.p, t->m.n, &s));
	assert_int_equal(s->ntraces, t->count);
	for (uint64_t i = 0; i < s->ntraces; i++)
		sum += s->traces[i].size;
	tm_snapshot_total(s, &count, &size);
	assert_int_equal(count, t->count);
	assert_true(size == t->size);
	assert_int_equal(sum, t->size);
	tm_snapshot_unref(s);
	made_deinit(&t->m);
}

/* The last two bytes of a letter can be what ends a block without a depth, and nothing tells a bare block from text. */
static void blocks_in_a_filename_are_none(void **state)
{
	static const struct {
		int fields;
		bool bare;
		const char *like_block;
	} cases[] = { { 3, false, "K%00K%01h%e1%87%94" }, { 4, true, "(K%00K%01h%11K%01t" }, { 4, true, "(K%00K%01j%11%00%00%00K%01t" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tricks t = begin_tricks(cases[i].fields, cases[i].bare);
		struct bytes like_block = pickle_of(cases[i].like_block);
		uint32_t len = (uint32_t)like_block.n * 1000;
		put_text(&t.m, t.fields == 4 ? "(K%00K%07X" : "K%00K%07X");
		put_bytes(&t.m, &len, 4);
		for (unsigned k = 0; k < 1000; k++)
			put_bytes(&t.m, like_block.p, like_block.n);
		put_text(&t.m, "%94K%01%86%94%85%94");
		put_text(&t.m, t.fields == 4 ? "K%01t" : "%87");
		t.count++;
		t.size += 7;
		put_usual(&t, 1500);
		end_tricks(&t);
	}
}

/* As we write them, and who runs pickletools.optimize(). Some blocks have a number in the memo all the same. */
static void blocks_need_not_be_memoized(void **state)
{
	for (int fields = 3; fields <= 4; fields++) {
		struct tricks t = begin_tricks(fields, true);
		put_text(&t.m, "%94h%f6h%f6"); /* the first number that is free */
		t.count += 2;
		t.size += 14;
		put_usual(&t, 1500);
		end_tricks(&t);
	}
}

/* From its third byte on it is (0, 75, number 104, 77). */
static void a_block_within_a_block_is_none(void **state)
{
	struct tricks t = begin_tricks(4, false);
	put_text(&t.m, "(J(K%00KKhhKM%74%94t%94");
	t.count++;
	t.size += 'h';
	put_usual(&t, 1500);
	end_tricks(&t);
}

static void a_block_comes_twice_in_a_long_file(void **state)
{
	struct tricks t = begin_tricks(4, false);
	put_text(&t.m, "h%0fj%00%10%00%00"); /* 100 bytes, 7 bytes */
	t.count += 2;
	t.size += 107;
	put_usual(&t, 1500);
	end_tricks(&t);
}

/* pickle.py ends so when there are 1000n + 1. */
static void the_last_block_comes_alone(void **state)
{
	struct tricks t = begin_tricks(4, false);
	put_text(&t.m, "e(K%00K%09j%0e%00%00%00K%01t%94a(");
	t.count++;
	t.size += 9;
	end_tricks(&t);
}

/* ---- tracebacks of several frames ---- */

enum { MANY_TRACEBACKS = 50000, MOST_FRAMES = 200 };

struct wanted {
	uint16_t lines[MOST_FRAMES];
	uint32_t n, number; /* in the memo */
};

static uint32_t put_traceback(struct made *m, uint32_t number, unsigned dice, uint32_t *known, struct wanted *w)
{
	static const char *const tuples[] = { "t", "%85", "%86", "%87" };
	w->n = dice % 1000 == 0 ? 100 + dice / 1000 % 100 : 1 + dice % 24;
	if (w->n > 3)
		put_text(m, "(");
	for (uint32_t i = 0; i < w->n; i++) {
		w->lines[i] = (uint16_t)((dice >> i % 16 & 1) * 256 + i);
		if (i % 5 == 4 && known[w->lines[i]]) { /* the same tuple once more */
			put_bytes(m, "j", 1), put_bytes(m, &known[w->lines[i]], 4);
			continue;
		}
		put_text(m, dice % 3 ? "h%0c" : "j%0c%00%00%00");
		put_number(m, w->lines[i]);
		put_text(m, "%86%94");
		known[w->lines[i]] = number++;
	}
	put_text(m, tuples[w->n > 3 ? 0 : w->n]);
	put_text(m, "%94");
	w->number = number++;
	return number;
}

/* Each traceback has a block of its number as size with the traceback, and one later. */
static struct made make_tracebacks(struct wanted *w, int fields)
{
	static uint32_t known[1024];
	struct made m = { .p = malloc(32 << 20) };
	uint32_t number = 16;
	uint64_t seed = 3;
	memset(known, 0, sizeof known);
	put_text(&m, fields == 4 ? HEAD "(" BLOCK : HEAD "(" OLD_BLOCK);
	for (uint32_t i = 0; i < 2 * MANY_TRACEBACKS; i++) {
		const char *depth = fields == 4 ? i / 2 % 2 ? "K%02t%94" : "K%03t%94" : "%87%94";
		put_text(&m, fields == 4 ? "(K%00" : "K%00");
		put_number(&m, i);
		if (i % 2 == 0) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			number = put_traceback(&m, number, (unsigned)(seed >> 33), known, &w[i / 2]);
		} else {
			uint32_t k = w[i / 2 / 2].number;
			put_bytes(&m, "j", 1), put_bytes(&m, &k, 4);
		}
		put_text(&m, depth);
		number++;
		if (i % 500 == 499)
			put_text(&m, "e(");
	}
	put_text(&m, "e" TAIL);
	assert_true(m.n > 5 << 20); /* a long file */
	return m;
}

static void is_traceback(const struct tm_snapshot *s, uint64_t trace, const struct wanted *w)
{
	const struct tm_traceback *tb = &s->tracebacks[s->traces[trace].traceback];
	bool same = tb->nframe == w->n;
	for (uint32_t k = 0; same && k < w->n; k++)
		same = frames_of(s, trace)[k].lineno == w->lines[k] && !frames_of(s, trace)[k].filename;
	if (!same)
		fail_msg("traceback of block %llu", (unsigned long long)trace);
}

static void tracebacks_are_those_of_their_blocks(void **state)
{
	struct wanted *w = calloc(MANY_TRACEBACKS, sizeof *w);
	for (int fields = 3; fields <= 4; fields++) {
		struct made m = make_tracebacks(w, fields);
		struct tm_snapshot *s;
		ok(parse_bytes(m.p, m.n, &s));
		assert_int_equal(s->ntraces, 1 + 2 * MANY_TRACEBACKS);
		for (uint32_t i = 0; i < 2 * MANY_TRACEBACKS; i++) {
			assert_int_equal(s->traces[i + 1].size, i);
			assert_int_equal(s->tracebacks[s->traces[i + 1].traceback].total_nframe, fields == 4 ? 3 - i / 2 % 2 : 0);
			is_traceback(s, i + 1, &w[i % 2 ? i / 2 / 2 : i / 2]);
		}
		for (uint64_t i = 0; i < s->ntallies; i++) /* each once */
			for (uint64_t k = i + 1; k < s->ntallies && k < i + 100; k++)
				assert_true(s->tallies[i].traceback != s->tallies[k].traceback);
		tm_snapshot_unref(s);
		made_deinit(&m);
	}
	free(w);
}

/* Whichever thread does what. */
static void what_is_read_is_always_the_same(void **state)
{
	struct wanted *w = calloc(MANY_TRACEBACKS, sizeof *w);
	struct made m = make_tracebacks(w, 4);
	char *path = unit_path(*state, "a.tm");
	uint8_t *first = NULL;
	size_t nfirst = 0;
	for (int i = 0; i < 8; i++) {
		struct tm_snapshot *s;
		size_t n;
		ok(tm_snapshot_parse_pickle(m.p, m.n, "x", NULL, &s));
		ok(tm_snapshot_save(s, path, true, NULL));
		tm_snapshot_unref(s);
		uint8_t *p = unit_read(path, &n);
		if (first) {
			assert_int_equal(n, nfirst);
			assert_memory_equal(p, first, n);
			free(p);
		} else {
			first = p;
			nfirst = n;
		}
	}
	free(first);
	free(path);
	free(w);
	made_deinit(&m);
}

static void *require_all(void *s)
{
	return tm_snapshot_require(s, TM_SECTIONS_ALL);
}

static void several_threads_may_require_the_traces(void **state)
{
	struct made m = make_long(600000, 4, 4);
	struct tm_snapshot *s;
	pthread_t threads[4];
	ok(tm_snapshot_parse_pickle(m.p, m.n, "x", NULL, &s));
	for (size_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, require_all, s), 0);
	for (size_t i = 0; i < COUNT(threads); i++) {
		void *err;
		pthread_join(threads[i], &err);
		ok(err);
	}
	for (size_t i = 0; i < m.nblocks; i++)
		if (s->traces[i].size != m.sizes[i])
			fail_msg("block %zu", i);
	tm_snapshot_unref(s);
	made_deinit(&m);
}

static void numbers_of_the_memo_come_once(void **state)
{
	refused("%80%04%8c%01aq%00%8c%01bq%00", TM_ERR_UNSUPPORTED, "number 0 of the memo comes a second time");
	refused(HEAD "(" BLOCK "%8c%01aq%0e", TM_ERR_UNSUPPORTED, "number 14 of the memo comes a second time");
}

/* ---- writing ---- */

static struct tm_snapshot *two_blocks(void)
{
	struct tm_builder b = { 0 };
	uint32_t a = TB(&b, 0, { "a.py", 3 }, { "b.py", 7 }), c = TB(&b, 9, { "a.py", 3 });
	snap_trace(&b, 0x1000, 100, 0, a);
	snap_trace(&b, 0x2000, 1ull << 40, 389047, c);
	snap_trace(&b, 0x3000, UINT64_MAX, UINT32_MAX, a);
	struct tm_snapshot *s = snap_freeze(&b);
	s->about.has_limit = true;
	s->about.limit = 2;
	return s;
}

static void expect_file(const char *path, const char *text)
{
	struct bytes wanted = pickle_of(text);
	size_t n;
	uint8_t *p = unit_read(path, &n);
	assert_int_equal(n, wanted.n);
	assert_memory_equal(p, wanted.p, n);
	free(p);
}

#define WRITTEN "%80%04%8c%0btracemalloc%8c%08Snapshot%93)%81}(%8c%06traces%8c%0btracemalloc%8c%07_Traces%93)%81}%8c%07_traces]("
#define WRITTEN_TAIL "esb%8c%0ftraceback_limitK%02ub."

static void the_bytes_are_those_that_load_knows(void **state)
{
	char *path = unit_path(*state, "a.pickle");
	struct tm_snapshot *s = two_blocks();
	ok(tm_snapshot_dump(s, path, false, TM_PICKLE_4, NULL));
	expect_file(path, WRITTEN "(K%00Kd%8c%04a.py%94K%03%86%94%8c%04b.py%94K%07%86%94%86%94K%02t"
		"(J%b7%ef%05%00%8a%06%00%00%00%00%00%01h%01%85%94K%09t"
		"(%8a%05%ff%ff%ff%ff%00%8a%09%ff%ff%ff%ff%ff%ff%ff%ff%00h%04K%02t" WRITTEN_TAIL);
	ok(tm_snapshot_dump(s, path, true, TM_PICKLE_3, NULL));
	expect_file(path, WRITTEN "K%00Kd%8c%04a.py%94K%03%86%94%8c%04b.py%94K%07%86%94%86%94%87"
		"J%b7%ef%05%00%8a%06%00%00%00%00%00%01h%01%85%94%87"
		"%8a%05%ff%ff%ff%ff%00%8a%09%ff%ff%ff%ff%ff%ff%ff%ff%00h%04%87" WRITTEN_TAIL);
	tm_snapshot_unref(s);
	free(path);
}

static void the_shape_follows_the_snapshots_python(void **state)
{
	static const struct {
		uint16_t minor;
		bool four;
	} cases[] = { { 0, true }, { 0x0306, false }, { 0x0308, false }, { 0x0309, true }, { 0x030f, true } };
	char *path = unit_path(*state, "a.pickle");
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_snapshot *s = two_blocks(), *back;
		s->about.python_minor = cases[i].minor;
		ok(tm_snapshot_dump(s, path, true, TM_PICKLE_AUTO, NULL));
		ok(load(path, &back));
		assert_int_equal(back->about.has_total_nframe, cases[i].four);
		tm_snapshot_unref(back);
		tm_snapshot_unref(s);
	}
	free(path);
}

static void a_depth_that_is_not_known_is_that_of_the_frames(void **state)
{
	char *path = unit_path(*state, "a.pickle");
	struct tm_snapshot *back, *s;
	ok(parse(old_dump, &s));
	ok(tm_snapshot_dump(s, path, false, TM_PICKLE_4, NULL));
	ok(load(path, &back));
	for (uint64_t i = 0; i < back->ntracebacks; i++)
		assert_int_equal(back->tracebacks[i].total_nframe, back->tracebacks[i].nframe);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

static void names_of_any_length_and_bytes_are_written(void **state)
{
	char *path = unit_path(*state, "a.pickle"), *huge = malloc(600001);
	memset(huge, 'h', 600000);
	huge[600000] = 0;
	const char *const names[] = { "", "\xed\xa0\x80\xed\xb2\x80", "\xff\x80x", "\xc3", huge };
	/* What is no UTF-8 becomes what os.fsdecode() makes of it. */
	const char *const wanted[] = { "", "\xed\xa0\x80\xed\xb2\x80", "\xed\xb3\xbf\xed\xb2\x80x", "\xed\xb3\x83", huge };
	struct tm_builder b = { 0 };
	for (uint32_t i = 0; i < COUNT(names); i++)
		snap_trace(&b, i, i, 0, TB(&b, 1, { names[i], i }));
	struct tm_snapshot *s = snap_freeze(&b), *back;
	ok(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, NULL));
	ok(load(path, &back));
	for (uint32_t i = 0; i < COUNT(names); i++)
		name_is(back, frames_of(back, i)->filename, wanted[i]);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(huge);
	free(path);
}

static void what_cannot_be_written_leaves_nothing(void **state)
{
	char *path = unit_path(*state, "a.pickle");
	struct tm_snapshot *s = two_blocks();
	s->traces = NULL;
	fails(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, NULL), TM_ERR_UNSUPPORTED, "statistics only");
	tm_snapshot_unref(s);
	struct tm_builder b = { 0 };
	snap_trace(&b, 0, 1, 0, TB(&b, 1, { 0 }));
	s = snap_freeze(&b);
	fails(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, NULL), TM_ERR_CORRUPT, "no frames");
	tm_snapshot_unref(s);
	assert_int_equal(unit_folder_count(*state), 0);
	s = two_blocks();
	unit_write(path, "precious", 8);
	fails(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, NULL), TM_ERR_USAGE, "--force");
	tm_snapshot_unref(s);
	free(path);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void both_ways_can_be_interrupted(void **state)
{
	char *path = unit_path(*state, "a.pickle");
	const struct tm_poll poll = { stop, NULL };
	struct tm_builder b = { 0 };
	uint32_t tb = TB(&b, 0, { "a.py", 3 });
	for (unsigned i = 0; i < 300000; i++)
		assert_true(tm_array_push(&b.traces, ((struct tm_trace) { i, i, 0, tb })));
	assert_true(tm_array_push(&b.tallies, ((struct tm_tally) { tb, 0, 300000, 1, 0 })));
	b.ntraces = b.traces.n;
	struct tm_snapshot *s = snap_freeze(&b), *back = NULL;
	fails(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, &poll), TM_ERR_INTERRUPTED, NULL);
	assert_int_equal(unit_folder_count(*state), 0);
	ok(tm_snapshot_dump(s, path, false, TM_PICKLE_AUTO, NULL));
	fails(tm_snapshot_load_pickle(path, &poll, &back), TM_ERR_INTERRUPTED, NULL);
	assert_null(back);
	ok(load(path, &back));
	assert_int_equal(back->ntraces, 300000);
	for (unsigned i = 0; i < 300000; i++)
		assert_int_equal(back->traces[i].size, i);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

static void a_missing_file_is_an_error(void **state)
{
	struct tm_snapshot *s = NULL;
	char *path = unit_path(*state, "none");
	fails(load(path, &s), TM_ERR_OS, "No such file");
	fails(load(*state, &s), TM_ERR_UNSUPPORTED, "not a file");
	free(path);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, unit_folder_setup, unit_folder_teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dumps_of_both_shapes_are_read),
		cmocka_unit_test(an_empty_list_of_blocks_tells_no_shape),
		cmocka_unit_test(one_block_comes_without_a_mark),
		cmocka_unit_test(attributes_of_its_owner_s_are_passed_over),
		cmocka_unit_test(a_block_that_comes_twice_counts_twice),
		cmocka_unit_test(equal_tracebacks_are_one_and_depths_tell_them_apart),
		cmocka_unit_test(sums_have_128_bits),
		cmocka_unit_test(numbers_reach_their_limits),
		cmocka_unit_test(numbers_beyond_are_refused),
		cmocka_unit_test(what_is_no_snapshot_is_refused),
		cmocka_unit_test(every_truncation_is_refused),
		cmocka_unit_test(every_changed_byte_is_refused_or_read),
		cmocka_unit_test(pickles_are_known_by_their_first_bytes),
		cmocka_unit_test(endless_files_are_refused_soon),
		cmocka_unit_test(nothing_takes_the_square_of_the_file),
		cmocka_unit_test(a_long_file_is_read_like_a_short_one),
		cmocka_unit_test(a_long_file_is_refused_like_a_short_one),
		cmocka_unit_test(blocks_in_a_filename_are_none),
		cmocka_unit_test(blocks_need_not_be_memoized),
		cmocka_unit_test(a_block_within_a_block_is_none),
		cmocka_unit_test(a_block_comes_twice_in_a_long_file),
		cmocka_unit_test(the_last_block_comes_alone),
		cmocka_unit_test(tracebacks_are_those_of_their_blocks),
		IN_FOLDER(what_is_read_is_always_the_same),
		cmocka_unit_test(several_threads_may_require_the_traces),
		cmocka_unit_test(numbers_of_the_memo_come_once),
		IN_FOLDER(the_bytes_are_those_that_load_knows),
		IN_FOLDER(the_shape_follows_the_snapshots_python),
		IN_FOLDER(a_depth_that_is_not_known_is_that_of_the_frames),
		IN_FOLDER(names_of_any_length_and_bytes_are_written),
		IN_FOLDER(what_cannot_be_written_leaves_nothing),
		IN_FOLDER(both_ways_can_be_interrupted),
		IN_FOLDER(a_missing_file_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
