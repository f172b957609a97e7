/* Snapshot files: what is written comes back, what is damaged is refused, what exists is kept. */
#include "tm/store.h"
#include "snap.h"
#include "tm/query.h"
#include "tm/render.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

/* Every field has another value than zero. */
static struct tm_snapshot *rich(void)
{
	struct tm_builder b = { 0 };
	uint32_t a = TB(&b, 0, { "/srv/a.py", 1 }, { "/srv/b.py", 2 }), c = TB(&b, 9, { "x\xed\xb2\x80\n", 70000 }, { "", 0 });
	uint32_t d = TB(&b, 65535, { "/srv/b.py", UINT32_MAX });
	snap_trace(&b, 0x7f0000001000, 100, 0, a);
	snap_trace(&b, 0, UINT64_MAX, 389047, c);
	snap_trace(&b, 16, UINT64_MAX, 389047, c);
	snap_trace(&b, UINT64_MAX, 0, UINT32_MAX, d);
	struct tm_snapshot *s = snap_freeze(&b);
	struct tm_about *about = &s->about;
	about->executable = strdup("/usr/bin/python3");
	about->build = strdup("release");
	about->source = strdup("cookie");
	about->stopped_by = strdup("tm");
	about->hexversion = 0x030d05f0;
	about->python_minor = 0x030d;
	about->pid = 4711;
	about->signal = 11;
	about->is_live = about->has_fault = about->has_limit = about->has_traced = about->has_peak = about->has_memory = true;
	about->lock_held = true;
	about->complete = false;
	about->fault_address = 0xfedcba9876543210;
	about->time = 1767225600;
	about->limit = 25;
	about->traced = 1ull << 63;
	about->peak = UINT64_MAX;
	about->memory = 123456;
	about->own_memory = 234567;
	about->truncated = 2;
	assert_true(tm_snapshot_note(s, true, "torn: %d of them", 7) && tm_snapshot_note(s, false, "\xc3\xa9 just so"));
	s->ntables = 2;
	s->tables = calloc(2, sizeof *s->tables);
	s->tables[0] = (struct tm_table_facts) { "traces", 0x1234, 5, 16, 4 };
	s->tables[1] = (struct tm_table_facts) { "domain 4294967295", 0x5678, 1, 32, 1 };
	return s;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_bytes(const void *a, uint64_t na, const void *b, uint64_t nb, size_t size)
{
	return na == nb && (!na || memcmp(a, b, (size_t)na * size) == 0);
}

/* Do A and B say the same? */
static bool same(const struct tm_snapshot *a, const struct tm_snapshot *b)
{
	const struct tm_about *x = &a->about, *y = &b->about;
	bool texts = same_text(x->target, y->target) && same_text(x->executable, y->executable) && same_text(x->python, y->python) &&
		same_text(x->build, y->build) && same_text(x->source, y->source) && same_text(x->stopped_by, y->stopped_by);
	bool numbers = x->hexversion == y->hexversion && x->python_minor == y->python_minor && x->pid == y->pid && x->signal == y->signal &&
		x->fault_address == y->fault_address && x->time == y->time && x->limit == y->limit && x->traced == y->traced &&
		x->peak == y->peak && x->memory == y->memory && x->own_memory == y->own_memory && x->truncated == y->truncated;
	bool flags = x->is_live == y->is_live && x->has_fault == y->has_fault && x->tracing == y->tracing && x->has_limit == y->has_limit &&
		x->has_traced == y->has_traced && x->has_peak == y->has_peak && x->has_memory == y->has_memory &&
		x->lock_held == y->lock_held && x->complete == y->complete && x->has_addresses == y->has_addresses &&
		x->has_total_nframe == y->has_total_nframe;
	bool notes = a->nnotes == b->nnotes && a->ntables == b->ntables;
	for (size_t i = 0; notes && i < a->nnotes; i++)
		notes = a->notes[i].gap == b->notes[i].gap && same_text(a->notes[i].text, b->notes[i].text);
	for (size_t i = 0; notes && i < a->ntables; i++)
		notes = same_text(a->tables[i].name, b->tables[i].name) && a->tables[i].address == b->tables[i].address &&
			a->tables[i].nentries == b->tables[i].nentries && a->tables[i].nbuckets == b->tables[i].nbuckets &&
			a->tables[i].read == b->tables[i].read;
	return texts && numbers && flags && notes && same_bytes(a->traces, a->ntraces, b->traces, b->ntraces, sizeof *a->traces) &&
		same_bytes(a->tallies, a->ntallies, b->tallies, b->ntallies, sizeof *a->tallies) &&
		same_bytes(a->tracebacks, a->ntracebacks, b->tracebacks, b->ntracebacks, sizeof *a->tracebacks) &&
		same_bytes(a->frames, a->nframes, b->frames, b->nframes, sizeof *a->frames) &&
		same_bytes(a->names, a->nnames, b->names, b->nnames, sizeof *a->names) &&
		same_bytes(a->text, a->text_len, b->text, b->text_len, 1);
}

/* Opens and reads all of it. */
static struct tm_error *open_all(const char *path, struct tm_snapshot **s)
{
	*s = NULL;
	struct tm_error *err = tm_snapshot_open(path, s);
	if (err)
		assert_null(*s);
	if (!err)
		err = tm_snapshot_require(*s, TM_SECTIONS_ALL);
	return err;
}

static void what_is_saved_comes_back(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	ok(tm_snapshot_save(s, path, false, NULL));
	ok(open_all(path, &back));
	assert_true(same(s, back));
	/* ... also a second time, out of the file. */
	char *second = unit_path(*state, "b.tm");
	ok(tm_snapshot_save(back, second, false, NULL));
	size_t n1, n2;
	uint8_t *p1 = unit_read(path, &n1), *p2 = unit_read(second, &n2);
	assert_int_equal(n1, n2);
	assert_memory_equal(p1, p2, n1);
	free(p1);
	free(p2);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	assert_int_equal(unit_folder_count(*state), 2);
	free(second);
	free(path);
}

/* The target's name goes into lists and messages. */
static void a_snapshot_of_nobody_goes_by_its_file_s_name(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	free(s->about.target);
	s->about.target = NULL;
	ok(tm_snapshot_save(s, path, false, NULL));
	ok(open_all(path, &back));
	assert_string_equal(back->about.target, path);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

static void an_empty_snapshot_comes_back(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_builder b = { 0 };
	struct tm_snapshot *s = snap_freeze(&b), *back;
	ok(tm_snapshot_save(s, path, false, NULL));
	ok(open_all(path, &back));
	assert_true(same(s, back));
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

static void a_snapshot_outlives_its_file(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	ok(tm_snapshot_save(s, path, false, NULL));
	ok(tm_snapshot_open(path, &back));
	assert_int_equal(unlink(path), 0);
	ok(tm_snapshot_require(back, TM_SECTIONS_ALL));
	assert_true(same(s, back));
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

/* ---- damage ---- */

static void every_changed_byte_is_an_error_or_without_meaning(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	size_t len, refused = 0;
	ok(tm_snapshot_save(s, path, false, NULL));
	uint8_t *p = unit_read(path, &len);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	static const uint8_t changes[] = { 0x01, 0x80, 0xff };
	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < COUNT(changes); k++) {
			uint8_t byte = p[i] ^ changes[k];
			assert_int_equal(pwrite(fd, &byte, 1, (off_t)i), 1);
			struct tm_error *err = open_all(path, &back);
			if (err) {
				refused++;
				assert_true(tm_error_code(err) == TM_ERR_CORRUPT || tm_error_code(err) == TM_ERR_UNSUPPORTED);
				assert_non_null(strstr(tm_error_message(err), path));
			} else {
				assert_true(same(s, back));
			}
			tm_error_free(err);
			tm_snapshot_unref(back);
			assert_int_equal(pwrite(fd, p + i, 1, (off_t)i), 1);
		}
	assert_true(refused > len * 2); /* only what fills up to the next section may change: fewer than a third */
	close(fd);
	free(p);
	tm_snapshot_unref(s);
	free(path);
}

static void every_truncation_and_every_addition_is_an_error(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	size_t len;
	ok(tm_snapshot_save(s, path, false, NULL));
	uint8_t *p = unit_read(path, &len);
	assert_int_equal(truncate(path, (off_t)len + 1), 0);
	fails(tm_snapshot_open(path, &back), TM_ERR_CORRUPT, "longer than its header says");
	for (size_t n = len; n-- > 0;) {
		assert_int_equal(truncate(path, (off_t)n), 0);
		fails(tm_snapshot_open(path, &back), TM_ERR_CORRUPT, n < 64 ? "shorter than its header" : "truncated");
	}
	free(p);
	tm_snapshot_unref(s);
	free(path);
}

static void other_files_are_no_snapshots(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *back;
	unit_write(path, "This is some text and it is longer than the header of a snapshot file.", 70);
	fails(tm_snapshot_open(path, &back), TM_ERR_UNSUPPORTED, "not a snapshot file");
	fails(tm_snapshot_open(*state, &back), TM_ERR_UNSUPPORTED, "not a file");
	unlink(path);
	fails(tm_snapshot_open(path, &back), TM_ERR_OS, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	fails(tm_snapshot_open(path, &back), TM_ERR_UNSUPPORTED, "not a file");
	assert_true(tm_snapshot_is_file("\x89TM\r\n\x1a\n\0more", 12));
	assert_false(tm_snapshot_is_file("\x89TM\r\n\x1a\n", 7));
	assert_false(tm_snapshot_is_file("\x89TM\n\n\x1a\n\0", 8)); /* what a text mode transfer makes of it */
	assert_false(tm_snapshot_is_file("\x7f" "ELF....", 8));
	free(path);
}

/* ---- hostile files, whose checksums are right ---- */

/* Offsets: header 64 bytes, then sections of 40: kind, item (u32), offset, length, checksum, count (u64). */
enum { ABOUT = 1, TRACES, TALLIES, TRACEBACKS, FRAMES, NAMES, TEXT, TABLES, NOTES };

struct forged {
	uint8_t *p;
	size_t len;
	char *path;
};

/* Written once, then out of memory: thousands of renames would take their time. */
static struct forged forge(void **state)
{
	static uint8_t original[8192];
	static size_t len;
	struct forged f = { .path = unit_path(*state, "a.tm") };
	if (!len) {
		struct tm_snapshot *s = rich();
		ok(tm_snapshot_save(s, f.path, true, NULL));
		tm_snapshot_unref(s);
		uint8_t *p = unit_read(f.path, &len);
		assert_true(len <= sizeof original);
		memcpy(original, p, len);
		free(p);
	}
	f.p = malloc(len);
	f.len = len;
	memcpy(f.p, original, len);
	return f;
}

static uint64_t get(const struct forged *f, size_t at)
{
	uint64_t v;
	memcpy(&v, f->p + at, 8);
	return v;
}

static void set64(struct forged *f, size_t at, uint64_t v)
{
	memcpy(f->p + at, &v, 8);
}

static void set32(struct forged *f, size_t at, uint32_t v)
{
	memcpy(f->p + at, &v, 4);
}

static uint32_t get32(const struct forged *f, size_t at)
{
	uint32_t v;
	memcpy(&v, f->p + at, 4);
	return v;
}

static uint32_t nsections(const struct forged *f)
{
	uint32_t n = get32(f, 12), most = (uint32_t)(f->len - 64) / 40;
	return n > most ? most : n;
}

static size_t section(const struct forged *f, uint32_t kind)
{
	for (uint32_t i = 0; i < nsections(f); i++)
		if (get32(f, 64 + i * 40u) == kind)
			return 64 + i * 40u;
	fail_msg("no section of kind %u", kind);
	return 0;
}

static size_t content(const struct forged *f, uint32_t kind)
{
	return (size_t)get(f, section(f, kind) + 8);
}

/* All checksums as they should be. */
static void seal(struct forged *f)
{
	for (uint32_t i = 0; i < nsections(f); i++) {
		size_t at = 64 + i * 40u;
		uint64_t offset = get(f, at + 8), length = get(f, at + 16);
		if (offset <= f->len && length <= f->len - offset)
			set64(f, at + 24, XXH3_64bits(f->p + offset, (size_t)length));
	}
	uint32_t n = get32(f, 12);
	if (64 + (uint64_t)n * 40 <= f->len)
		set64(f, 24, XXH3_64bits(f->p + 64, (size_t)n * 40));
	set64(f, 56, XXH3_64bits(f->p, 56));
	unit_write(f->path, f->p, f->len);
}

static void forged_done(struct forged *f)
{
	free(f->p);
	free(f->path);
}

static void hostile_headers_are_refused(void **state)
{
	struct {
		size_t at;
		unsigned size;
		uint64_t value;
		enum tm_errcode code;
		const char *words;
	} cases[] = { { 8, 4, 2, TM_ERR_UNSUPPORTED, "snapshot format 2" }, { 8, 4, 0, TM_ERR_UNSUPPORTED, "snapshot format 0" },
		{ 12, 4, 65, TM_ERR_CORRUPT, NULL }, { 12, 4, UINT32_MAX, TM_ERR_CORRUPT, NULL }, { 12, 4, 0, TM_ERR_CORRUPT, NULL },
		{ 16, 8, 64, TM_ERR_CORRUPT, NULL }, { 16, 8, UINT64_MAX, TM_ERR_CORRUPT, "truncated" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct forged f = forge(state);
		struct tm_snapshot *s;
		memcpy(f.p + cases[i].at, &cases[i].value, cases[i].size);
		seal(&f);
		fails(open_all(f.path, &s), cases[i].code, cases[i].words);
		tm_snapshot_unref(s);
		forged_done(&f);
	}
}

static void hostile_sections_are_refused(void **state)
{
	static const uint64_t numbers[] = { 1, 63, 1 << 20, 1ull << 40, 1ull << 60, 1ull << 63, UINT64_MAX - 63, UINT64_MAX };
	for (uint32_t kind = ABOUT; kind <= NOTES; kind++)
		for (size_t field = 8; field <= 32; field += 8) {
			if (field == 24) /* the checksum */
				continue;
			for (size_t i = 0; i < COUNT(numbers); i++) {
				struct forged f = forge(state);
				struct tm_snapshot *s;
				set64(&f, section(&f, kind) + field, numbers[i]);
				seal(&f);
				struct tm_error *err = open_all(f.path, &s);
				/* Counts of bytes and notes are not used; and one text may be cut to its first byte. */
				if (field != 32 || (kind != NOTES && kind != ABOUT)) {
					bool short_text = field == 16 && numbers[i] < 64 && (kind == ABOUT || kind == NOTES);
					if (!short_text)
						assert_non_null(err);
				}
				tm_error_free(err);
				tm_snapshot_unref(s);
				forged_done(&f);
			}
		}
}

static void sections_with_items_of_another_size_are_refused(void **state)
{
	for (uint32_t kind = ABOUT; kind <= NOTES; kind++)
		for (uint32_t item = 0; item < 70; item += 23) {
			struct forged f = forge(state);
			struct tm_snapshot *s;
			set32(&f, section(&f, kind) + 4, item);
			seal(&f);
			fails(open_all(f.path, &s), TM_ERR_CORRUPT, "section does not fit");
			forged_done(&f);
		}
}

static void sections_of_a_later_format_are_passed_over(void **state)
{
	struct forged f = forge(state);
	struct tm_snapshot *s;
	set32(&f, section(&f, NOTES), 4000);
	seal(&f);
	ok(open_all(f.path, &s));
	assert_int_equal(s->nnotes, 0);
	tm_snapshot_unref(s);
	forged_done(&f);
}

static void a_missing_section_is_an_error_when_others_need_it(void **state)
{
	for (uint32_t kind = ABOUT; kind <= TEXT; kind++) {
		struct forged f = forge(state);
		struct tm_snapshot *s;
		set32(&f, section(&f, kind), 4000);
		seal(&f);
		fails(open_all(f.path, &s), TM_ERR_CORRUPT, NULL);
		tm_snapshot_unref(s);
		forged_done(&f);
	}
}

static void numbers_that_point_outside_are_refused(void **state)
{
	const struct {
		uint32_t kind;
		size_t at;
		unsigned size;
		uint64_t value;
	} cases[] = { { TRACES, 20, 4, 3 }, { TRACES, 20, 4, UINT32_MAX }, { TALLIES, 0, 4, 3 }, { TALLIES, 8, 8, 2 }, { TALLIES, 8, 8, UINT64_MAX },
		{ TRACEBACKS, 0, 8, 6 }, { TRACEBACKS, 0, 8, UINT64_MAX }, { TRACEBACKS, 8, 4, 6 }, { TRACEBACKS, 8, 4, UINT32_MAX },
		{ TRACEBACKS, 32, 8, 5 }, { FRAMES, 0, 4, 4 }, { FRAMES, 0, 4, UINT32_MAX }, { NAMES, 0, 8, 1 << 20 }, { NAMES, 0, 8, UINT64_MAX },
		{ NAMES, 8, 8, 1 << 20 }, { NAMES, 8, 8, UINT64_MAX }, { NAMES, 8, 8, 3 /* no NUL behind */ } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct forged f = forge(state);
		struct tm_snapshot *s;
		memcpy(f.p + content(&f, cases[i].kind) + cases[i].at, &cases[i].value, cases[i].size);
		seal(&f);
		struct tm_error *err = open_all(f.path, &s);
		if (!err)
			print_error("case %zu was believed\n", i);
		fails(err, TM_ERR_CORRUPT, "not what was written");
		tm_snapshot_unref(s);
		forged_done(&f);
	}
}

/* Exits with 0 when the file is refused, or when nothing is made of a traceback that has no frames. */
static void look_at_no_frames(const char *path, enum tm_key key)
{
	struct tm_snapshot *s;
	struct tm_statistics *st;
	struct tm_error *err = open_all(path, &s);
	if (!err)
		err = tm_statistics_make(s, key, false, NULL, &st);
	if (err)
		_exit(tm_error_code(err) == TM_ERR_CORRUPT ? 0 : 1);
	for (uint64_t i = 0; i < st->nrows; i++)
		if (st->rows[i].nframe == 0)
			_exit(0);
	_exit(2);
}

/* Only a forged file has one: CPython always stores a frame, be it <unknown>. */
static void a_traceback_without_frames_gives_no_frame(void **state)
{
	for (int behind = 0; behind < 2; behind++)
		for (int key = TM_BY_LINENO; key <= TM_BY_TRACEBACK; key++) {
			struct forged f = forge(state);
			size_t last = content(&f, TRACEBACKS) + 2 * 16;
			set32(&f, last + 8, 0);
			if (behind) /* of 5 frames: behind the last one */
				set64(&f, last, 5);
			seal(&f);
			pid_t pid = fork();
			if (!pid) {
				close(STDERR_FILENO);
				look_at_no_frames(f.path, (enum tm_key)key);
			}
			int status;
			assert_int_equal(waitpid(pid, &status, 0), pid);
			forged_done(&f);
			assert_true(WIFEXITED(status));
			assert_int_equal(WEXITSTATUS(status), 0);
		}
}

static void discard(void *ctx, const char *text, size_t len)
{
	*(size_t *)ctx += len;
}

/* Whatever is in the sections, when all checksums are right: nothing crashes. */
static void random_contents_never_crash(void **state)
{
	uint64_t seed = 31337;
	unsigned read = 0;
	for (unsigned round = 0; round < 4000; round++) {
		struct forged f = forge(state);
		struct tm_snapshot *s;
		size_t tables = 64 + nsections(&f) * 40u;
		for (uint64_t n = unit_random(&seed) % 4 + 1; n > 0; n--) {
			uint64_t r = unit_random(&seed);
			size_t at = r & 7 ? tables + (size_t)((r >> 8) % (f.len - tables)) : 64 + (size_t)((r >> 8) % (tables - 64));
			f.p[at] = r & 64 ? (uint8_t)(r >> 48) : f.p[at] ^ (uint8_t)(1u << (r >> 48 & 7));
		}
		/* Tracebacks without frames have a test of their own. */
		for (uint32_t i = 0; i < nsections(&f); i++)
			if (get32(&f, 64 + i * 40u) == TRACEBACKS && get(&f, 64 + i * 40u + 8) + 48 <= f.len)
				for (size_t k = 0; k < 3; k++) {
					size_t at = (size_t)get(&f, 64 + i * 40u + 8) + 16 * k + 8;
					if (!get32(&f, at))
						set32(&f, at, 1);
				}
		seal(&f);
		struct tm_error *err = open_all(f.path, &s);
		if (!err) {
			struct tm_statistics *st;
			uint64_t *order, n;
			struct tm_text t = { 0 };
			read++;
			for (int key = 0; key < 3; key++) {
				ok(tm_statistics_make(s, (enum tm_key)key, false, NULL, &st));
				for (uint64_t i = 0; i < st->nrows; i++)
					tm_str_statistic(&t, s, &st->rows[i]);
				tm_statistics_free(st);
			}
			ok(tm_traces_biggest(s, 0, NULL, &order, &n));
			for (uint64_t i = 0; i < n; i++)
				tm_str_trace(&t, s, &s->traces[order[i]]);
			free(order);
			if (s->about.has_addresses) {
				ok(tm_traces_at(s, 20, &order, &n));
				free(order);
			}
			size_t written = 0;
			struct tm_report report = { .schema = "x/1", .snapshot = s };
			for (int format = 0; format < 4; format++)
				if (format != TM_FORMAT_TEXT)
					ok(tm_render(&report, &(struct tm_render_options) { .format = (enum tm_format)format },
						&(struct tm_sink) { discard, &written }, NULL));
			assert_true(written > 0);
			tm_text_free(&t);
		}
		tm_error_free(err);
		tm_snapshot_unref(s);
		forged_done(&f);
	}
	assert_in_range(read, 400, 3900);
}

/* ---- writing ---- */

static void an_existing_file_is_kept_without_force(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich(), *back;
	unit_write(path, "precious", 8);
	fails(tm_snapshot_save(s, path, false, NULL), TM_ERR_USAGE, "--force");
	size_t len;
	uint8_t *p = unit_read(path, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(p, "precious", 8);
	free(p);
	assert_int_equal(unit_folder_count(*state), 1);
	ok(tm_snapshot_save(s, path, true, NULL));
	ok(open_all(path, &back));
	assert_true(same(s, back));
	assert_int_equal(unit_folder_count(*state), 1);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

static void a_link_stays_a_link(void **state)
{
	char *path = unit_path(*state, "a.tm"), *other = unit_path(*state, "current.tm");
	struct tm_snapshot *s = rich(), *back;
	struct stat st;
	unit_write(path, "old", 3);
	assert_int_equal(symlink("a.tm", other), 0);
	struct tm_error *err = tm_snapshot_save(s, other, false, NULL);
	assert_int_equal(tm_error_code(err), TM_ERR_USAGE);
	tm_error_free(err);
	ok(tm_snapshot_save(s, other, true, NULL));
	assert_int_equal(lstat(other, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	ok(open_all(path, &back));
	assert_true(same(s, back));
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	assert_int_equal(unit_folder_count(*state), 2);
	free(path);
	free(other);
}


static void a_file_that_appears_meanwhile_is_kept(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_file *f;
	ok(tm_file_create(path, false, &f));
	ok(tm_file_write(f, "mine", 4));
	unit_write(path, "theirs", 6);
	fails(tm_file_commit(f), TM_ERR_USAGE, "exists already");
	size_t len;
	uint8_t *p = unit_read(path, &len);
	assert_memory_equal(p, "theirs", 6);
	free(p);
	assert_int_equal(unit_folder_count(*state), 1);
	free(path);
}

static void nothing_is_seen_before_all_is_written(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_file *f;
	struct stat st;
	ok(tm_file_create(path, false, &f));
	ok(tm_file_write(f, "half", 4));
	assert_int_equal(stat(path, &st), -1);
	tm_file_abort(f);
	assert_int_equal(unit_folder_count(*state), 0);
	ok(tm_file_create(path, false, &f));
	ok(tm_file_write(f, "who", 3));
	ok(tm_file_write(f, "le", 2));
	ok(tm_file_write(f, NULL, 0));
	ok(tm_file_commit(f));
	size_t len;
	uint8_t *p = unit_read(path, &len);
	assert_string_equal((char *)p, "whole");
	free(p);
	tm_file_abort(NULL);
	free(path);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich();
	struct rlimit old, small;
	unit_write(path, "precious", 8);
	/* The file may not become longer than this: as on a full disk. */
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 512;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct tm_error *err = tm_snapshot_save(s, path, true, NULL);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	fails(err, TM_ERR_OS, "writing");
	size_t len;
	uint8_t *p = unit_read(path, &len);
	assert_int_equal(len, 8);
	assert_memory_equal(p, "precious", 8);
	free(p);
	assert_int_equal(unit_folder_count(*state), 1);
	tm_snapshot_unref(s);
	free(path);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void an_interrupted_write_leaves_the_old_file(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich();
	unit_write(path, "precious", 8);
	fails(tm_snapshot_save(s, path, true, &(struct tm_poll) { stop, NULL }), TM_ERR_INTERRUPTED, NULL);
	size_t len;
	uint8_t *p = unit_read(path, &len);
	assert_memory_equal(p, "precious", 8);
	free(p);
	assert_int_equal(unit_folder_count(*state), 1);
	tm_snapshot_unref(s);
	free(path);
}

static void places_that_cannot_be_written_are_errors(void **state)
{
	struct tm_snapshot *s = rich();
	char *nowhere = unit_path(*state, "no/such/folder.tm");
	fails(tm_snapshot_save(s, nowhere, false, NULL), TM_ERR_OS, "No such file");
	fails(tm_snapshot_save(s, *state, true, NULL), TM_ERR_OS, "Is a directory");
	fails(tm_snapshot_save(s, "/dev/full", false, NULL), TM_ERR_OS, "No space left");
	ok(tm_snapshot_save(s, "/dev/null", false, NULL));
	struct stat st;
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode)); /* and is still there */
	tm_snapshot_unref(s);
	free(nowhere);
}

static void statistics_alone_cannot_be_saved(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_snapshot *s = rich();
	s->traces = NULL; /* as a capture without single blocks leaves it */
	fails(tm_snapshot_save(s, path, false, NULL), TM_ERR_UNSUPPORTED, "no traces");
	assert_int_equal(unit_folder_count(*state), 0);
	tm_snapshot_unref(s);
	free(path);
}

/* Large files are mapped: one that shrinks must not end us with SIGBUS. */
static void a_large_file_that_shrinks_is_an_error(void **state)
{
	char *path = unit_path(*state, "a.tm");
	struct tm_builder b = { 0 };
	struct tm_snapshot *back;
	uint32_t tb = TB(&b, 0, { "a.py", 1 });
	for (uint64_t i = 0; i < 200000; i++)
		snap_trace(&b, i * 16, i, 0, tb);
	struct tm_snapshot *s = snap_freeze(&b);
	ok(tm_snapshot_save(s, path, false, NULL));
	ok(open_all(path, &back));
	assert_true(same(s, back));
	tm_snapshot_unref(back);
	ok(tm_snapshot_open(path, &back));
	assert_int_equal(truncate(path, 4096), 0);
	fails(tm_snapshot_require(back, TM_SECTIONS_ALL), TM_ERR_CORRUPT, "shorter");
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	free(path);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, unit_folder_setup, unit_folder_teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_saved_comes_back),
		TEST(a_snapshot_of_nobody_goes_by_its_file_s_name),
		TEST(an_empty_snapshot_comes_back),
		TEST(a_snapshot_outlives_its_file),
		TEST(every_changed_byte_is_an_error_or_without_meaning),
		TEST(every_truncation_and_every_addition_is_an_error),
		TEST(other_files_are_no_snapshots),
		TEST(hostile_headers_are_refused),
		TEST(hostile_sections_are_refused),
		TEST(sections_with_items_of_another_size_are_refused),
		TEST(sections_of_a_later_format_are_passed_over),
		TEST(a_missing_section_is_an_error_when_others_need_it),
		TEST(numbers_that_point_outside_are_refused),
		TEST(a_traceback_without_frames_gives_no_frame),
		TEST(random_contents_never_crash),
		TEST(an_existing_file_is_kept_without_force),
		TEST(a_link_stays_a_link),
		TEST(a_file_that_appears_meanwhile_is_kept),
		TEST(nothing_is_seen_before_all_is_written),
		TEST(a_failed_write_leaves_the_old_file),
		TEST(an_interrupted_write_leaves_the_old_file),
		TEST(places_that_cannot_be_written_are_errors),
		TEST(statistics_alone_cannot_be_saved),
		TEST(a_large_file_that_shrinks_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
