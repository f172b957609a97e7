/* Numbers as text, exactly as CPython's tracemalloc writes them, whatever the locale. */
#include "tm/number.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

void tm_text_u128(struct tm_text *t, tm_u128 v)
{
	char buf[40], *p = buf + sizeof buf;
	do
		*--p = (char)('0' + (int)(v % 10));
	while (v /= 10);
	tm_text_put(t, p, (size_t)(buf + sizeof buf - p));
}

void tm_text_i128(struct tm_text *t, tm_i128 v)
{
	if (v < 0)
		tm_text_putc(t, '-');
	tm_text_u128(t, v < 0 ? -(tm_u128)v : (tm_u128)v);
}

double tm_divide(tm_u128 num, uint64_t den)
{
	if (!den || !num)
		return 0;
	if (!(num >> 53) && !(den >> 53))
		return (double)(uint64_t)num / (double)den;
	/* The quotient gets at least 63 bits and, in its lowest, whether anything was left: one rounding then does. */
	int shift = 0;
	while (!(num >> 127)) {
		num <<= 1;
		shift++;
	}
	tm_u128 q = num / den;
	if (num % den)
		q |= 1;
	return ldexp((double)q, -shift);
}

/*
 * printf's %.1f writes the locale's decimal point. Times ten is exact in a long double (64 bits of mantissa or more),
 * so rounding it to nearest even gives the digits that printf would give.
 */
void tm_text_fixed1(struct tm_text *t, double value)
{
	long double tenths = rintl((long double)value * 10);
	if (fabsl(tenths) >= 1e15L) {
		tm_text_printf(t, "%.0f", value);
		return;
	}
	long long n = (long long)fabsl(tenths);
	tm_text_printf(t, "%s%lld.%lld", signbit(value) ? "-" : "", n / 10, n % 10);
}

void tm_text_size(struct tm_text *t, double size, bool sign)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	for (int i = 0;; i++, size /= 1024) {
		bool tenths = fabs(size) < 100 && i > 0;
		if (!tenths && fabs(size) >= 10 * 1024 && i < 4)
			continue;
		if (sign && !signbit(size))
			tm_text_putc(t, '+');
		if (tenths)
			tm_text_fixed1(t, size);
		else
			tm_text_printf(t, "%.0f", size);
		tm_text_printf(t, " %s", units[i]);
		return;
	}
}

bool tm_parse_u64(const char *s, uint64_t *ret)
{
	unsigned base = 10;
	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
	}
	uint64_t v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		int c = *s | 0x20;
		unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10) : 99;
		if ((*s < '0') || d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	*ret = v;
	return true;
}

bool tm_parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "KMGT";
	char digits[24] = "";
	size_t len = strspn(s, "0123456789");
	const char *unit = s[len] ? strchr(units, s[len]) : NULL, *rest = s + len + (unit != NULL);
	unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
	if (!len || len >= sizeof digits || (*rest && (!unit || strcmp(rest, "iB") != 0)))
		return false;
	memcpy(digits, s, len);
	if (!tm_parse_u64(digits, ret) || *ret > UINT64_MAX >> shift)
		return false;
	*ret <<= shift;
	return true;
}
