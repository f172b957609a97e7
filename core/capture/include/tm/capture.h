/*
 * From a target to a snapshot: candidates → walk → evidence → snapshot. The only room that sees both sides.
 */
#ifndef TM_CAPTURE_H
#define TM_CAPTURE_H
#include "tm/snapshot.h"
#include "tm/target.h"

struct tm_capture_options {
	bool traces;   /* keep the single blocks, 24 bytes each; else only what statistics need */
	bool no_stop;  /* read a live process while it runs, and say so */
	bool verify;   /* also look into debug info and scan, and compare with what led to the tables */
};

/*
 * The snapshot is complete, or its notes say what is missing, torn or damaged. A process that does not trace gives a snapshot
 * too: about.tracing is false. NOTPYTHON; UNSUPPORTED: Python, but nothing led to its tables (the message says what was
 * tried); INTERRUPTED.
 */
struct tm_error *tm_capture(struct tm_target *t, const struct tm_capture_options *o, struct tm_snapshot **ret);

/* A Python object at an address: where its block begins and what it is. */
struct tm_object {
	uint64_t block;	       /* address - what lies in front of the object */
	char type[128];	       /* tp_name, or "" where it is not in the memory at hand */
	bool python_misses_it; /* this version's get_object_traceback() looks at a wrong address (3.11) */
};
/* False when there is no object that looks like one. The layout is the one of the snapshot's Python. */
bool tm_object_at(struct tm_target *t, uint16_t python_minor, uint64_t addr, struct tm_object *ret);
#endif
