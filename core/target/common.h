/* Shared between the kinds of target; not for other rooms. */
#ifndef TM_TARGET_COMMON_H
#define TM_TARGET_COMMON_H
#include "tm/target.h"

struct tm_error *tm_target_new(enum tm_kind kind, const char *name, unsigned word, bool big,
	const struct tm_search *search, struct tm_poll poll, struct tm_target **ret);
void tm_regions_sort(struct tm_target *t);
struct tm_error *tm_modules_find(struct tm_target *t);
void tm_modules_free(struct tm_target *t);
#endif
