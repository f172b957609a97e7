/*
 * Summing blocks. The walk waits for memory and summing waits for the walk, so a big table of a core is divided among threads,
 * each with sums of its own, which are added up when all of them are in order.
 */
#include "gather.h"
#include <string.h>
#include <sys/mman.h>

enum {
	LARGE_PAGE = 2 << 20,
	PARALLEL = 200000, /* entries from which on threads pay */
};

static void sums_free(struct tm_sums *s)
{
	free(s->slots);
	tm_array_free(&s->order);
	*s = (struct tm_sums) { 0 };
}

void tm_gather_free_sums(struct tm_gather *g)
{
	for (size_t i = 0; i < TM_MOST_THREADS; i++)
		sums_free(&g->sums[i]);
}

void tm_gather_deinit(struct tm_gather *g)
{
	tm_gather_free_sums(g);
	tm_array_free(&g->traces);
}

static size_t slot_of(const struct tm_sums *s, uint64_t traceback, uint32_t domain)
{
	uint64_t x = (traceback ^ (uint64_t)domain << 40) * 0x9e3779b97f4a7c15u;
	return (size_t)(x ^ x >> 29) & (s->nslots - 1);
}

/* Hit at random, so in few large pages; written at once, because a page that is read first faults twice. */
void *tm_slots_new(size_t size)
{
	void *slots = aligned_alloc(size < LARGE_PAGE ? TM_PAGE : LARGE_PAGE, size);
	if (!slots)
		return NULL;
	if (size >= LARGE_PAGE)
		madvise(slots, size, MADV_HUGEPAGE);
	return memset(slots, 0, size);
}

static bool grow(struct tm_sums *s, size_t expected)
{
	struct tm_sums bigger = { .nslots = s->nslots ? s->nslots * 2 : 4096 };
	while (bigger.nslots < expected) /* growing while other threads walk stops them, for the kernel's page tables' sake */
		bigger.nslots *= 2;
	bigger.slots = bigger.nslots <= UINT32_MAX ? tm_slots_new(bigger.nslots * sizeof *bigger.slots) : NULL;
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < s->nslots; i++) {
		if (!s->slots[i].count)
			continue;
		size_t k = slot_of(&bigger, s->slots[i].traceback, s->slots[i].domain);
		while (bigger.slots[k].count)
			k = (k + 1) & (bigger.nslots - 1);
		bigger.slots[k] = s->slots[i];
	}
	free(s->slots);
	s->slots = bigger.slots;
	s->nslots = bigger.nslots;
	return true;
}

static struct tm_slot *probe(const struct tm_sums *s, uint64_t traceback, uint32_t domain)
{
	size_t k = slot_of(s, traceback, domain);
	while (s->slots[k].count && (s->slots[k].traceback != traceback || s->slots[k].domain != domain))
		k = (k + 1) & (s->nslots - 1);
	return &s->slots[k];
}

/* The slot of a traceback and domain that was not seen before; NULL: out of memory. */
static struct tm_slot *first_seen(struct tm_sums *s, uint64_t traceback, uint32_t domain)
{
	if ((s->used + 1) * 4 > s->nslots * 3 && !grow(s, 0)) /* three quarters full: fewer slots, more of them in the cache */
		return NULL;
	struct tm_slot *slot = probe(s, traceback, domain);
	*slot = (struct tm_slot) { .traceback = traceback, .domain = domain, .number = (uint32_t)s->used++ };
	return slot;
}

/* One thread's share of a table. */
struct part {
	struct tm_sums *sums;
	struct tm_gather *singly; /* where blocks are kept one by one; else NULL */
	uint64_t sum, count, most;
	struct tm_walk walk;
	const struct tm_table *table;
	uint64_t *next;
	uint32_t domain;
	size_t expected;
	struct tm_tally_of_walk tally;
};

static void expect(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	const struct tm_sums *s = ((const struct part *)ctx)->sums;
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&s->slots[slot_of(s, t[i].traceback, t[i].domain)]);
}

