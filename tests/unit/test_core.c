/* ELF core files of every kind: whole, cut off, hostile. */
#include "tm/bytes.h"
#include "tm/capture.h"
#include "tm/query.h"
#include "corefile.h"
#include <sys/mman.h>

static const struct kind {
	unsigned word;
	bool big;
} kinds[] = { { 8, false }, { 4, false }, { 8, true }, { 4, true } };

static uint8_t pattern[3][4096];

static struct tm_error *open_core(const char *path, struct tm_target **t)
{
	*t = NULL;
	struct tm_error *err = tm_target_open_core(path, NULL, (struct tm_poll) { 0 }, t);
	assert_true(err ? *t == NULL : *t != NULL);
	return err;
}

static struct tm_target *open_file(const char *folder, const struct corefile *c)
{
	struct tm_target *t;
	char *path = unit_path(folder, "core");
	core_write(c, path);
	ok(open_core(path, &t));
	free(path);
	return t;
}

/* Text that was left out, data, and a stack of which the core holds only the beginning. */
static struct corefile ordinary(const struct kind *k)
{
	for (unsigned i = 0; i < 3; i++)
		for (unsigned j = 0; j < 4096; j++)
			pattern[i][j] = (uint8_t)(j * 7 + i * 31 + j / 256);
	return (struct corefile) { .word = k->word, .big = k->big, .pid = 1234, .signal = 11, .code = 1, .fault = 0x7ff0, .phdr = 0x400040,
		.segments = { { 0x700000, 0x3000, 0x1000, 6, pattern[2] }, { 0x400000, 0x2000, 0, 5, NULL },
			{ 0x600000, 0x1000, 0x1000, 6, pattern[1] } },
		.nsegments = 3,
		.maps = { { 0x400000, 0x402000, 0, "/usr/bin/some" }, { 0x600000, 0x601000, 2, "/usr/bin/some" },
			{ 0x500000, 0x504000, 7, "/usr/lib/locale" } },
		.nmaps = 3 };
}

static void a_core_tells_its_regions_and_bytes(void **state)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct corefile c = ordinary(&kinds[i]);
		struct tm_target *t = open_file(*state, &c);
		uint8_t buf[8192];
		assert_int_equal(t->kind, TM_KIND_CORE);
		assert_int_equal(t->memory.word, kinds[i].word);
		assert_int_equal(t->memory.big, kinds[i].big);
		assert_true(t->stopped);
		assert_false(t->truncated);
		assert_int_equal(t->regions.n, 4);
		static const struct {
			uint64_t start, end, there, offset;
			unsigned prot;
			const char *path;
		} wanted[] = { { 0x400000, 0x402000, 0, 0, TM_READ | TM_EXEC, "/usr/bin/some" },
			{ 0x500000, 0x504000, 0, 7 * 4096, TM_PROT_UNKNOWN, "/usr/lib/locale" },
			{ 0x600000, 0x601000, 0x1000, 2 * 4096, TM_READ | TM_WRITE, "/usr/bin/some" },
			{ 0x700000, 0x703000, 0x1000, 0, TM_READ | TM_WRITE, NULL } };
		for (size_t k = 0; k < 4; k++) {
			const struct tm_region *r = &t->regions.items[k];
			assert_int_equal(r->start, wanted[k].start);
			assert_int_equal(r->end, wanted[k].end);
			assert_int_equal(r->there, wanted[k].there);
			assert_int_equal(r->offset, wanted[k].offset);
			assert_int_equal(r->prot, wanted[k].prot);
			if (wanted[k].path)
				assert_string_equal(r->path, wanted[k].path);
			else
				assert_null(r->path);
		}
		assert_int_equal(tm_memory_read(&t->memory, 0x600000, buf, 8192), 4096);
		assert_memory_equal(buf, pattern[1], 4096);
		assert_int_equal(tm_memory_read(&t->memory, 0x700ff0, buf, 100), 16);
		assert_memory_equal(buf, pattern[2] + 0xff0, 16);
		uint32_t number;
		uint64_t word;
		assert_true(tm_memory_u32(&t->memory, 0x600000, &number));
		assert_int_equal(number, c.big ? 0x1f262d34 : 0x342d261f); /* 31, 38, 45, 52: 7 more each */
		assert_true(tm_memory_word(&t->memory, 0x600000, &word));
		assert_true(word == (c.word == 4 ? number : c.big ? 0x1f262d343b424950 : 0x5049423b342d261f));
		assert_false(tm_memory_u32(&t->memory, 0x600ffd, &number));
		assert_int_equal(tm_target_presence(t, 0x600000), TM_PRESENT);
		assert_int_equal(tm_target_presence(t, 0x701000), TM_ABSENT);
		assert_int_equal(tm_target_presence(t, 0x703000), TM_UNMAPPED);
		assert_int_equal(tm_target_presence(t, 0x400000), TM_ABSENT);
		assert_string_equal(tm_target_why(t, 0x701000), "page not in the core file");
		assert_string_equal(tm_target_why(t, 0x703000), "no such memory");
		tm_target_close(t);
	}
}

