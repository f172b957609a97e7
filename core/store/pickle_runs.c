/* Frames, tracebacks and tallies, each of them once. */
#include "pickle_runs.h"
#include <string.h>

/* The next entry of this hash behind AFTER (NULL: from the beginning on), or a free one. */
static struct tm_index_entry *probe(const struct tm_index *x, uint32_t hash, const struct tm_index_entry *after)
{
	size_t k = after ? (size_t)(after - x->slots) + 1 : hash;
	for (k &= x->nslots - 1; x->slots[k].id && x->slots[k].hash != hash;)
		k = (k + 1) & (x->nslots - 1);
	return &x->slots[k];
}

/* Room for one more. */
static bool reserve(struct tm_index *x)
{
	struct tm_index bigger = { .n = x->n, .nslots = x->nslots ? x->nslots * 2 : 1024 };
	if ((x->n + 1) * 2 <= x->nslots)
		return true;
	bigger.slots = calloc(bigger.nslots, sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < x->nslots; i++) {
		size_t k = x->slots[i].hash & (bigger.nslots - 1);
		if (!x->slots[i].id)
			continue;
		while (bigger.slots[k].id)
			k = (k + 1) & (bigger.nslots - 1);
		bigger.slots[k] = x->slots[i];
	}
	free(x->slots);
	*x = bigger;
	return true;
}

static void enter(struct tm_index *x, struct tm_index_entry *e, uint32_t hash, size_t id)
{
	*e = (struct tm_index_entry) { (uint32_t)id + 1, hash };
	x->n++;
}

bool tm_runs_make(struct tm_runs *r, uint32_t n, uint64_t hash64, uint64_t *ret)
{
	uint32_t hash = (uint32_t)(hash64 ^ hash64 >> 32);
	const struct tm_frame *frames = r->b->frames.items + r->b->frames.n - n;
	if (!reserve(&r->by_frames))
		return false;
	struct tm_index_entry *e = probe(&r->by_frames, hash, NULL);
	for (; e->id; e = probe(&r->by_frames, hash, e)) {
		const struct tm_run *have = &r->runs.items[e->id - 1];
		if (have->nframe == n && !memcmp(r->b->frames.items + have->first, frames, n * sizeof *frames)) {
			r->b->frames.n -= n;
			*ret = e->id - 1;
			return true;
		}
	}
	if (!tm_array_push(&r->runs, ((struct tm_run) { .first = r->b->frames.n - n, .nframe = n })))
		return false;
	*ret = r->runs.n - 1;
	enter(&r->by_frames, e, hash, (size_t)*ret);
	return true;
}

static bool new_traceback(struct tm_runs *r, const struct tm_run *run, uint32_t depth, uint32_t *ret)
{
	*ret = (uint32_t)r->b->tracebacks.n;
	return r->b->tracebacks.n < UINT32_MAX - 1 &&
		tm_array_push(&r->b->tracebacks, ((struct tm_traceback) { run->first, run->nframe, depth }));
}

static bool new_tally(struct tm_runs *r, uint32_t traceback, uint32_t domain, uint32_t *ret)
{
	*ret = (uint32_t)r->b->tallies.n;
	return r->b->tallies.n < UINT32_MAX - 1 &&
		tm_array_push(&r->b->tallies, ((struct tm_tally) { .traceback = traceback, .domain = domain }));
}

/* The traceback of RUN at another depth than its first one. */
static bool other_traceback(struct tm_runs *r, const struct tm_run *run, uint32_t depth, uint32_t *ret)
{
	uint64_t h = tm_runs_mix(r, tm_runs_mix(r, r->key[0], run->first), depth);
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	if (!reserve(&r->by_depth))
		return false;
	struct tm_index_entry *e = probe(&r->by_depth, hash, NULL);
	for (; e->id; e = probe(&r->by_depth, hash, e)) {
		const struct tm_traceback *tb = &r->b->tracebacks.items[e->id - 1];
		if (tb->first == run->first && tb->total_nframe == depth) {
			*ret = e->id - 1;
			return true;
		}
	}
	if (!new_traceback(r, run, depth, ret))
		return false;
	enter(&r->by_depth, e, hash, *ret);
	return true;
}

/* Its blocks at another depth or in another domain. */
static bool other_place(struct tm_runs *r, const struct tm_run *run, uint32_t depth, uint32_t domain, struct tm_place *ret)
{
	uint64_t h = tm_runs_mix(r, tm_runs_mix(r, r->key[0], run->first), (uint64_t)depth << 32 | domain);
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	if (!reserve(&r->by_place))
		return false;
	struct tm_index_entry *e = probe(&r->by_place, hash, NULL);
	for (; e->id; e = probe(&r->by_place, hash, e)) {
		const struct tm_tally *t = &r->b->tallies.items[e->id - 1];
		const struct tm_traceback *tb = &r->b->tracebacks.items[t->traceback];
		if (t->domain == domain && tb->first == run->first && tb->total_nframe == depth) {
			*ret = (struct tm_place) { e->id - 1, t->traceback, domain };
			return true;
		}
	}
	*ret = (struct tm_place) { .traceback = run->place.traceback, .domain = domain };
	if ((depth != run->depth && !other_traceback(r, run, depth, &ret->traceback)) ||
	    !new_tally(r, ret->traceback, domain, &ret->tally))
		return false;
	enter(&r->by_place, e, hash, ret->tally);
	return true;
}

bool tm_runs_place(struct tm_runs *r, uint64_t number, uint32_t depth, uint32_t domain, struct tm_place *ret)
{
	struct tm_run *run = &r->runs.items[number];
	if (!run->used) {
		struct tm_place *p = &run->place;
		if (!new_traceback(r, run, depth, &p->traceback) || !new_tally(r, p->traceback, domain, &p->tally))
			return false;
		run->used = true;
		run->depth = depth;
		p->domain = domain;
	}
	*ret = run->place;
	return (depth == run->depth && domain == run->place.domain) || other_place(r, run, depth, domain, ret);
}

/* They stand in the order of their frames. */
uint64_t tm_runs_at(const struct tm_runs *r, uint64_t first)
{
	size_t low = 0, high = r->runs.n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (r->runs.items[middle].first <= first)
			low = middle;
		else
			high = middle;
	}
	return low;
}

void tm_runs_deinit(struct tm_runs *r)
{
	tm_array_free(&r->runs);
	free(r->by_frames.slots);
	free(r->by_depth.slots);
	free(r->by_place.slots);
}
