/* Debuggers, started with our plugin in them. */
#ifndef TM_LAUNCH_H
#define TM_LAUNCH_H
#include "tm/error.h"

/* Becomes the debugger NAME ("gdb"); OPERANDS are a PID, a core, a program and its core, or nothing. Returns only on failure. */
struct tm_error *tm_launch(void *ctx, const char *name, unsigned n, const char *const *operands);
#endif
