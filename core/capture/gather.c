/*
 * Summing blocks. The walk waits for memory and summing waits for the walk, so a big table of a core is divided among threads,
 * each with sums of its own, which are then added up.
 */
#include "gather.h"
#include <string.h>
#include <sys/mman.h>

enum {
	LARGE_PAGE = 2 << 20,
	PARALLEL = 200000, /* entries from which on threads pay */
	AHEAD = 32, /* slots between a prefetch and its use */
};

void tm_gather_deinit(struct tm_gather *g)
{
	free(g->slots);
	tm_array_free(&g->traces);
	g->slots = NULL;
}

static size_t slot_of(const struct tm_gather *g, uint64_t traceback, uint32_t domain)
{
	uint64_t x = (traceback ^ (uint64_t)domain << 40) * 0x9e3779b97f4a7c15u;
	return (size_t)(x ^ x >> 29) & (g->nslots - 1);
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

static bool grow(struct tm_gather *g)
{
	struct tm_gather bigger = { .nslots = g->nslots ? g->nslots * 2 : 4096 };
	while (bigger.nslots < g->expected) /* growing while other threads walk stops them, for the kernel's page tables' sake */
		bigger.nslots *= 2;
	bigger.slots = tm_slots_new(bigger.nslots * sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < g->nslots; i++) {
		if (!g->slots[i].count)
			continue;
		size_t k = slot_of(&bigger, g->slots[i].traceback, g->slots[i].domain);
		while (bigger.slots[k].count)
			k = (k + 1) & (bigger.nslots - 1);
		bigger.slots[k] = g->slots[i];
	}
	free(g->slots);
	g->slots = bigger.slots;
	g->nslots = bigger.nslots;
	return true;
}

static struct tm_slot *probe(const struct tm_gather *g, uint64_t traceback, uint32_t domain)
{
	size_t k = slot_of(g, traceback, domain);
	while (g->slots[k].count && (g->slots[k].traceback != traceback || g->slots[k].domain != domain))
		k = (k + 1) & (g->nslots - 1);
	return &g->slots[k];
}

/* The slot of a traceback and domain that was not seen before; NULL: out of memory. */
static struct tm_slot *first_seen(struct tm_gather *g, uint64_t traceback, uint32_t domain)
{
	if ((g->used + 1) * 4 > g->nslots * 3 && !grow(g)) /* three quarters full: fewer slots, more of them in the cache */
		return NULL;
	struct tm_slot *s = probe(g, traceback, domain);
	*s = (struct tm_slot) { .traceback = traceback, .domain = domain };
	if (g->id && !g->id(g->ctx, traceback, &s->id))
		return NULL;
	g->used++;
	return s;
}

static void expect(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	const struct tm_gather *g = ctx;
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&g->slots[slot_of(g, t[i].traceback, t[i].domain)]);
}

static struct tm_error *take(void *ctx, const struct tm_raw_trace *t, size_t n)
{
	struct tm_gather *g = ctx;
	uint64_t sum = g->sum;
	if (g->id && !tm_array_reserve(&g->traces, n))
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct tm_slot *s = probe(g, t[i].traceback, t[i].domain);
		if (__builtin_expect(!s->count, 0) && !(s = first_seen(g, t[i].traceback, t[i].domain)))
			return tm_error_nomem();
		s->count++;
		s->size_high += __builtin_add_overflow(s->size_low, t[i].size, &s->size_low);
		sum += t[i].size;
		if (g->id)
			g->traces.items[g->traces.n++] = (struct tm_trace) { t[i].address, t[i].size, t[i].domain, s->id };
	}
	g->sum = sum;
	g->count += n;
	return NULL;
}

static struct tm_error *walk(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint64_t *next, uint32_t domain,
	struct tm_tally_of_walk *tally)
{
	const struct tm_traces_visitor visitor = { expect, take, g };
	if (!g->nslots && !grow(g))
		return tm_error_nomem();
	return tm_walk_traces(w, table, next, domain, &visitor, tally);
}

/* ---- in parts ---- */

struct part {
	struct tm_gather sums;
	struct tm_walk walk;
	const struct tm_table *table;
	uint64_t *next;
	uint32_t domain;
	struct tm_tally_of_walk tally;
};

static struct tm_error *work(void *ctx)
{
	struct part *p = ctx;
	return walk(&p->sums, &p->walk, p->table, p->next, p->domain, &p->tally);
}

static bool add_up(struct tm_gather *g, const struct tm_gather *part)
{
	for (size_t i = 0; i < part->nslots; i++) {
		const struct tm_slot *from = &part->slots[i];
		if (i + AHEAD < part->nslots && from[AHEAD].count)
			__builtin_prefetch(&g->slots[slot_of(g, from[AHEAD].traceback, from[AHEAD].domain)]);
		if (!from->count)
			continue;
		struct tm_slot *s = probe(g, from->traceback, from->domain);
		if (!s->count && !(s = first_seen(g, from->traceback, from->domain)))
			return false;
		s->count += from->count;
		s->size_high += from->size_high + __builtin_add_overflow(s->size_low, from->size_low, &s->size_low);
	}
	g->sum += part->sum;
	g->count += part->count;
	return true;
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

static struct tm_error *walk_in_parts(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint32_t domain,
	struct tm_tally_of_walk *tally, size_t n)
{
	struct part *parts = calloc(n, sizeof *parts);
	struct tm_job jobs[TM_MOST_THREADS];
	uint64_t next = 0;
	if (!parts)
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		*p = (struct part) { .sums.expected = g->expected, .table = table, .next = &next, .domain = domain };
		tm_walk_init(&p->walk, w->target, w->layout);
		jobs[i] = (struct tm_job) { .work = work, .ctx = p, .poll = &p->walk.poll };
	}
	struct tm_error *err = tm_threads_run(jobs, n);
	if (!err) { /* the first part's sums are the beginning */
		*g = parts[0].sums;
		parts[0].sums = (struct tm_gather) { 0 };
	}
	for (size_t i = 0; i < n; i++) {
		if (!err && i && !add_up(g, &parts[i].sums))
			err = tm_error_nomem();
		tm_tally_of_walk_add(tally, &parts[i].tally);
		tm_gather_deinit(&parts[i].sums);
		tm_walk_deinit(&parts[i].walk);
	}
	free(parts);
	if (!err && tally->walked > table->nentries + 2)
		tally->endless = true;
	return err;
}

struct tm_error *tm_gather_table(struct tm_gather *g, struct tm_walk *w, const struct tm_table *table, uint32_t domain,
	struct tm_tally_of_walk *tally)
{
	size_t n = g->id || g->count || table->nentries < PARALLEL ? 1 : tm_threads_for(w->target);
	return n > 1 ? walk_in_parts(g, w, table, domain, tally, n) : walk(g, w, table, NULL, domain, tally);
}
