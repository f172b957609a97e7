/* Numbers out of foreign bytes: any alignment, width and byte order. */
#ifndef TM_BYTES_H
#define TM_BYTES_H
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define TM_HOST_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

static inline uint16_t tm_load16(const void *p, bool big)
{
	uint16_t v;
	memcpy(&v, p, sizeof v);
	return big == TM_HOST_BIG ? v : __builtin_bswap16(v);
}
static inline uint32_t tm_load32(const void *p, bool big)
{
	uint32_t v;
	memcpy(&v, p, sizeof v);
	return big == TM_HOST_BIG ? v : __builtin_bswap32(v);
}
static inline uint64_t tm_load64(const void *p, bool big)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	return big == TM_HOST_BIG ? v : __builtin_bswap64(v);
}
/* A pointer or size_t of a target whose words have WORD (4 or 8) bytes. */
static inline uint64_t tm_load_word(const void *p, unsigned word, bool big)
{
	return word == 8 ? tm_load64(p, big) : tm_load32(p, big);
}
#endif
