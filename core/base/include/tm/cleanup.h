/* Scope guards: `tm_auto(text)` declares nothing by itself, it marks a local whose owner is this scope. */
#ifndef TM_CLEANUP_H
#define TM_CLEANUP_H
#include <stdlib.h>
#include <unistd.h>

static inline void tm_cleanup_free(void *p)
{
	free(*(void **)p);
}
static inline void tm_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}
#define tm_autofree  __attribute__((cleanup(tm_cleanup_free)))
#define tm_autoclose __attribute__((cleanup(tm_cleanup_close)))
/* Hands a guarded pointer on: the guard then frees nothing. */
#define tm_take(p)                                                                                           \
	({                                                                                                   \
		__auto_type tm_taken_ = (p);                                                                 \
		(p) = NULL;                                                                                  \
		tm_taken_;                                                                                   \
	})
#endif
