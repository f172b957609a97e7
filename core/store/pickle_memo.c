/* Numbers to values and blocks. */
#include "pickle_memo.h"

enum { BITS = 64 };

/* Words for N more numbers. */
static bool extend(struct tm_memo *m, size_t n)
{
	size_t have = m->words.n, need = (m->n + n + BITS - 1) / BITS;
	if (!tm_array_reserve(&m->words, need - have))
		return false;
	for (; have < need; have++)
		m->words.items[have] = (struct tm_memo_word) { .before = m->values.n };
	m->words.n = need;
	return true;
}

bool tm_memo_add_value(struct tm_memo *m, uint64_t value)
{
	if (!extend(m, 1) || !tm_array_push(&m->values, value))
		return false;
	m->words.items[m->n / BITS].has_value |= 1ull << m->n % BITS;
	m->n++;
	return true;
}

bool tm_memo_add_blocks(struct tm_memo *m, size_t block, size_t n)
{
	size_t added = block - m->n;
	if (!m->rows.n || m->rows.items[m->rows.n - 1].added != added)
		if (!tm_array_push(&m->rows, ((struct tm_memo_row) { m->n, added })))
			return false;
	if (!extend(m, n))
		return false;
	m->n += n;
	return true;
}

static size_t block_of(const struct tm_memo *m, size_t number)
{
	size_t low = 0, high = m->rows.n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (m->rows.items[middle].number <= number)
			low = middle;
		else
			high = middle;
	}
	return number + m->rows.items[low].added;
}

bool tm_memo_get(const struct tm_memo *m, size_t number, uint64_t *ret)
{
	const struct tm_memo_word *w = &m->words.items[number / BITS];
	uint64_t bit = 1ull << number % BITS;
	if (w->has_value & bit)
		*ret = m->values.items[w->before + (size_t)__builtin_popcountll(w->has_value & (bit - 1))];
	else
		*ret = block_of(m, number);
	return w->has_value & bit;
}

void tm_memo_deinit(struct tm_memo *m)
{
	tm_array_free(&m->words);
	tm_array_free(&m->values);
	tm_array_free(&m->rows);
}
