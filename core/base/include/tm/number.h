/* Exact numbers as text, without the locale. Sums of sizes need 128 bits. */
#ifndef TM_NUMBER_H
#define TM_NUMBER_H
#include "tm/text.h"

typedef unsigned __int128 tm_u128;
typedef __int128 tm_i128;

void tm_text_u128(struct tm_text *t, tm_u128 v);
void tm_text_i128(struct tm_text *t, tm_i128 v);
/* num/den, rounded once, to nearest even, as Python's int / int is. */
double tm_divide(tm_u128 num, uint64_t den);
/* A size in bytes as tracemalloc writes it: "512 B", "4.5 KiB"; with a sign on request. */
void tm_text_size(struct tm_text *t, double size, bool sign);
/* 12.3 % and the like: VALUE with one decimal. */
void tm_text_fixed1(struct tm_text *t, double value);
/* Bytes, or with a unit of 1024: "4096", "512K", "10M", "2GiB"; the whole string, and it fits. */
bool tm_parse_size(const char *s, uint64_t *ret);
bool tm_parse_u64(const char *s, uint64_t *ret); /* decimal or 0x hex, the whole string */
#endif
