/* Scope guards: they mark a local whose owner is this scope. */
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
#endif
