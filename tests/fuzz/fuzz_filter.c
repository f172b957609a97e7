/*
 * Any bytes as a filter's pattern and, behind a NUL, as a file's name. Patterns without brackets are also matched by a table of
 * all prefixes, which is slow and simple.
 */
#include <stdlib.h>
#include <string.h>
#include "exercise.h"
#include "tm/filter.h"
#include "tm/pattern.h"
#include "tm/text.h"

enum { MOST = 512 };

/* Code points as the patterns see them: bytes that are not UTF-8 are lone surrogates. */
static size_t points(const char *s, size_t len, uint32_t *to)
{
	size_t n = 0;
	for (const char *p = s; p < s + len && n < MOST; n++) {
		to[n] = tm_utf8_next(&p, s + len);
		if (to[n] & TM_BAD_BYTE)
			to[n] = 0xdc00 | (to[n] & 0xff);
	}
	return n;
}

static bool by_table(const char *pattern, size_t np, const char *name, size_t nn)
{
	static uint32_t p[MOST], s[MOST];
	static bool fits[MOST + 1];
	size_t a = points(pattern, np, p), b = points(name, nn, s);
	memset(fits, 0, sizeof fits);
	fits[0] = true; /* fits[k]: the pattern so far fits the first k of the name */
	for (size_t i = 0; i < a; i++) {
		if (p[i] == '*') {
			for (size_t k = 1; k <= b; k++)
				fits[k] |= fits[k - 1];
			continue;
		}
		for (size_t k = b; k > 0; k--)
			fits[k] = fits[k - 1] && (p[i] == '?' || p[i] == s[k - 1]);
		fits[0] = false;
	}
	return fits[b];
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const char *pattern = (const char *)bytes, *end = n ? memchr(bytes, 0, n) : NULL;
	if (!end || n > MOST)
		return 0;
	const char *name = end + 1;
	size_t np = (size_t)(end - pattern), nn = n - np - 1;
	struct tm_pattern *p = NULL;
	bool fits = false;
	struct tm_error *err = tm_pattern_make(pattern, np, &p);
	if (!err)
		err = tm_pattern_match(p, name, nn, NULL, &fits);
	tm_pattern_free(p);
	if (err || (!memchr(pattern, '[', np) && fits != by_table(pattern, np, name, nn)))
		abort();
	struct tm_filter f = { 0 };
	tm_error_free(tm_filter_parse(pattern, &f)); /* whose words are the user's own: they may hold anything */
	if (f.pattern && f.pattern_len > np)
		abort();
	return 0;
}
