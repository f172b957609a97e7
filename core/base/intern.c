/* Interning of byte strings. */
#include "tm/intern.h"
#include <string.h>
#include <sys/random.h>

static uint64_t fold(uint64_t v)
{
	unsigned __int128 m = (unsigned __int128)v * 0x9e3779b97f4a7c15u;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t hash(const struct tm_intern *in, const char *s, size_t len)
{
	uint64_t h = fold(in->key ^ len), v = 0;
	for (; len >= 8; s += 8, len -= 8) {
		memcpy(&v, s, 8);
		h = fold(h ^ v);
	}
	v = 0;
	memcpy(&v, s, len);
	return fold(h ^ v);
}

static bool rehash(struct tm_intern *in)
{
	size_t n = in->nslots ? in->nslots * 2 : 64;
	if (!in->nslots && getrandom(&in->key, sizeof in->key, GRND_NONBLOCK) < 0)
		in->key = (uintptr_t)in; /* only while the system boots */
	uint32_t *slots = calloc(n, sizeof *slots);
	if (!slots)
		return false;
	for (size_t id = 0; id < in->n; id++) {
		const struct tm_text_at *s = &in->strings[id];
		size_t i = hash(in, in->text.items + s->offset, s->len) & (n - 1);
		while (slots[i])
			i = (i + 1) & (n - 1);
		slots[i] = (uint32_t)id + 1;
	}
	free(in->slots);
	in->slots = slots;
	in->nslots = n;
	return true;
}

uint32_t tm_intern(struct tm_intern *in, const char *s, size_t len)
{
	if (in->n * 2 >= in->nslots && !rehash(in))
		return UINT32_MAX;
	size_t i = hash(in, s, len) & (in->nslots - 1);
	for (; in->slots[i]; i = (i + 1) & (in->nslots - 1)) {
		const struct tm_text_at *have = &in->strings[in->slots[i] - 1];
		if (have->len == len && memcmp(in->text.items + have->offset, s, len) == 0)
			return in->slots[i] - 1;
	}
	if (in->n >= UINT32_MAX - 1 || len > SIZE_MAX / 4 || !tm_array_reserve(&in->text, len + 1) ||
	    !tm_array_grow((void **)&in->strings, &in->cap, in->n + 1, sizeof *in->strings))
		return UINT32_MAX;
	in->strings[in->n] = (struct tm_text_at) { in->text.n, len };
	memcpy(in->text.items + in->text.n, s, len);
	in->text.items[in->text.n + len] = 0;
	in->text.n += len + 1;
	in->slots[i] = (uint32_t)++in->n;
	return (uint32_t)in->n - 1;
}

void tm_intern_free(struct tm_intern *in)
{
	free(in->strings);
	free(in->slots);
	tm_array_free(&in->text);
	*in = (struct tm_intern) { 0 };
}