static struct tm_error *take(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	struct part *p = ctx;
	struct tm_sums *s = p->sums;
	struct tm_gather *g = p->singly;
	uint64_t sum = p->sum;
	if (g && !tm_array_reserve(&g->traces, n))
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		if (__builtin_expect(t[i].size > p->most, 0)) {
			p->count--; /* what was found is less than what is counted, then */
			continue;
		}
		struct tm_slot *slot = probe(s, t[i].traceback, t[i].domain);
		if (__builtin_expect(!slot->count, 0) && !(slot = first_seen(s, t[i].traceback, t[i].domain)))
			return tm_error_nomem();
		slot->count++;
		slot->size_high += __builtin_add_overflow(slot->size_low, t[i].size, &slot->size_low);
		sum += t[i].size;
		if (g)
			g->traces.items[g->traces.n++] = (struct tm_trace) { t[i].address, t[i].size, t[i].domain, slot->number };
	}
	p->sum = sum;
	p->count += n;
	return NULL;
}

static struct tm_error *work(void *ctx)
{
	struct part *p = ctx;
	const struct tm_traces_visitor visitor = { expect, take, p };
	if (!p->sums->nslots && !grow(p->sums, p->expected))
		return tm_error_nomem();
	return tm_walk_traces(&p->walk, p->table, p->next, p->domain, &visitor, &p->tally);
}

void tm_tally_of_walk_add(struct tm_tally_of_walk *to, const struct tm_tally_of_walk *t)
{
	to->walked += t->walked;
	to->misplaced += t->misplaced;
	to->bad_hash += t->bad_hash;
	to->bad += t->bad;
	to->missing += t->missing;
	to->missing_buckets += t->missing_buckets;
	to->missing_at = t->missing_at ? t->missing_at : to->missing_at;
	to->bad_at = t->bad_at ? t->bad_at : to->bad_at;
	to->endless |= t->endless;
}

struct tm_error *tm_gather_table(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint32_t domain,
	struct tm_tally_of_walk *tally)
{
	size_t n = g->singly || table->nentries < PARALLEL ? 1 : tm_threads_for(w->target);
	struct part *parts = calloc(n, sizeof *parts);
	struct tm_job jobs[TM_MOST_THREADS];
	uint64_t next = 0;
	if (!parts)
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		*p = (struct part) { .sums = &g->sums[i], .singly = g->singly ? g : NULL, .table = table, .next = &next, .domain = domain,
			.expected = g->expected, .most = g->most ? g->most : UINT64_MAX };
		tm_walk_init(&p->walk, w->target, w->layout);
		p->walk.poll = w->poll;
		jobs[i] = (struct tm_job) { .work = work, .ctx = p, .poll = &p->walk.poll };
	}
	struct tm_error *err = tm_threads_run(jobs, n);
	for (size_t i = 0; i < n; i++) {
		g->sum += parts[i].sum;
		g->count += parts[i].count;
		tm_tally_of_walk_add(tally, &parts[i].tally);
		tm_walk_deinit(&parts[i].walk);
	}
	free(parts);
	tally->endless |= tally->walked > table->nentries + 2;
	return err;
}

/* ---- in order ---- */

static struct tm_error *put_in_order(void *ctx)
{
	struct tm_sums *s = ctx;
	if (!tm_array_reserve(&s->order, s->used))
		return tm_error_nomem();
	for (size_t i = 0; i < s->nslots; i++)
		if (s->slots[i].count)
			s->order.items[s->order.n++] = (struct tm_mark) { s->slots[i].traceback, s->slots[i].domain, (uint32_t)i };
	return tm_marks_sort(&s->order) ? NULL : tm_error_nomem();
}

struct tm_error *tm_gather_order(struct tm_gather *g, const struct tm_poll *poll)
{
	struct tm_job jobs[TM_MOST_THREADS];
	struct tm_poll polls[TM_MOST_THREADS] = { *poll };
	size_t n = 0;
	for (size_t i = 0; i < TM_MOST_THREADS; i++)
		if (g->sums[i].used || !i) {
			jobs[n] = (struct tm_job) { .work = put_in_order, .ctx = &g->sums[i], .poll = &polls[n] };
			n++;
		}
	return tm_threads_run(jobs, n);
}
