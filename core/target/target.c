/* What all kinds of target share: the map, stopping, closing. */
#include "common.h"
#include <stdlib.h>
#include <string.h>

struct tm_error *tm_target_new(enum tm_kind kind, const char *name, unsigned word, bool big,
	const struct tm_search *search, struct tm_poll poll, struct tm_target **ret)
{
	struct tm_target *t = calloc(1, sizeof *t);
	if (!t || !(t->name = strdup(name))) {
		free(t);
		return tm_error_nomem();
	}
	t->kind = kind;
	tm_memory_init(&t->memory, word, big);
	if (search)
		t->search = *search;
	t->poll = poll;
	*ret = t;
	return NULL;
}

struct tm_error *tm_target_add_region(struct tm_target *t, uint64_t start, uint64_t end, unsigned prot,
	const char *path, uint64_t offset, uint64_t there)
{
	if (end <= start)
		return NULL;
	struct tm_region r = { .start = start, .end = end, .prot = prot, .offset = offset,
		.there = there > end - start ? end - start : there };
	if (path && *path && !(r.path = strdup(path)))
		return tm_error_nomem();
	if (!tm_array_push(&t->regions, r)) {
		free(r.path);
		return tm_error_nomem();
	}
	return NULL;
}

static int by_start(const void *a, const void *b)
{
	const struct tm_region *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

void tm_regions_sort(struct tm_target *t)
{
	if (t->regions.n)
		qsort(t->regions.items, t->regions.n, sizeof *t->regions.items, by_start);
}

struct tm_error *tm_target_settle(struct tm_target *t)
{
	tm_regions_sort(t);
	return tm_modules_find(t);
}

const struct tm_region *tm_target_region(const struct tm_target *t, uint64_t addr)
{
	size_t lo = 0, hi = t->regions.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (t->regions.items[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < t->regions.n && t->regions.items[lo].start <= addr ? &t->regions.items[lo] : NULL;
}

enum tm_presence tm_target_presence(struct tm_target *t, uint64_t addr)
{
	unsigned hint = 0;
	if (tm_memory_at(&t->memory, &hint, addr, 1))
		return TM_PRESENT;
	if (tm_target_region(t, addr) || tm_target_module(t, addr))
		return TM_ABSENT;
	return TM_UNMAPPED;
}

const char *tm_target_why(struct tm_target *t, uint64_t addr)
{
	switch (tm_target_presence(t, addr)) {
	case TM_PRESENT:
		return "readable";
	case TM_UNMAPPED:
		return "no such memory";
	case TM_ABSENT:
		break;
	}
	if (t->kind != TM_KIND_CORE)
		return "page not readable";
	return t->truncated ? "page not in the core file, which is truncated" : "page not in the core file";
}

struct tm_error *tm_target_stop(struct tm_target *t)
{
	return t->ops && t->ops->stop ? t->ops->stop(t) : NULL;
}

struct tm_error *tm_target_resume(struct tm_target *t)
{
	return t->ops && t->ops->resume ? t->ops->resume(t) : NULL;
}

struct tm_error *tm_target_write(struct tm_target *t, uint64_t addr, const void *data, size_t len)
{
	return t->ops && t->ops->write ? t->ops->write(t, addr, data, len)
				       : tm_error_new(TM_ERR_UNSUPPORTED, "%s: its memory cannot be written", t->name);
}

void tm_target_close(struct tm_target *t)
{
	if (!t)
		return;
	if (t->ops && t->ops->resume)
		tm_error_free(t->ops->resume(t));
	tm_memory_deinit(&t->memory);
	for (size_t i = 0; i < t->regions.n; i++)
		free(t->regions.items[i].path);
	tm_array_free(&t->regions);
	tm_modules_free(t);
	if (t->ops && t->ops->close)
		t->ops->close(t);
	free(t->stopped_by);
	free(t->exe);
	free(t->name);
	free(t);
}
