/* From pieces to traces, when they are wanted: once, whoever asks first. */
#include "pickle_packed.h"
#include <pthread.h>
#include <sys/mman.h>

bool tm_packed_add(struct tm_packed *p, unsigned source, size_t n)
{
	uint32_t *used = &p->sources[source].used;
	if (!p->pieces.n || p->pieces.items[p->pieces.n - 1].source != source)
		if (!tm_array_push(&p->pieces, ((struct tm_packed_piece) { (uint32_t)p->n, source, *used })))
			return false;
	*used += (uint32_t)n;
	p->n += n;
	return true;
}

bool tm_packed_add_whole(struct tm_packed *p, struct tm_trace t)
{
	return tm_array_push(&p->whole, t) && tm_packed_add(p, TM_PACKED_WHOLE, 1);
}

static inline struct tm_trace unpack(const struct tm_packed_source *s, size_t i)
{
	const struct tm_record *r = tm_sums_record(&s->sums, i);
	const struct tm_place *place = &s->places.items[r->sum];
	return (struct tm_trace) { 0, r->size, place->domain, place->traceback };
}

struct tm_trace tm_packed_get(const struct tm_packed *p, size_t i)
{
	size_t low = 0, high = p->pieces.n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (p->pieces.items[middle].first <= i)
			low = middle;
		else
			high = middle;
	}
	const struct tm_packed_piece *piece = &p->pieces.items[low];
	size_t at = piece->at + (i - piece->first);
	return piece->source == TM_PACKED_WHOLE ? p->whole.items[at] : unpack(&p->sources[piece->source], at);
}

static void unpack_all(const struct tm_packed *p, struct tm_trace *t)
{
	enum { LARGE_PAGE = 2 << 20 };
	uintptr_t begin = ((uintptr_t)t + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE, end = (uintptr_t)(t + p->n) / LARGE_PAGE * LARGE_PAGE;
	if (begin < end)
		madvise((void *)begin, end - begin, MADV_HUGEPAGE);
	for (size_t k = 0; k < p->pieces.n; k++) {
		const struct tm_packed_piece *piece = &p->pieces.items[k];
		size_t n = (k + 1 < p->pieces.n ? piece[1].first : p->n) - piece->first;
		for (size_t i = 0; i < n; i++)
			*t++ = piece->source == TM_PACKED_WHOLE ? p->whole.items[piece->at + i]
								: unpack(&p->sources[piece->source], piece->at + i);
	}
}

void tm_packed_deinit(struct tm_packed *p)
{
	for (size_t i = 0; i < TM_PACKED_SOURCES; i++) {
		tm_sums_deinit(&p->sources[i].sums);
		tm_array_free(&p->sources[i].places);
	}
	tm_array_free(&p->pieces);
	tm_array_free(&p->whole);
}

/* ---- in a snapshot ---- */

struct owner {
	pthread_mutex_t lock;
	bool done; /* atomic */
	struct tm_packed packed;
	struct tm_trace *traces; /* theirs, whose the snapshot's arrays are: */
	void (*release)(void *owner);
	void *owner;
};

static struct tm_error *require(void *owner, const struct tm_snapshot *s, unsigned sections)
{
	struct owner *o = owner;
	if (!(sections & TM_SECTION_TRACES) || __atomic_load_n(&o->done, __ATOMIC_ACQUIRE))
		return NULL;
	pthread_mutex_lock(&o->lock);
	if (!o->done) {
		if (o->packed.n)
			unpack_all(&o->packed, o->traces);
		tm_packed_deinit(&o->packed);
		__atomic_store_n(&o->done, true, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void release(void *owner)
{
	struct owner *o = owner;
	tm_packed_deinit(&o->packed);
	o->release(o->owner);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

bool tm_packed_hand_over(struct tm_packed *p, struct tm_snapshot *s, struct tm_trace *traces)
{
	struct owner *o = malloc(sizeof *o);
	if (!o)
		return false;
	*o = (struct owner) { .packed = *p, .traces = traces, .release = s->release, .owner = s->owner };
	pthread_mutex_init(&o->lock, NULL);
	*p = (struct tm_packed) { 0 };
	for (size_t i = 0; i < TM_PACKED_SOURCES; i++)
		tm_sums_close(&o->packed.sources[i].sums);
	s->owner = o;
	s->release = release;
	s->verify = require;
	return true;
}
