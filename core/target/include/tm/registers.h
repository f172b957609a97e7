/*
 * All registers of a thread that this very process traces and that stands still, as the kernel keeps them. For a debugger that knows
 * some of them only: GDB 13 cannot write those that vectors are in where the processor's state is larger than it thinks (AMX).
 */
#ifndef TM_REGISTERS_H
#define TM_REGISTERS_H
#include <stddef.h>
#include <stdint.h>
#include "tm/error.h"

struct tm_registers {
	uint8_t *bytes;
	size_t n; /* general ones first */
};

/* OS: it is not ours, runs, or has ended. UNSUPPORTED: not on this kind of machine. */
struct tm_error *tm_registers_get(int tid, struct tm_registers *ret);
/* What GET returned, all of it: of this thread or another one. */
struct tm_error *tm_registers_set(int tid, const uint8_t *bytes, size_t n);
void tm_registers_free(struct tm_registers *r);
#endif
