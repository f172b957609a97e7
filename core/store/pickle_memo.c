/* Numbers to values and blocks. */
#include "pickle_memo.h"

/* Words for N more numbers. */
static bool extend(struct tm_memo *m, size_t n)
{
	size_t have = m->words.n, need = (m->n + n + TM_MEMO_BITS - 1) / TM_MEMO_BITS;
	if (!tm_array_reserve(&m->words, need - have))
		return false;
	for (; have < need; have++)
		m->words.items[have] = (struct tm_memo_word) { .before = m->values.n };
	m->words.n = need;
	return true;
}

bool tm_memo_add_values(struct tm_memo *m, const uint64_t *values, size_t n)
{
	if (!tm_array_reserve(&m->values, n))
		return false;
	while (n) {
		unsigned at = m->n % TM_MEMO_BITS, k = n < TM_MEMO_BITS - at ? (unsigned)n : TM_MEMO_BITS - at;
		if (!extend(m, k))
			return false;
		m->words.items[m->n / TM_MEMO_BITS].has_value |= UINT64_MAX >> (TM_MEMO_BITS - k) << at;
		for (unsigned i = 0; i < k; i++)
			m->values.items[m->values.n++] = *values++;
		m->n += k;
		n -= k;
	}
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

size_t tm_memo_block(const struct tm_memo *m, size_t number)
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

void tm_memo_deinit(struct tm_memo *m)
{
	tm_array_free(&m->words);
	tm_array_free(&m->values);
	tm_array_free(&m->rows);
}
