/* The same numbers as a row's, out of an interpreter's debug info. */
#ifndef TM_DWARF_LAYOUT_H
#define TM_DWARF_LAYOUT_H
#include <elfutils/libdw.h>
#include "tm/layout.h"

/* What the debug info says about one number of the layout. */
struct tm_dwarf_fact {
	const char *type, *member; /* "_Py_hashtable_t", "nentries"; member "" for the size of the type */
	size_t at;		   /* of the number (uint16_t) in struct tm_layout */
	bool found;
	uint16_t value;
};

enum { TM_DWARF_FACTS = 64 };

struct tm_dwarf_layout {
	struct tm_dwarf_fact facts[TM_DWARF_FACTS];
	size_t nfacts;
	bool has_runtime;	 /* _PyRuntime.tracemalloc exists */
	uint32_t runtime_offset; /* of it in _PyRuntime */
	struct tm_layout layout; /* BASE with every number that was found */
};

/* Reads all units: the dearest source. False when the debug info knows nothing of tracemalloc's tables. */
bool tm_dwarf_layout_read(Dwarf *dwarf, const struct tm_layout *base, struct tm_dwarf_layout *ret);
#endif
