/* Any bytes as a snapshot file of tm, whose checksums are made right first: what they protect must be checked, too. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>
#include "exercise.h"

/* docs/format.md: a header of 64 bytes, sections of 40. */
static void seal(uint8_t *p, size_t len)
{
	uint32_t n;
	uint64_t sum, length = len;
	if (len < 64)
		return;
	memcpy(&n, p + 12, 4);
	memcpy(p + 16, &length, 8);
	for (uint32_t i = 0; i < n && i < 64 && 64 + (i + 1) * 40u <= len; i++) {
		uint8_t *section = p + 64 + i * 40u;
		uint64_t offset, size;
		memcpy(&offset, section + 8, 8);
		memcpy(&size, section + 16, 8);
		sum = offset <= len && size <= len - offset ? XXH3_64bits(p + offset, (size_t)size) : 0;
		memcpy(section + 24, &sum, 8);
	}
	if (64 + (uint64_t)n * 40 <= len) {
		sum = XXH3_64bits(p + 64, (size_t)n * 40);
		memcpy(p + 24, &sum, 8);
	}
	sum = XXH3_64bits(p, 56);
	memcpy(p + 56, &sum, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct tm_snapshot *s = NULL;
	char path[64];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	uint8_t *sealed = malloc(n + 1);
	if (fd < 0 || !sealed)
		abort();
	memcpy(sealed, p, n);
	seal(sealed, n);
	if (write(fd, sealed, n) != (ssize_t)n)
		abort();
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	sentence(tm_snapshot_open(path, &s));
	if (s)
		exercise(s);
	tm_snapshot_unref(s);
	free(sealed);
	close(fd);
	return 0;
}
