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

/* Heap of the LIMIT best so far, the worst on top. */
struct heap {
	const struct tm_snapshot *s;
	uint64_t *items;
	uint64_t n;
};

static bool better(const struct tm_snapshot *s, uint64_t a, uint64_t b)
{
	const struct tm_trace *x = &s->traces[a], *y = &s->traces[b];
	if (x->size != y->size)
		return x->size > y->size;
	if (x->domain != y->domain)
		return x->domain < y->domain;
	if (x->address != y->address)
		return x->address < y->address;
	return a < b;
}

static void sink_down(struct heap *h, uint64_t i)
{
	for (;;) {
		uint64_t worst = i;
		for (uint64_t c = 2 * i + 1; c <= 2 * i + 2 && c < h->n; c++)
			if (better(h->s, h->items[worst], h->items[c]))
				worst = c;
		if (worst == i)
			return;
		uint64_t t = h->items[i];
		h->items[i] = h->items[worst];
		h->items[worst] = t;
		i = worst;
	}
}

struct tm_error *tm_traces_biggest(struct tm_snapshot *s, uint64_t limit, uint64_t **ret, uint64_t *n)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	if (err)
		return err;
	uint64_t count = limit && limit < s->ntraces ? limit : s->ntraces;
	struct heap h = { s, calloc(count ? (size_t)count : 1, sizeof *h.items), count };
	if (!h.items)
		return tm_error_nomem();
	for (uint64_t i = 0; i < count; i++)
		h.items[i] = i;
	for (uint64_t i = count / 2; i-- > 0;)
		sink_down(&h, i);
	for (uint64_t i = count; count && i < s->ntraces; i++)
		if (better(s, i, h.items[0])) {
			h.items[0] = i;
			sink_down(&h, 0);
		}
	/* Taking the worst off the top, again and again, leaves the best in front. */
	while (h.n > 1) {
		uint64_t t = h.items[--h.n];
		h.items[h.n] = h.items[0];
		h.items[0] = t;
		sink_down(&h, 0);
	}
	*ret = h.items;
	*n = count;
	return NULL;
}