static void the_notes_tell_process_signal_and_fault(void **state)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct corefile c = ordinary(&kinds[i]);
		struct tm_target *t = open_file(*state, &c);
		assert_int_equal(t->pid, 1234);
		assert_int_equal(t->signal, 11);
		assert_true(t->has_fault);
		assert_int_equal(t->fault_address, 0x7ff0);
		assert_int_equal(t->phdr, 0x400040);
		tm_target_close(t);
		c.code = -6; /* sent by tgkill(): no fault */
		t = open_file(*state, &c);
		assert_false(t->has_fault);
		tm_target_close(t);
		c.code = 1;
		c.signal = 6; /* SIGABRT has no address */
		t = open_file(*state, &c);
		assert_int_equal(t->signal, 6);
		assert_false(t->has_fault);
		tm_target_close(t);
	}
}

static void offsets_of_gcore_are_in_bytes(void **state)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct corefile c = ordinary(&kinds[i]);
		c.page = 1;
		c.maps[1].offset = 0x2000;
		c.maps[2].offset = 0x7001;
		struct tm_target *t = open_file(*state, &c);
		assert_int_equal(tm_target_region(t, 0x600800)->offset, 0x2000);
		assert_int_equal(tm_target_region(t, 0x500800)->offset, 0x7001);
		tm_target_close(t);
	}
}

static void a_segment_inside_a_mapped_file_knows_its_place_in_it(void **state)
{
	struct corefile c = ordinary(&kinds[0]);
	c.maps[1] = (struct core_map) { 0x5ff000, 0x602000, 10, "/usr/bin/some" };
	struct tm_target *t = open_file(*state, &c);
	assert_int_equal(tm_target_region(t, 0x600000)->offset, 11 * 4096);
	tm_target_close(t);
}

static void more_program_headers_than_16_bits_count(void **state)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct corefile c = ordinary(&kinds[i]);
		c.xnum = true;
		struct tm_target *t = open_file(*state, &c);
		assert_int_equal(t->regions.n, 4);
		assert_int_equal(t->pid, 1234);
		tm_target_close(t);
	}
}

static void seventy_thousand_mappings_are_read(void **state)
{
	enum { N = 70000 };
	size_t ph = 64, total = ph + (size_t)N * 56 + 64;
	uint8_t *p = calloc(1, total + 16);
	struct core_bytes b = { .p = p };
	const uint8_t ident[7] = { 0x7f, 'E', 'L', 'F', 2, 1, 1 };
	memcpy(p, ident, 7);
	core_set(&b, 16, 4, 2);
	core_set(&b, 18, 62, 2);
	core_set(&b, 20, 1, 4);
	core_set(&b, 32, ph, 8);
	core_set(&b, 40, ph + (size_t)N * 56, 8);
	core_set(&b, 52, 64, 2);
	core_set(&b, 54, 56, 2);
	core_set(&b, 56, 0xffff, 2);
	core_set(&b, 58, 64, 2);
	core_set(&b, 60, 1, 2);
	for (size_t i = 0; i < N; i++) /* the last one first */
		core_phdr(&b, ph + i * 56, 8, 1, 6, total, 0x10000 + (N - 1 - i) * 0x2000, i == 5 ? 16 : 0, 0x1000);
	core_set(&b, ph + (size_t)N * 56 + 44, N, 4);
	memcpy(p + total, "sixteen bytes...", 16);
	char *path = unit_path(*state, "core");
	unit_write(path, p, total + 16);
	struct tm_target *t;
	ok(open_core(path, &t));
	assert_int_equal(t->regions.n, N);
	char text[17] = "";
	uint64_t at = 0x10000 + (uint64_t)(N - 6) * 0x2000;
	assert_int_equal(tm_memory_read(&t->memory, at, text, 16), 16);
	assert_string_equal(text, "sixteen bytes...");
	assert_int_equal(tm_target_presence(t, at + 0x2000), TM_ABSENT);
	assert_int_equal(tm_target_presence(t, at + 0x1000), TM_UNMAPPED);
	tm_target_close(t);
	free(path);
	free(p);
}

