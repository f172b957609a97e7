/* Order: names by code point, tracebacks as Python compares them, traces by size. */
#include "tm/query.h"
#include <stdlib.h>
#include <string.h>

struct named {
	const char *s;
	size_t len;
	uint32_t id;
};

/* UTF-8, surrogates included, sorts by bytes as it does by code points. */
static int by_bytes(const void *a, const void *b)
{
	const struct named *x = a, *y = b;
	int c = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
	return c ? c : (x->len > y->len) - (x->len < y->len);
}

struct tm_error *tm_name_ranks(const struct tm_snapshot *s, uint32_t **ret)
{
	size_t n = (size_t)s->nnames;
	struct named *names = calloc(n ? n : 1, sizeof *names);
	uint32_t *ranks = calloc(n ? n : 1, sizeof *ranks);
	if (!names || !ranks) {
		free(names);
		free(ranks);
		return tm_error_nomem();
	}
	for (uint32_t i = 0; i < n; i++) {
		names[i].s = tm_snapshot_name(s, i, &names[i].len);
		names[i].id = i;
	}
	qsort(names, n, sizeof *names, by_bytes);
	for (uint32_t i = 0; i < n; i++) /* equal names, if a file has them, rank alike */
		ranks[names[i].id] = i && !by_bytes(&names[i - 1], &names[i]) ? ranks[names[i - 1].id] : i;
	free(names);
	*ret = ranks;
	return NULL;
}

int tm_frames_compare(const struct tm_frame *a, uint32_t na, const struct tm_frame *b, uint32_t nb, const uint32_t *ranks)
{
	for (uint32_t i = 1; i <= na && i <= nb; i++) {
		const struct tm_frame *x = &a[na - i], *y = &b[nb - i];
		uint32_t rx = ranks[x->filename], ry = ranks[y->filename];
		if (rx != ry)
			return rx < ry ? -1 : 1;
		if (x->lineno != y->lineno)
			return x->lineno < y->lineno ? -1 : 1;
	}
	return na < nb ? -1 : na > nb;
}

/* Merges sorted runs of WIDTH items pairwise, until there is one. */
struct tm_error *tm_sort(void *items, size_t n, size_t size, int (*compare)(const void *a, const void *b, void *ctx), void *ctx,
	const struct tm_poll *poll)
{
	char *from = items, *spare = n > 1 ? malloc(n * size) : NULL, *to = spare;
	struct tm_error *err = n > 1 && !spare ? tm_error_nomem() : NULL;
	size_t work = 0;
	for (size_t width = 1; !err && width < n; width *= 2) {
		for (size_t at = 0; !err && at < n; at += 2 * width) {
			size_t a = at, amax = at + width < n ? at + width : n, b = amax, bmax = at + 2 * width < n ? at + 2 * width : n;
			for (char *out = to + at * size; a < amax || b < bmax; out += size) {
				bool left = b == bmax || (a < amax && compare(from + a * size, from + b * size, ctx) <= 0);
				memcpy(out, from + (left ? a++ : b++) * size, size);
				if (++work % 131072 == 0 && (err = tm_poll(poll, "sorting", 0, 0)))
					break;
			}
		}
		char *t = from;
		from = to;
		to = t;
	}
	if (!err && from != items)
		memcpy(items, from, n * size);
	free(spare);
	return err;
}

static int bigger_first(const void *a, const void *b, void *ctx)
{
	const struct tm_snapshot *s = ctx;
	const struct tm_trace *x = &s->traces[*(const uint64_t *)a], *y = &s->traces[*(const uint64_t *)b];
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	if (x->domain != y->domain)
		return x->domain < y->domain ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/*
 * The best LIMIT of all: a list of twice as many is filled up, sorted and cut, again and again, and most traces are no better
 * than the last of it.
 */
struct tm_error *tm_traces_biggest(struct tm_snapshot *s, uint64_t limit, const struct tm_poll *poll, uint64_t **ret, uint64_t *n)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	if (err)
		return err;
	uint64_t most = limit && limit < s->ntraces ? limit : s->ntraces;
	uint64_t room = most < s->ntraces / 2 ? 2 * most : s->ntraces, have = 0;
	uint64_t *items = malloc((room ? (size_t)room : 1) * sizeof *items);
	if (!items)
		return tm_error_nomem();
	bool full = false;
	for (uint64_t i = 0; !err && i < s->ntraces; i++) {
		if (full && bigger_first(&i, &items[most - 1], s) >= 0)
			continue;
		items[have++] = i;
		if (have == room) {
			err = tm_sort(items, (size_t)have, sizeof *items, bigger_first, s, poll);
			have = most;
			full = true;
		} else if (i % 1048576 == 1048575) {
			err = tm_poll(poll, "sorting", i, s->ntraces);
		}
	}
	if (!err)
		err = tm_sort(items, (size_t)have, sizeof *items, bigger_first, s, poll);
	if (err) {
		free(items);
		return err;
	}
	*ret = items;
	*n = have < most ? have : most;
	return NULL;
}
