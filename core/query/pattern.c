/* Shell patterns: pieces made once, then matched with two pointers. */
#include "tm/pattern.h"
#include "tm/array.h"
#include "tm/text.h"

/* A star, or one character: one of the ranges, or one of no range. */
struct piece {
	bool star, negated;
	size_t first, nranges;
};

struct range {
	uint32_t low, high;
};

struct tm_pattern {
	TM_ARRAY(struct piece) pieces;
	TM_ARRAY(struct range) ranges;
	uint64_t work; /* since the host was last asked */
};

typedef TM_ARRAY(uint32_t) points;

/* As Python decodes file names: a byte that is not UTF-8 is a lone surrogate. */
static uint32_t next_point(const char **s, const char *end)
{
	uint32_t c = tm_utf8_next(s, end);
	return c & TM_BAD_BYTE ? 0xdc00 | (c & 0xff) : c;
}

/* str: code points, and lone surrogates for bytes that are none. */
static bool decode(const char *text, size_t len, points *ret)
{
	if (!tm_array_reserve(ret, len))
		return false;
	for (const char *s = text, *end = text + len; s < end;)
		ret->items[ret->n++] = next_point(&s, end);
	return true;
}

static bool put_range(struct tm_pattern *p, uint32_t low, uint32_t high)
{
	return tm_array_push(&p->ranges, ((struct range) { low, high }));
}

/*
 * What stands between brackets. "a-z" is a range unless one of the three is missing. A reversed one is dropped before fnmatch
 * looks whether the first character is a '!': so "[b-a!x]" is "[!x]", and "[b-a!-x]" is "[!-x]".
 */
static bool put_set(struct tm_pattern *p, const uint32_t *c, size_t n, struct piece *ret)
{
	size_t at = n && c[0] == '!';
	bool ok = true, first = !at;
	ret->negated = at;
	for (size_t step; ok && at < n; at += step) {
		bool range = at + 2 < n && c[at + 1] == '-';
		step = range ? 3 : 1;
		if (range && c[at] > c[at + 2])
			continue;
		if (first && c[at] == '!') {
			ret->negated = true;
			if (range)
				ok = put_range(p, '-', '-') && put_range(p, c[at + 2], c[at + 2]);
		} else {
			ok = put_range(p, c[at], c[at + step - 1]);
		}
		first = false;
	}
	ret->nranges = p->ranges.n - ret->first;
	return ok;
}

/* Where the set that begins at AT ends; N: nowhere, then its bracket is an ordinary character. */
static size_t set_end(const uint32_t *c, size_t n, size_t at)
{
	at += at < n && c[at] == '!';
	at += at < n && c[at] == ']';
	while (at < n && c[at] != ']')
		at++;
	return at;
}

static bool compile(struct tm_pattern *p, const uint32_t *c, size_t n)
{
	bool ok = true, closed = true; /* after a set without an end, no other one has any */
	for (size_t at = 0; ok && at < n; at++) {
		struct piece piece = { .star = c[at] == '*', .negated = c[at] == '?', .first = p->ranges.n };
		size_t end = c[at] == '[' && closed ? set_end(c, n, at + 1) : n;
		if (piece.star && p->pieces.n && p->pieces.items[p->pieces.n - 1].star)
			continue;
		if (end < n) {
			ok = put_set(p, c + at + 1, end - at - 1, &piece);
			at = end;
		} else if (!piece.star && !piece.negated) {
			closed &= c[at] != '[';
			ok = put_range(p, c[at], c[at]);
			piece.nranges = 1;
		}
		ok = ok && tm_array_push(&p->pieces, piece);
	}
	return ok;
}

struct tm_error *tm_pattern_make(const char *text, size_t len, struct tm_pattern **ret)
{
	struct tm_pattern *p = calloc(1, sizeof *p);
	points c = { 0 };
	bool ok = p && decode(text, len, &c) && compile(p, c.items, c.n);
	tm_array_free(&c);
	if (!ok) {
		tm_pattern_free(p);
		return tm_error_nomem();
	}
	*ret = p;
	return NULL;
}

static bool fits(const struct tm_pattern *p, const struct piece *piece, uint32_t c)
{
	for (size_t i = 0; i < piece->nranges; i++) {
		const struct range *r = &p->ranges.items[piece->first + i];
		if (c >= r->low && c <= r->high)
			return !piece->negated;
	}
	return piece->negated;
}

struct tm_error *tm_pattern_match(struct tm_pattern *p, const char *name, size_t len, const struct tm_poll *poll, bool *ret)
{
	enum { STEPS = 1 << 22 }; /* between two looks at the host: some 20 ms */
	const struct piece *pieces = p->pieces.items;
	const char *s = name, *end = name + len, *again = NULL; /* where what follows the last star may begin next */
	size_t at = 0, n = p->pieces.n, star = 0;		 /* at: piece; star: the one behind the last star */
	while (s < end) {
		p->work += 1 + (at < n ? pieces[at].nranges : 0);
		if (p->work >= STEPS) {
			p->work = 0;
			struct tm_error *err = tm_poll(poll, "matching names", 0, 0);
			if (err)
				return err;
		}
		const char *next = s;
		uint32_t c = next_point(&next, end);
		if (at < n && pieces[at].star) {
			star = ++at;
			again = s;
			if (at == n)
				break; /* the last star takes the rest */
		} else if (at < n && fits(p, &pieces[at], c)) {
			at++;
			s = next;
		} else if (again) {
			tm_utf8_next(&again, end);
			at = star;
			s = again;
		} else {
			*ret = false;
			return NULL;
		}
	}
	*ret = at == n || (at == n - 1 && pieces[at].star);
	return NULL;
}

void tm_pattern_free(struct tm_pattern *p)
{
	if (!p)
		return;
	tm_array_free(&p->pieces);
	tm_array_free(&p->ranges);
	free(p);
}