static void of_overlapping_segments_the_lower_one_counts(void **state)
{
	struct corefile c = ordinary(&kinds[0]);
	c.nmaps = 0;
	c.segments[0] = (struct core_segment) { 0x601800 - 0x1000, 0x1000, 0x1000, 6, pattern[2] };
	c.segments[2].vaddr = 0x600000;
	struct tm_target *t = open_file(*state, &c);
	uint8_t buf[0x2000];
	assert_int_equal(tm_memory_read(&t->memory, 0x600000, buf, sizeof buf), 0x1800);
	assert_memory_equal(buf, pattern[1], 0x1000);
	assert_memory_equal(buf + 0x1000, pattern[2] + 0x800, 0x800);
	tm_target_close(t);
}

static void segments_that_cannot_be_do_no_harm(void **state)
{
	struct corefile c = ordinary(&kinds[0]);
	c.nsegments = 7;
	c.segments[1] = (struct core_segment) { 0x1000000, 1ull << 60, 16, 6, pattern[0] };	  /* huge */
	c.segments[3] = (struct core_segment) { UINT64_MAX - 0xfff, 0x1000, 0x1000, 6, pattern[1] }; /* the last page */
	c.segments[4] = (struct core_segment) { UINT64_MAX - 0xfff, 0x2000, 0x1000, 6, pattern[1] }; /* around the end */
	c.segments[5] = (struct core_segment) { 0x2000, 0, 0x100, 6, pattern[1] };		  /* empty in memory */
	c.segments[6] = (struct core_segment) { 0, 0x1000, 0x1000, 6, pattern[0] };		  /* at address 0 */
	struct tm_target *t = open_file(*state, &c);
	uint8_t buf[32];
	assert_int_equal(tm_memory_read(&t->memory, 0x1000000, buf, 32), 16);
	assert_memory_equal(buf, pattern[0], 16);
	assert_int_equal(tm_target_presence(t, 0x1000000 + (1ull << 59)), TM_ABSENT);
	assert_int_equal(tm_memory_read(&t->memory, UINT64_MAX - 15, buf, 32), 16);
	assert_memory_equal(buf, pattern[1] + 4096 - 16, 16);
	assert_int_equal(tm_memory_read(&t->memory, 0, buf, 32), 32);
	assert_memory_equal(buf, pattern[0], 32);
	assert_int_equal(tm_target_presence(t, 0x2000), TM_UNMAPPED);
	tm_target_close(t);
}

/* ---- cut off ---- */

static void a_core_cut_off_anywhere_is_an_error_or_says_so(void **state)
{
	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct corefile c = ordinary(&kinds[i]);
		size_t len, opened = 0, refused = 0;
		uint8_t *p = core_build(&c, &len);
		char *path = unit_path(*state, "core");
		unit_write(path, p, len);
		for (size_t n = len - 1;; n -= n > 2000 ? 37 : 1) {
			struct tm_target *t;
			assert_int_equal(truncate(path, (off_t)n), 0);
			struct tm_error *err = open_core(path, &t);
			if (err) {
				refused++;
				assert_true(tm_error_code(err) == TM_ERR_CORRUPT || tm_error_code(err) == TM_ERR_UNSUPPORTED);
				assert_non_null(strstr(tm_error_message(err), path));
				tm_error_free(err);
			} else {
				opened++;
				assert_true(t->truncated);
				uint8_t buf[4096];
				size_t got = tm_memory_read(&t->memory, 0x600000, buf, sizeof buf);
				assert_memory_equal(buf, pattern[1], got);
				if (got < 4096)
					assert_string_equal(tm_target_why(t, 0x600000 + got), "page not in the core file, which is truncated");
				tm_target_close(t);
			}
			if (!n)
				break;
		}
		assert_true(opened > 100 && refused > 100);
		free(p);
		free(path);
	}
}

