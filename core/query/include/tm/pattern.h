/*
 * Shell patterns for names: fnmatch.fnmatchcase() of CPython 3.10.13, 3.11.2 and later. Earlier ones raise an error for a
 * reversed range, which here is an empty one; all else is the same in all versions.
 */
#ifndef TM_PATTERN_H
#define TM_PATTERN_H
#include <stdbool.h>
#include <stddef.h>
#include "tm/poll.h"

struct tm_pattern;

/*
 * LEN bytes of UTF-8 in which lone surrogates are 3-byte sequences. Other bytes stand for what Python makes of them on a
 * command line and in file names: b'\xff' is U+DCFF.
 */
struct tm_error *tm_pattern_make(const char *text, size_t len, struct tm_pattern **ret);
/* The whole NAME, code point by code point. Takes at most |name| * |pattern| steps, whatever they are, and no recursion. */
struct tm_error *tm_pattern_match(struct tm_pattern *p, const char *name, size_t len, const struct tm_poll *poll, bool *ret);
void tm_pattern_free(struct tm_pattern *p); /* NULL is fine */
#endif
