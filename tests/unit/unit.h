/* What every unit test needs: cmocka, errors as assertions, folders that go away. */
#ifndef UNIT_H
#define UNIT_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "tm/error.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* Calls must succeed. */
#define ok(call) unit_ok((call), #call, __FILE__, __LINE__)
static inline void unit_ok(struct tm_error *err, const char *what, const char *file, int line)
{
	if (!err)
		return;
	print_error("%s: %s\n", what, tm_error_message(err));
	tm_error_free(err);
	_fail(file, line);
}

/* Calls must fail with this code, and say something that holds these words (NULL: anything). */
#define fails(call, code, words) unit_fails((call), (code), (words), #call, __FILE__, __LINE__)
static inline void unit_fails(struct tm_error *err, enum tm_errcode code, const char *words, const char *what, const char *file,
	int line)
{
	if (!err) {
		print_error("%s: succeeded\n", what);
		_fail(file, line);
	}
	bool right = tm_error_code(err) == code && *tm_error_message(err) && (!words || strstr(tm_error_message(err), words));
	if (!right)
		print_error("%s: code %d: %s\nwanted: code %d, with \"%s\"\n", what, (int)tm_error_code(err), tm_error_message(err),
			(int)code, words ? words : "");
	tm_error_free(err);
	if (!right)
		_fail(file, line);
}

/* ---- folders ---- */

static inline char *unit_folder(void)
{
	const char *base = getenv("TMPDIR");
	char *path;
	if (asprintf(&path, "%s/tm-unit-XXXXXX", base && *base ? base : P_tmpdir) < 0 || !mkdtemp(path))
		abort();
	return path;
}

static inline int unit_folder_setup(void **state)
{
	*state = unit_folder();
	return 0;
}

static inline size_t unit_folder_count(const char *path)
{
	size_t n = 0;
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		n += e->d_name[0] != '.';
	if (d)
		closedir(d);
	return n;
}

static inline int unit_folder_teardown(void **state)
{
	char *path = *state;
	DIR *d = opendir(path);
	for (struct dirent *e; d && (e = readdir(d));)
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	int failed = rmdir(path);
	free(path);
	return failed;
}

static inline char *unit_path(const char *folder, const char *name)
{
	char *path;
	if (asprintf(&path, "%s/%s", folder, name) < 0)
		abort();
	return path;
}

static inline void unit_write(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), (ssize_t)len);
	assert_int_equal(ftruncate(fd, (off_t)len), 0); /* only now: file systems write a file at once that is truncated first */
	close(fd);
}

static inline uint8_t *unit_read(const char *path, size_t *len)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	uint8_t *p = malloc((size_t)st.st_size + 1);
	assert_non_null(p);
	assert_int_equal(read(fd, p, (size_t)st.st_size), st.st_size);
	close(fd);
	p[st.st_size] = 0;
	*len = (size_t)st.st_size;
	return p;
}

/* ---- numbers from a seed: the same on every machine (splitmix64) ---- */

static inline uint64_t unit_random(uint64_t *seed)
{
	uint64_t z = *seed += 0x9e3779b97f4a7c15u;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}
#endif
