/* Sorting by digits: the time hardly depends on the addresses, so hostile ones do no harm. */
#include "marks.h"
#include <stdlib.h>

enum { DIGIT = 8, VALUES = 1 << DIGIT }; /* so many places are written to in turns: more do not fit into the cache */

/* By the bits from SHIFT on of 96: minor, then address. */
static inline unsigned digit(const struct tm_mark *m, unsigned shift)
{
	return (unsigned)(shift < 32 ? m->minor >> shift : m->addr >> (shift - 32)) & (VALUES - 1);
}

static void by_digit(const struct tm_mark *from, struct tm_mark *to, size_t n, unsigned shift)
{
	size_t at[VALUES] = { 0 }, sum = 0;
	for (size_t i = 0; i < n; i++)
		at[digit(&from[i], shift)]++;
	for (size_t v = 0; v < VALUES; v++) {
		size_t count = at[v];
		at[v] = sum;
		sum += count;
	}
	for (size_t i = 0; i < n; i++)
		to[at[digit(&from[i], shift)]++] = from[i];
}

bool tm_marks_sort(struct tm_marks *m)
{
	struct tm_mark differ = { 0 };
	for (size_t i = 1; i < m->n; i++) {
		differ.addr |= m->items[i].addr ^ m->items[0].addr;
		differ.minor |= m->items[i].minor ^ m->items[0].minor;
	}
	if (!differ.addr && !differ.minor)
		return true;
	struct tm_mark *other = malloc(m->n * sizeof *other), *first = m->items;
	if (!other)
		return false;
	for (unsigned shift = 0; shift < 96; shift += DIGIT) {
		struct tm_mark *from = m->items;
		if (!digit(&differ, shift))
			continue;
		by_digit(from, other, m->n, shift);
		m->items = other;
		other = from;
	}
	if (m->items != first)
		m->cap = m->n;
	free(other);
	return true;
}

static bool before(const struct tm_mark *a, const struct tm_mark *b)
{
	return a->addr != b->addr ? a->addr < b->addr : a->minor < b->minor;
}

const struct tm_mark *tm_merge_next(struct tm_merge *m, size_t *which)
{
	const struct tm_mark *least = NULL;
	for (size_t i = 0; i < m->n; i++) {
		const struct tm_mark *head = m->at[i] < m->marks[i]->n ? &m->marks[i]->items[m->at[i]] : NULL;
		if (head && (!least || before(head, least))) {
			least = head;
			*which = i;
		}
	}
	if (least)
		m->at[*which]++;
	return least;
}
