/* Growable arrays of any type: struct { T *items; size_t n, cap; } */
#ifndef TM_ARRAY_H
#define TM_ARRAY_H
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define TM_ARRAY(T)                                                                                          \
	struct {                                                                                             \
		T *items;                                                                                    \
		size_t n, cap;                                                                               \
	}

static inline bool tm_array_grow(void **items, size_t *cap, size_t need, size_t size)
{
	if (need <= *cap)
		return true;
	size_t cap2 = *cap + *cap / 2 + 8;
	if (cap2 < need)
		cap2 = need;
	if (cap2 > SIZE_MAX / size)
		return false;
	void *p = realloc(*items, cap2 * size);
	if (!p)
		return false;
	*items = p;
	*cap = cap2;
	return true;
}

/* Room for N more; false when memory is short, and then nothing has changed. */
#define tm_array_reserve(a, more)                                                                            \
	tm_array_grow((void **)&(a)->items, &(a)->cap, (a)->n + (more), sizeof *(a)->items)
#define tm_array_push(a, value) (tm_array_reserve(a, 1) ? ((a)->items[(a)->n++] = (value), true) : false)
#define tm_array_free(a) (free((a)->items), (a)->items = NULL, (a)->n = (a)->cap = 0)
#endif
