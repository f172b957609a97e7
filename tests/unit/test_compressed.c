/* Compressed files: what gzip, xz and zstd made of something becomes that again, whole or not at all. */
#include "tm/store.h"
#include "snap.h"
#include <lzma.h>
#include <signal.h>
#include <sys/resource.h>
#include <zlib.h>
#include <zstd.h>

/* ---- the libraries' own other halves ---- */

struct buffer {
	uint8_t *p;
	size_t n;
};

static struct buffer gzip(const uint8_t *p, size_t n)
{
	z_stream z = { 0 };
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	size_t most = deflateBound(&z, n) + 64;
	struct buffer b = { malloc(most), 0 };
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = b.p;
	z.avail_out = (uInt)most;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.n = most - z.avail_out;
	deflateEnd(&z);
	return b;
}

static struct buffer xz(const uint8_t *p, size_t n)
{
	size_t most = lzma_stream_buffer_bound(n);
	struct buffer b = { malloc(most), 0 };
	assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, p, n, b.p, &b.n, most), LZMA_OK);
	return b;
}

static struct buffer zstd(const uint8_t *p, size_t n)
{
	size_t most = ZSTD_compressBound(n);
	struct buffer b = { malloc(most), 0 };
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	b.n = ZSTD_compress2(c, b.p, most, p, n);
	assert_false(ZSTD_isError(b.n));
	ZSTD_freeCCtx(c);
	return b;
}

static struct buffer (*const compress_by[])(const uint8_t *p, size_t n) = { gzip, xz, zstd };
static const char *const names[] = { "gzip", "xz", "zstd" };

/* ---- contents ---- */

enum { NCONTENTS = 6 };

/* Nothing, a byte, noise, zeros, zeros with something here and there, and zeros at an odd end. */
static struct buffer content(unsigned which)
{
	static const size_t sizes[NCONTENTS] = { 0, 1, 1 << 20, 3 << 20, 2 << 20, 300001 };
	struct buffer b = { calloc(1, sizes[which] + 1), sizes[which] };
	uint64_t seed = which;
	for (size_t i = 0; i < b.n && which != 3; i++)
		if (which <= 2 || (which == 4 && i % 70001 < 3) || (which == 5 && i < 5000))
			b.p[i] = (uint8_t)unit_random(&seed);
	return b;
}

static struct tm_error *open_bytes(const char *path, const uint8_t *p, size_t n, int *fd)
{
	unit_write(path, p, n);
	*fd = -1;
	return tm_compressed_open(path, NULL, fd);
}

static void holds(int fd, const uint8_t *p, size_t n)
{
	struct stat st;
	uint8_t *have = malloc(n + 1);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, n);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(pread(fd, have, n, 0), (ssize_t)n);
	assert_memory_equal(have, p, n);
	free(have);
}

static int in_folder(void **state)
{
	return unit_folder_setup(state) || setenv("TMPDIR", *state, 1);
}

static int out_of_folder(void **state)
{
	unsetenv("TMPDIR");
	return unit_folder_teardown(state);
}

static void what_was_compressed_comes_back(void **state)
{
	char *path = unit_path(*state, "x");
	for (size_t k = 0; k < COUNT(compress_by); k++)
		for (unsigned i = 0; i < NCONTENTS; i++) {
			int fd;
			struct buffer b = content(i), c = compress_by[k](b.p, b.n);
			assert_true(tm_compressed_is(c.p, c.n));
			ok(open_bytes(path, c.p, c.n, &fd));
			holds(fd, b.p, b.n);
			if (i == 3) { /* zeros need no disk */
				struct stat st;
				fstat(fd, &st);
				assert_true(st.st_blocks * 512 < 65536);
			}
			close(fd);
			free(b.p);
			free(c.p);
		}
	assert_int_equal(unit_folder_count(*state), 1);
	free(path);
}

static void files_one_after_the_other_are_one(void **state)
{
	char *path = unit_path(*state, "x");
	for (size_t k = 0; k < COUNT(compress_by); k++) {
		struct buffer parts[3], whole = { malloc(4 << 20), 0 }, all = { malloc(4 << 20), 0 };
		for (unsigned i = 0; i < 3; i++) {
			struct buffer b = content(i == 1 ? 0 : 5);
			parts[i] = compress_by[k](b.p, b.n);
			memcpy(whole.p + whole.n, b.p, b.n);
			memcpy(all.p + all.n, parts[i].p, parts[i].n);
			whole.n += b.n;
			all.n += parts[i].n;
			free(b.p);
			free(parts[i].p);
		}
		int fd;
		ok(open_bytes(path, all.p, all.n, &fd));
		holds(fd, whole.p, whole.n);
		close(fd);
		if (k < 2) { /* gzip's and xz's may be filled up with zeros */
			memset(all.p + all.n, 0, 1024);
			ok(open_bytes(path, all.p, all.n + 1024, &fd));
			holds(fd, whole.p, whole.n);
			close(fd);
		}
		memcpy(all.p + all.n, "rubbish.", 8);
		fails(open_bytes(path, all.p, all.n + 8, &fd), TM_ERR_CORRUPT, "damaged");
		free(whole.p);
		free(all.p);
	}
	free(path);
}

