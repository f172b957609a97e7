/* A growable string. Running out of memory is remembered, so that only the end has to ask. */
#ifndef TM_TEXT_H
#define TM_TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tm/error.h"

struct tm_text {
	char *s; /* NUL-terminated, or NULL while empty */
	size_t len, cap;
	bool failed; /* memory ran out: the text is incomplete */
};

void tm_text_put(struct tm_text *t, const char *s, size_t len);
void tm_text_puts(struct tm_text *t, const char *s);
void tm_text_putc(struct tm_text *t, char c);
void tm_text_pad(struct tm_text *t, char c, size_t n);
void tm_text_printf(struct tm_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void tm_text_vprintf(struct tm_text *t, const char *fmt, va_list ap);
struct tm_error *tm_text_error(const struct tm_text *t); /* NULL unless memory ran out */
const char *tm_text_str(const struct tm_text *t);	 /* "" while empty */
void tm_text_clear(struct tm_text *t);			 /* keeps the memory */
void tm_text_free(struct tm_text *t);

/*
 * A name from outside, UTF-8 in which lone surrogates are 3-byte sequences: control characters (C0, DEL, C1), lone
 * surrogates and bytes that are not UTF-8 come out backslash-escaped, everything else as it is.
 */
void tm_text_escape(struct tm_text *t, const char *s, size_t len);

/* One code point of such a name; *p moves on. Bytes that are no UTF-8 come back as TM_BAD_BYTE | byte. */
enum { TM_BAD_BYTE = 0x40000000 };
uint32_t tm_utf8_next(const char **p, const char *end);
size_t tm_utf8_put(char *out, uint32_t cp); /* up to 4 bytes; surrogates as 3 */
#endif
