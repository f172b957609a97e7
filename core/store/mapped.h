/* Inside store: a whole file as bytes in memory. */
#ifndef TM_MAPPED_H
#define TM_MAPPED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tm/error.h"

struct tm_mapped {
	int fd; /* -1: closed */
	uint8_t *bytes; /* at a multiple of 64 */
	size_t size;
	bool is_read;
	uint64_t time; /* of its last change, seconds since 1970 */
};

/* Small files are read: a mapped one that shrinks would kill us with SIGBUS. UNSUPPORTED unless a regular file; OS. */
struct tm_error *tm_mapped_open(const char *path, struct tm_mapped *ret);
/* A mapped file may be cut meanwhile: to be asked before each pass over it. CORRUPT. */
struct tm_error *tm_mapped_check(const struct tm_mapped *m, const char *path);
void tm_mapped_close(struct tm_mapped *m);
#endif
