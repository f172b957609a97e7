/* Growable text and the escaping of foreign names. */
#include "tm/text.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool room(struct tm_text *t, size_t more)
{
	if (t->failed || more > SIZE_MAX / 2 - t->len) {
		t->failed = true;
		return false;
	}
	if (t->len + more + 1 <= t->cap)
		return true;
	size_t cap = (t->len + more + 1) * 2;
	char *s = realloc(t->s, cap < 64 ? 64 : cap);
	if (!s) {
		t->failed = true;
		return false;
	}
	t->s = s;
	t->cap = cap < 64 ? 64 : cap;
	return true;
}

void tm_text_put(struct tm_text *t, const char *s, size_t len)
{
	if (!room(t, len))
		return;
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = 0;
}

void tm_text_puts(struct tm_text *t, const char *s)
{
	tm_text_put(t, s, strlen(s));
}

void tm_text_putc(struct tm_text *t, char c)
{
	tm_text_put(t, &c, 1);
}

void tm_text_pad(struct tm_text *t, char c, size_t n)
{
	if (!room(t, n))
		return;
	memset(t->s + t->len, c, n);
	t->len += n;
	t->s[t->len] = 0;
}

void tm_text_vprintf(struct tm_text *t, const char *fmt, va_list ap)
{
	char buf[256];
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(buf, sizeof buf, fmt, ap);
	if (n >= 0 && (size_t)n < sizeof buf) {
		tm_text_put(t, buf, (size_t)n);
	} else if (n >= 0 && room(t, (size_t)n)) {
		vsnprintf(t->s + t->len, (size_t)n + 1, fmt, again);
		t->len += (size_t)n;
	}
	va_end(again);
}

void tm_text_printf(struct tm_text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	tm_text_vprintf(t, fmt, ap);
	va_end(ap);
}

struct tm_error *tm_text_error(const struct tm_text *t)
{
	return t->failed ? tm_error_nomem() : NULL;
}

const char *tm_text_str(const struct tm_text *t)
{
	return t->s ? t->s : "";
}

void tm_text_clear(struct tm_text *t)
{
	t->len = 0;
	t->failed = false;
	if (t->s)
		t->s[0] = 0;
}

void tm_text_free(struct tm_text *t)
{
	free(t->s);
	*t = (struct tm_text) { 0 };
}

static bool continuation(const unsigned char *s, const unsigned char *end, int n)
{
	if (end - s <= n)
		return false;
	for (int i = 1; i <= n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return false;
	return true;
}

uint32_t tm_utf8_next(const char **p, const char *stop)
{
	const unsigned char *s = (const unsigned char *)*p, *end = (const unsigned char *)stop;
	uint32_t c = *s;
	int n = c < 0x80 ? 0 : c >= 0xc2 && c < 0xe0 ? 1 : (c & 0xf0) == 0xe0 ? 2 : c >= 0xf0 && c < 0xf5 ? 3 : -1;
	static const uint32_t least[] = { 0, 0x80, 0x800, 0x10000 };
	if (n > 0 && continuation(s, end, n)) {
		uint32_t v = c & (0x3fu >> n);
		for (int i = 1; i <= n; i++)
			v = v << 6 | (s[i] & 0x3f);
		if (v >= least[n] && v <= 0x10ffff) {
			*p += n + 1;
			return v;
		}
	}
	++*p;
	return n == 0 ? c : TM_BAD_BYTE | c;
}

size_t tm_utf8_put(char *out, uint32_t cp)
{
	unsigned char *o = (unsigned char *)out;
	if (cp < 0x80) {
		o[0] = (unsigned char)cp;
		return 1;
	}
	int n = cp < 0x800 ? 1 : cp < 0x10000 ? 2 : 3;
	static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
	o[0] = (unsigned char)(lead[n] | cp >> 6 * n);
	for (int i = 1; i <= n; i++)
		o[i] = (unsigned char)(0x80 | (cp >> 6 * (n - i) & 0x3f));
	return (size_t)n + 1;
}

static void escape_one(struct tm_text *t, uint32_t c)
{
	if (c == '\n')
		tm_text_puts(t, "\\n");
	else if (c == '\r')
		tm_text_puts(t, "\\r");
	else if (c == '\t')
		tm_text_puts(t, "\\t");
	else if (c >= 0xd800 && c < 0xe000)
		tm_text_printf(t, "\\u%04x", (unsigned)c);
	else
		tm_text_printf(t, "\\x%02x", (unsigned)(c & 0xff));
}

void tm_text_escape(struct tm_text *t, const char *s, size_t len)
{
	const char *end = s + len, *plain = s;
	while (s < end) {
		const char *at = s;
		uint32_t c = tm_utf8_next(&s, end);
		bool ok = c >= 0x20 && (c < 0x7f || c > 0x9f) && !(c >= 0xd800 && c < 0xe000) && !(c & TM_BAD_BYTE);
		if (ok)
			continue;
		tm_text_put(t, plain, (size_t)(at - plain));
		escape_one(t, c);
		plain = s;
	}
	tm_text_put(t, plain, (size_t)(end - plain));
}