static void a_core_that_shrinks_while_it_is_open_is_an_error(void **state)
{
	struct tm_target *t;
	struct tm_snapshot *s;
	struct corefile c = ordinary(&kinds[0]);
	size_t big = 8 << 20;
	void *zeros = mmap(NULL, big, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	c.segments[0] = (struct core_segment) { 0x10000000, big, big, 6, zeros };
	char *path = unit_path(*state, "core");
	core_write(&c, path);
	ok(open_core(path, &t));
	assert_int_equal(truncate(path, 100), 0);
	fails(tm_capture(t, &(struct tm_capture_options) { 0 }, &s), TM_ERR_CORRUPT, "shorter while it was read");
	tm_target_close(t);
	munmap(zeros, big);
	free(path);
}

/* ---- what is no core ---- */

static void what_is_no_core_is_refused_with_a_reason(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum tm_errcode code;
		const char *words;
	} files[] = { { "", 0, TM_ERR_CORRUPT, "not a core file (0 bytes)" }, { "\x7f" "ELF", 4, TM_ERR_CORRUPT, "not a core file (4 bytes)" },
		{ "just a text, long enough to be taken for a header of a core file", 64, TM_ERR_UNSUPPORTED, "not an ELF file" } };
	char *path = unit_path(*state, "file");
	struct tm_target *t;
	for (size_t i = 0; i < COUNT(files); i++) {
		unit_write(path, files[i].bytes, files[i].len);
		fails(open_core(path, &t), files[i].code, files[i].words);
	}
	static const struct {
		unsigned type;
		const char *words;
	} types[] = { { 1, "object file" }, { 2, "executable" }, { 3, "shared library" }, { 77, "unknown" } };
	for (size_t i = 0; i < COUNT(types); i++) {
		struct corefile c = ordinary(&kinds[i]);
		c.type = types[i].type;
		core_write(&c, path);
		fails(open_core(path, &t), TM_ERR_UNSUPPORTED, types[i].words);
	}
	struct corefile c = ordinary(&kinds[0]);
	c.nsegments = c.nmaps = 0;
	core_write(&c, path);
	fails(open_core(path, &t), TM_ERR_CORRUPT, "holds no memory");
	fails(open_core(*state, &t), TM_ERR_UNSUPPORTED, "not a file");
	unlink(path);
	fails(open_core(path, &t), TM_ERR_OS, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	fails(open_core(path, &t), TM_ERR_UNSUPPORTED, "not a file");
	free(path);
}

/* ---- a Python process ---- */

static void a_core_of_python_gives_its_statistics(void **state)
{
	static const struct {
		unsigned word;
		bool big;
		int minor;
		enum where where;
	} cases[] = { { 8, false, 13, BY_COOKIE }, { 8, false, 11, GCC }, { 8, false, 8, GCC }, { 4, false, 15, BY_COOKIE }, { 8, true, 13, NO_COOKIE },
		{ 4, true, 13, BY_COOKIE } };
	for (size_t i = 0; i < COUNT(cases); i++)
		for (int gcore = 0; gcore < 2; gcore++) {
			struct process p;
			process_init(&p, cases[i].word, cases[i].big, cases[i].minor, cases[i].where);
			struct corefile c = core_of_process(&p, gcore);
			if (gcore) /* text is left out, and known from NT_FILE alone */
				c.maps[c.nmaps++] = (struct core_map) { IMG_EXE + 4096, IMG_EXE + 0x8000, 4096, "/fake/bin/python3" };
			struct tm_target *t = open_file(*state, &c);
			struct tm_snapshot *s;
			struct tm_statistics *st;
			ok(tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s));
			tm_target_close(t);
			assert_true(s->about.complete);
			assert_int_equal(s->about.pid, 4242);
			assert_int_equal(s->about.signal, 6);
			ok(tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st));
			assert_int_equal(st->nrows, 3);
			assert_int_equal(st->rows[0].size, 1150);
			assert_int_equal(st->rows[0].count, 3);
			assert_int_equal(st->rows[1].size, 10);
			assert_int_equal(st->rows[2].size, 1);
			tm_statistics_free(st);
			tm_snapshot_unref(s);
			process_free(&p);
		}
}

