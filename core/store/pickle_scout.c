/* Looking ahead. A file is claimed in small stretches: so nobody waits long for another one. */
#include "pickle_scout.h"
#include <time.h>

enum { STRETCH = 1 << 18, RING = sizeof((struct tm_scouts *)0)->ring / sizeof(struct tm_stretch), WAIT_NS = 20000 };

static const uint8_t *limit_of(const struct tm_scouts *s, size_t i)
{
	return i + 1 < s->n ? s->begin + (i + 1) * STRETCH : s->form.end;
}

/* Counts the blocks in a row from P on; returns where they end. NULL: memory is short. */
static const uint8_t *count_row(const struct tm_block_form *f, const uint8_t *p, const uint8_t *limit, struct tm_sums *sums)
{
	struct tm_block blocks[TM_BLOCKS];
	size_t n;
	do {
		n = tm_blocks_take(f, p, limit, TM_BLOCK_NO_NUMBER, blocks, TM_BLOCKS, &p);
		if (n && !tm_sums_add(sums, blocks, n))
			return NULL;
	} while (n == TM_BLOCKS);
	return p;
}

static bool find_rows(const struct tm_scouts *s, size_t i, struct tm_stretch *st, struct tm_sums *sums)
{
	const uint8_t *begin = s->begin + i * STRETCH, *p = begin, *limit = limit_of(s, i), *end;
	const size_t before = sums->sums.n;
	struct tm_block_new new;
	while ((p = tm_block_search(&s->form, p, limit)) < limit) {
		size_t nblocks = sums->nrecords, nkeys = sums->sums.n;
		if (!(end = count_row(&s->form, p, limit, sums)))
			return false;
		nblocks = sums->nrecords - nblocks;
		nkeys = sums->sums.n - nkeys;
		if (nblocks && !tm_array_push(&st->rows, ((struct tm_found_row) { (uint32_t)(p - begin), (uint32_t)(end - p),
								 (uint32_t)nblocks, (uint32_t)nkeys })))
			return false;
		if (!nblocks && !(end = tm_block_take_new(&s->form, p, &new)))
			end = p + 1;
		p = end;
	}
	if (!tm_array_reserve(&st->keys, sums->sums.n - before))
		return false;
	for (size_t k = before; k < sums->sums.n; k++)
		st->keys.items[st->keys.n++] = sums->sums.items[k].key;
	return true;
}

/* One more stretch; false: there is none now. */
static bool look(struct tm_scouts *s, unsigned who)
{
	size_t i = __atomic_load_n(&s->claimed, __ATOMIC_RELAXED);
	do {
		if (i == s->n || i >= __atomic_load_n(&s->current, __ATOMIC_ACQUIRE) + RING)
			return false;
	} while (!__atomic_compare_exchange_n(&s->claimed, &i, i + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
	struct tm_stretch *st = &s->ring[i % RING];
	st->rows.n = st->keys.n = st->next_row = st->next_key = 0;
	st->scout = who;
	struct tm_sums own = s->sources[who].sums; /* what is written often must not lie beside another thread's */
	st->failed = !find_rows(s, i, st, &own);
	s->sources[who].sums = own;
	__atomic_store_n(&st->made, i + 1, __ATOMIC_RELEASE);
	return true;
}

static void wait_a_little(void)
{
	nanosleep(&(struct timespec) { .tv_nsec = WAIT_NS }, NULL);
}

void tm_scouts_run(struct tm_scouts *s, unsigned who)
{
	while (!__atomic_load_n(&s->over, __ATOMIC_RELAXED) && __atomic_load_n(&s->claimed, __ATOMIC_RELAXED) < s->n)
		if (!look(s, who))
			wait_a_little();
}

struct tm_error *tm_scouts_next(struct tm_scouts *s, struct tm_row *ret)
{
	size_t i = s->current;
	*ret = (struct tm_row) { .begin = s->form.end };
	if (i == s->n)
		return NULL;
	struct tm_stretch *st = &s->ring[i % RING];
	while (__atomic_load_n(&st->made, __ATOMIC_ACQUIRE) != i + 1)
		if (!look(s, 0))
			wait_a_little();
	if (st->failed)
		return tm_error_nomem();
	if (st->next_row == st->rows.n) {
		ret->begin = limit_of(s, i);
		__atomic_store_n(&s->current, i + 1, __ATOMIC_RELEASE);
		return NULL;
	}
	const struct tm_found_row *row = &st->rows.items[st->next_row++];
	ret->begin = s->begin + i * STRETCH + row->begin;
	ret->end = ret->begin + row->bytes;
	ret->keys = st->keys.items + st->next_key;
	ret->nblocks = row->nblocks;
	ret->nkeys = row->nkeys;
	ret->scout = st->scout;
	st->next_key += row->nkeys;
	return NULL;
}

void tm_scouts_end(struct tm_scouts *s)
{
	__atomic_store_n(&s->over, true, __ATOMIC_RELAXED);
}

void tm_scouts_init(struct tm_scouts *s, const struct tm_block_form *form, const uint8_t *begin, struct tm_packed_source *sources)
{
	*s = (struct tm_scouts) { .form = *form, .begin = begin, .sources = sources,
		.n = ((size_t)(form->end - begin) + STRETCH - 1) / STRETCH };
}

void tm_scouts_deinit(struct tm_scouts *s)
{
	for (size_t i = 0; i < RING; i++) {
		tm_array_free(&s->ring[i].rows);
		tm_array_free(&s->ring[i].keys);
	}
}
