/*
 * Hardware watchpoints of this machine. Some virtual machines take debug registers as they are given and never stop at what they
 * name: nobody who sets one is told.
 */
#ifndef TM_WATCHPOINTS_H
#define TM_WATCHPOINTS_H
#include <stdbool.h>

/* True: the kernel grants this thread one that counts, and it misses a write that it stood by. Where the kernel grants none: false. */
bool tm_watchpoints_are_dead(void);
#endif
