/* Where text goes: the only way out of the core. */
#ifndef TM_SINK_H
#define TM_SINK_H
#include <stddef.h>

struct tm_sink {
	void (*write)(void *ctx, const char *text, size_t len); /* text is UTF-8, not NUL-terminated */
	void *ctx;
};
#endif
