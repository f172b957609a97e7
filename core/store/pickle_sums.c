/* Counting blocks. What is looked at lies anywhere in memory: all of a batch is asked for before the first of it is needed. */
#include "pickle_sums.h"
#include <sys/mman.h>

enum { FEWEST = 4096 };

static bool more_slots(struct tm_sums *s)
{
	size_t n = s->nslots ? s->nslots * 2 : FEWEST;
	uint32_t *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	for (size_t i = 0; i < s->sums.n; i++) {
		size_t k = tm_block_hash(&s->form, s->sums.items[i].key) & (n - 1);
		while (slots[k])
			k = (k + 1) & (n - 1);
		slots[k] = (uint32_t)i + 1;
	}
	free(s->slots);
	s->slots = slots;
	s->nslots = n;
	return true;
}

/* Room for one more batch of records. */
static bool more_records(struct tm_sums *s)
{
	const size_t size = TM_RECORDS * sizeof(struct tm_record);
	if (s->nrecords + TM_BLOCKS <= s->chunks.n * TM_RECORDS)
		return true;
	struct tm_record *chunk = aligned_alloc(size, size);
	if (!chunk)
		return false;
	if (s->chunks.n) /* small files need little */
		madvise(chunk, size, MADV_HUGEPAGE);
	if (tm_array_push(&s->chunks, chunk))
		return true;
	free(chunk);
	return false;
}

static inline uint32_t sum_of(struct tm_sums *s, const struct tm_block *b)
{
	size_t k = b->hash & (s->nslots - 1);
	for (; s->slots[k]; k = (k + 1) & (s->nslots - 1))
		if (s->sums.items[s->slots[k] - 1].key == b->key)
			return s->slots[k] - 1;
	s->sums.items[s->sums.n++] = (struct tm_sum) { .key = b->key };
	s->slots[k] = (uint32_t)s->sums.n;
	return s->slots[k] - 1;
}

bool tm_sums_add(struct tm_sums *s, const struct tm_block *blocks, size_t n)
{
	if (!tm_array_reserve(&s->sums, n) || !more_records(s))
		return false;
	while ((s->sums.n + n) * 2 > s->nslots)
		if (!more_slots(s))
			return false;
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&s->slots[blocks[i].hash & (s->nslots - 1)]);
	for (size_t i = 0; i < n; i++) {
		uint32_t first = s->slots[blocks[i].hash & (s->nslots - 1)];
		__builtin_prefetch(&s->sums.items[first ? first - 1 : 0], 1);
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t k = sum_of(s, &blocks[i]);
		s->sums.items[k].count++;
		s->sums.items[k].size += blocks[i].size;
		*tm_sums_record(s, s->nrecords++) = (struct tm_record) { k, blocks[i].size };
	}
	return true;
}

void tm_sums_close(struct tm_sums *s)
{
	free(s->slots);
	tm_array_free(&s->sums);
	s->slots = NULL;
	s->nslots = 0;
}

void tm_sums_deinit(struct tm_sums *s)
{
	tm_sums_close(s);
	for (size_t i = 0; i < s->chunks.n; i++)
		free(s->chunks.items[i]);
	tm_array_free(&s->chunks);
}