static void a_core_of_python_that_is_cut_off_is_incomplete_or_refused(void **state)
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	struct corefile c = core_of_process(&p, false);
	size_t len, incomplete = 0;
	uint8_t *bytes = core_build(&c, &len);
	char *path = unit_path(*state, "core");
	unit_write(path, bytes, len);
	for (size_t cut = 1; cut < p.m.used; cut += 13) {
		struct tm_target *t;
		struct tm_snapshot *s = NULL;
		assert_int_equal(truncate(path, (off_t)(len - cut)), 0);
		ok(open_core(path, &t));
		assert_true(t->truncated);
		struct tm_error *err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
		if (s && s->about.tracing && !s->about.complete)
			incomplete++;
		if (s && s->about.complete) { /* nothing was lost that counts */
			uint64_t count;
			tm_u128 size;
			assert_true(s->about.tracing);
			tm_snapshot_total(s, &count, &size);
			assert_int_equal(count, 6);
			assert_true(size == PROCESS_SUM);
		}
		tm_error_free(err);
		tm_snapshot_unref(s);
		tm_target_close(t);
	}
	assert_true(incomplete > 5);
	free(path);
	free(bytes);
	process_free(&p);
}

/* ---- random damage ---- */

/* Everything that a command would touch. */
static void use(struct tm_target *t)
{
	uint8_t buf[64];
	for (size_t i = 0; i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		assert_true(r->start < r->end && r->there <= r->end - r->start);
		tm_memory_read(&t->memory, r->start, buf, sizeof buf);
		tm_memory_read(&t->memory, r->end - 1, buf, sizeof buf);
		tm_memory_read(&t->memory, r->start + r->there - 1, buf, 1);
		assert_true(*tm_target_why(t, r->start + r->there));
		tm_target_executable(t, r->start);
	}
	struct tm_snapshot *s = NULL;
	tm_error_free(tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s));
	tm_snapshot_unref(s);
}

/* A core of some 2 kB in which everything is there: notes, files, an ELF header with a build-id in memory. */
static uint8_t *small_core(const struct kind *k, size_t *len)
{
	struct image m;
	img_init(&m, k->word, k->big, 13);
	img_interpreter(&m, 256);
	unsigned ph = k->word == 8 ? 64 : 52, phsize = k->word == 8 ? 56 : 32;
	uint64_t note = IMG_EXE + ph + 3 * phsize, third = IMG_EXE + ph + 2 * phsize;
	img_put(&m, IMG_EXE + (k->word == 8 ? 56 : 44), 3, 2);
	img_put(&m, third, 4, 4); /* PT_NOTE */
	img_put(&m, third + (k->word == 8 ? 16 : 8), note, k->word);
	img_put(&m, third + (k->word == 8 ? 40 : 20), 36, k->word);
	img_put(&m, note, 4, 4);
	img_put(&m, note + 4, 20, 4);
	img_put(&m, note + 8, 3, 4);
	memcpy(img_at(&m, note + 12), "GNU", 4);
	memset(img_at(&m, note + 16), 0x5a, 20);
	struct corefile c = { .word = k->word, .big = k->big, .pid = 7, .signal = 11, .code = 1, .fault = 16, .phdr = IMG_EXE + ph,
		.segments = { { IMG_EXE, 0x1000, 0x180, 5, m.exe }, { IMG_DATA, 0x1000, 256, 6, m.data }, { 0x7f0000, 0x1000, 64, 6, m.data } },
		.nsegments = 3,
		.maps = { { IMG_EXE, IMG_EXE + 0x1000, 0, "/fake/bin/python3" }, { IMG_DATA, IMG_DATA + 0x1000, 1, "/fake/bin/python3" },
			{ 0x500000, 0x510000, 0, "/fake/lib/none.so" } },
		.nmaps = 3 };
	memcpy(m.data, "xdebugpy", 8);
	img_put(&m, IMG_DATA + 8, 0x030d05f0, 8);
	img_put(&m, IMG_DATA + 24, 4096, 8);
	uint8_t *p = core_build(&c, len);
	img_free(&m);
	return p;
}

