/* Byte strings → small numbers, in order of first appearance. */
#ifndef TM_INTERN_H
#define TM_INTERN_H
#include <stddef.h>
#include <stdint.h>
#include "tm/array.h"

struct tm_intern {
	struct tm_text_at {
		uint64_t offset;
		uint64_t len;
	} *strings;
	size_t n, cap;
	TM_ARRAY(char) text; /* all strings, one after the other, each with a NUL behind */
	uint32_t *slots;     /* open addressing, id + 1, a power of two */
	size_t nslots;
	uint64_t key; /* of the hash, by chance: foreign strings cannot be chosen so that they collide */
};

/* The number of these bytes, or UINT32_MAX when memory is short. */
uint32_t tm_intern(struct tm_intern *in, const char *s, size_t len);
void tm_intern_free(struct tm_intern *in);
#endif