static void truncated_files_are_refused(void **state)
{
	char *path = unit_path(*state, "x"), words[32];
	for (size_t k = 0; k < COUNT(compress_by); k++) {
		struct buffer b = content(5), c = compress_by[k](b.p, b.n);
		snprintf(words, sizeof words, "damaged %s file", names[k]);
		for (size_t n = 6; n < c.n; n += n < 100 || n + 520 > c.n ? 1 : 499) {
			int fd;
			fails(open_bytes(path, c.p, n, &fd), TM_ERR_CORRUPT, words);
			assert_int_equal(fd, -1);
		}
		free(b.p);
		free(c.p);
	}
	assert_int_equal(unit_folder_count(*state), 1);
	free(path);
}

static void damaged_files_are_refused(void **state)
{
	char *path = unit_path(*state, "x");
	for (size_t k = 0; k < COUNT(compress_by); k++) {
		struct buffer b = content(5), c = compress_by[k](b.p, b.n);
		unsigned refused = 0, all = 0;
		for (size_t i = 0; i < c.n; i += 61, all++) {
			int fd;
			c.p[i] ^= 0x55;
			struct tm_error *err = open_bytes(path, c.p, c.n, &fd);
			if (err)
				refused++;
			else
				holds(fd, b.p, b.n); /* gzip's header has bytes without meaning */
			tm_error_free(err);
			if (fd >= 0)
				close(fd);
			c.p[i] ^= 0x55;
		}
		assert_true(all > 50 && refused + 2 >= all);
		free(b.p);
		free(c.p);
	}
	free(path);
}

static void other_files_are_refused(void **state)
{
	char *path = unit_path(*state, "x");
	int fd;
	fails(open_bytes(path, (const uint8_t *)"\x7f" "ELF and so on", 14, &fd), TM_ERR_UNSUPPORTED, "neither gzip nor xz nor zstd");
	fails(open_bytes(path, (const uint8_t *)"", 0, &fd), TM_ERR_UNSUPPORTED, "neither");
	fails(tm_compressed_open(*state, NULL, &fd), TM_ERR_UNSUPPORTED, "not a file");
	unlink(path);
	fails(tm_compressed_open(path, NULL, &fd), TM_ERR_OS, "No such file");
	assert_false(tm_compressed_is("\x1f\x8b", 2));
	assert_false(tm_compressed_is("", 0));
	free(path);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	assert_string_equal(what, "decompressing");
	assert_in_range(done, 1, total);
	return true;
}

static void it_can_be_interrupted(void **state)
{
	char *path = unit_path(*state, "x");
	const struct tm_poll poll = { stop, NULL };
	for (size_t k = 0; k < COUNT(compress_by); k++) {
		int fd = -1;
		struct buffer b = content(3), c = compress_by[k](b.p, b.n);
		unit_write(path, c.p, c.n);
		fails(tm_compressed_open(path, &poll, &fd), TM_ERR_INTERRUPTED, NULL);
		assert_int_equal(fd, -1);
		free(b.p);
		free(c.p);
	}
	free(path);
}

static void a_full_disk_is_an_error(void **state)
{
	char *path = unit_path(*state, "x");
	struct buffer b = content(2), c = gzip(b.p, b.n);
	struct rlimit old, small;
	int fd = -1;
	unit_write(path, c.p, c.n);
	void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	small = old;
	small.rlim_cur = 100000;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	struct tm_error *err = tm_compressed_open(path, NULL, &fd);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, handler);
	fails(err, TM_ERR_OS, "decompressing");
	char none[4096], says[4200];
	snprintf(none, sizeof none, "%s/none", (char *)*state);
	snprintf(says, sizeof says, "no temporary file in %s", none);
	setenv("TMPDIR", none, 1);
	fails(tm_compressed_open(path, NULL, &fd), TM_ERR_OS, says);
	assert_int_equal(fd, -1);
	free(b.p);
	free(c.p);
	free(path);
}

static void a_compressed_snapshot_opens(void **state)
{
	char *path = unit_path(*state, "x"), inner[64];
	struct tm_builder builder = { 0 };
	snap_trace(&builder, 16, 100, 0, TB(&builder, 0, { "a.py", 3 }));
	struct tm_snapshot *s = snap_freeze(&builder), *back;
	ok(tm_snapshot_save(s, path, false, NULL));
	tm_snapshot_unref(s);
	for (size_t k = 0; k < COUNT(compress_by); k++) {
		struct buffer b, c;
		int fd;
		ok(tm_snapshot_open(path, &back)); /* still readable, and then through the other one's path */
		tm_snapshot_unref(back);
		b.p = unit_read(path, &b.n);
		c = compress_by[k](b.p, b.n);
		char *compressed = unit_path(*state, "y");
		ok(open_bytes(compressed, c.p, c.n, &fd));
		snprintf(inner, sizeof inner, "/proc/self/fd/%d", fd);
		ok(tm_snapshot_open(inner, &back));
		close(fd);
		ok(tm_snapshot_require(back, TM_SECTIONS_ALL));
		assert_int_equal(back->traces[0].size, 100);
		tm_snapshot_unref(back);
		free(compressed);
		free(b.p);
		free(c.p);
	}
	free(path);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, in_folder, out_of_folder)
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_was_compressed_comes_back),
		IN_FOLDER(files_one_after_the_other_are_one),
		IN_FOLDER(truncated_files_are_refused),
		IN_FOLDER(damaged_files_are_refused),
		IN_FOLDER(other_files_are_refused),
		IN_FOLDER(it_can_be_interrupted),
		IN_FOLDER(a_full_disk_is_an_error),
		IN_FOLDER(a_compressed_snapshot_opens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