static void twenty_thousand_damaged_cores_never_crash(void **state)
{
	enum { ROUNDS = 20000 };
	uint64_t seed = 12345;
	size_t opened = 0;
	char *path = unit_path(*state, "core");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		size_t len;
		uint8_t *whole = small_core(&kinds[k], &len), *p = malloc(len);
		assert_in_range(len, 1000, 3000);
		unit_write(path, whole, len);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		assert_true(fd >= 0);
		for (unsigned round = 0; round < ROUNDS / COUNT(kinds); round++) {
			memcpy(p, whole, len);
			for (uint64_t n = unit_random(&seed) % 6 + 1; n > 0; n--) {
				uint64_t r = unit_random(&seed);
				/* headers and notes more often than memory */
				size_t at = (size_t)((r >> 8) % (r & 1 ? 360 : len));
				static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff };
				if (r & 2)
					p[at] = edges[(r >> 40) % 5];
				else if (r & 4)
					p[at] ^= (uint8_t)(1u << (r >> 40 & 7));
				else
					for (size_t i = 0; i < 8 && at + i < len; i++)
						p[at + i] = r & 128 ? 0xff : 0;
			}
			size_t n = unit_random(&seed) % 8 ? len : (size_t)(unit_random(&seed) % len);
			struct tm_target *t;
			assert_int_equal(pwrite(fd, p, len, 0), (ssize_t)len);
			assert_int_equal(ftruncate(fd, (off_t)n), 0);
			struct tm_error *err = open_core(path, &t);
			if (err) {
				assert_true(*tm_error_message(err) && tm_error_code(err) != TM_ERR_NOMEM);
				tm_error_free(err);
				continue;
			}
			opened++;
			use(t);
			tm_target_close(t);
		}
		close(fd);
		free(p);
		free(whole);
	}
	assert_in_range(opened, ROUNDS / 10, ROUNDS - 1000);
	free(path);
}

static void damaged_cores_of_python_never_crash(void **state)
{
	uint64_t seed = 777;
	char *path = unit_path(*state, "core");
	for (size_t k = 0; k < COUNT(kinds); k++) {
		struct process p;
		size_t len;
		process_init(&p, kinds[k].word, kinds[k].big, 13, k % 2 ? BY_COOKIE : NO_COOKIE);
		struct corefile c = core_of_process(&p, false);
		uint8_t *whole = core_build(&c, &len);
		unit_write(path, whole, len);
		int fd = open(path, O_RDWR | O_CLOEXEC);
		for (unsigned round = 0; round < 300; round++) {
			size_t places[8];
			for (size_t i = 0; i < COUNT(places); i++) {
				uint8_t byte = (uint8_t)unit_random(&seed);
				places[i] = (size_t)(unit_random(&seed) % (i % 2 ? 1200 : len));
				assert_int_equal(pwrite(fd, &byte, 1, (off_t)places[i]), 1);
			}
			struct tm_target *t;
			struct tm_error *err = open_core(path, &t);
			if (!err)
				use(t);
			else
				assert_true(*tm_error_message(err));
			tm_error_free(err);
			tm_target_close(t);
			for (size_t i = 0; i < COUNT(places); i++)
				assert_int_equal(pwrite(fd, whole + places[i], 1, (off_t)places[i]), 1);
		}
		close(fd);
		free(whole);
		process_free(&p);
	}
	free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_folder_setup, unit_folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_core_tells_its_regions_and_bytes),
		TEST(the_notes_tell_process_signal_and_fault),
		TEST(offsets_of_gcore_are_in_bytes),
		TEST(a_segment_inside_a_mapped_file_knows_its_place_in_it),
		TEST(more_program_headers_than_16_bits_count),
		TEST(seventy_thousand_mappings_are_read),
		TEST(of_overlapping_segments_the_lower_one_counts),
		TEST(segments_that_cannot_be_do_no_harm),
		TEST(a_core_cut_off_anywhere_is_an_error_or_says_so),
		TEST(a_core_that_shrinks_while_it_is_open_is_an_error),
		TEST(what_is_no_core_is_refused_with_a_reason),
		TEST(a_core_of_python_gives_its_statistics),
		TEST(a_core_of_python_that_is_cut_off_is_incomplete_or_refused),
		TEST(twenty_thousand_damaged_cores_never_crash),
		TEST(damaged_cores_of_python_never_crash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
