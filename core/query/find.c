/* Blocks by address. */
#include "tm/query.h"
#include <stdlib.h>

struct found {
	const struct tm_snapshot *s;
	uint64_t addr;
	uint64_t *items;
	uint64_t n, cap;
};

static bool before(const struct found *f, uint64_t a, uint64_t b)
{
	const struct tm_trace *x = &f->s->traces[a], *y = &f->s->traces[b];
	bool ex = x->address == f->addr, ey = y->address == f->addr;
	if (ex != ey)
		return ex;
	if (!x->domain != !y->domain)
		return !x->domain;
	if (x->size != y->size)
		return x->size < y->size;
	return x->domain != y->domain ? x->domain < y->domain : a < b;
}

static bool keep(struct found *f, uint64_t i)
{
	if (f->n == f->cap) {
		uint64_t cap = f->cap ? f->cap * 2 : 8;
		uint64_t *items = realloc(f->items, (size_t)cap * sizeof *items);
		if (!items)
			return false;
		f->items = items;
		f->cap = cap;
	}
	uint64_t k = f->n++;
	for (; k && before(f, i, f->items[k - 1]); k--)
		f->items[k] = f->items[k - 1];
	f->items[k] = i;
	return true;
}

struct tm_error *tm_traces_at(struct tm_snapshot *s, uint64_t addr, uint64_t **ret, uint64_t *n)
{
	enum { MOST = 256 }; /* overlapping domains may be many; the best are kept */
	if (!s->about.has_addresses)
		return tm_error_new(TM_ERR_UNSUPPORTED, "this snapshot knows no addresses: files of tracemalloc's own format keep none");
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	struct found f = { .s = s, .addr = addr };
	for (uint64_t i = 0; !err && i < s->ntraces; i++) {
		const struct tm_trace *t = &s->traces[i];
		if (t->address != addr && (addr < t->address || addr - t->address >= t->size))
			continue;
		if (!keep(&f, i))
			err = tm_error_nomem();
		f.n = f.n > MOST ? MOST : f.n;
	}
	if (err) {
		free(f.items);
		return err;
	}
	*ret = f.items;
	*n = f.n;
	return NULL;
}
