/* Debug info → layout. Types are looked up by name in every unit; members by path. Everything in it is foreign. */
#include "tm/dwarf_layout.h"
#include <dwarf.h>
#include <string.h>

enum { MOST_UNITS = 1 << 16, MOST_DIES = 1 << 24, MOST_DEPTH = 8 };

/* The types that matter, by the names that they had over time. */
enum kind { TABLE, ENTRY, TRACE, TRACEBACK, FRAME, CONFIG, STATE, RUNTIME, ASCII, COMPACT, OBJECT, TYPE, NTYPES };
static const char *const type_names[NTYPES][3] = {
	[TABLE] = { "_Py_hashtable_t" },
	[ENTRY] = { "_Py_hashtable_entry_t" },
	[TRACE] = { "trace_t" },
	[TRACEBACK] = { "traceback_t", "tracemalloc_traceback" },
	[FRAME] = { "frame_t", "tracemalloc_frame" },
	[CONFIG] = { "_PyTraceMalloc_Config" },
	[STATE] = { "_tracemalloc_runtime_state" },
	[RUNTIME] = { "_PyRuntimeState", "pyruntimestate" },
	[ASCII] = { "PyASCIIObject" },
	[COMPACT] = { "PyCompactUnicodeObject" },
	[OBJECT] = { "PyObject", "_object" },
	[TYPE] = { "PyTypeObject", "_typeobject" },
};

#define AT(field) offsetof(struct tm_layout, field)
static const struct wanted {
	enum kind type;
	const char *member; /* a path; alternatives by '|'; "": the size of the type */
	size_t at;
} wanted[] = {
	{ TABLE, "nentries|entries", AT(table.nentries) },
	{ TABLE, "nbuckets|num_buckets", AT(table.nbuckets) },
	{ TABLE, "buckets", AT(table.buckets) },
	{ TABLE, "key_size", AT(table.key_size) },
	{ TABLE, "data_size", AT(table.data_size) },
	{ TABLE, "get_entry_func|hash_func", AT(table.functions) },
	{ TABLE, "", AT(table.size) },
	{ ENTRY, "_Py_slist_item", AT(entry.next) },
	{ ENTRY, "key_hash", AT(entry.hash) },
	{ ENTRY, "key|", AT(entry.key) }, /* before 3.9 the key followed the struct */
	{ ENTRY, "value", AT(entry.value) },
	{ TRACE, "size", AT(trace.size) },
	{ TRACE, "traceback", AT(trace.traceback) },
	{ TRACE, "", AT(trace.sizeof_) },
	{ TRACEBACK, "hash", AT(traceback.hash) },
	{ TRACEBACK, "nframe", AT(traceback.nframe) },
	{ TRACEBACK, "total_nframe", AT(traceback.total_nframe) },
	{ TRACEBACK, "frames", AT(traceback.frames) },
	{ FRAME, "filename", AT(frame.filename) },
	{ FRAME, "lineno", AT(frame.lineno) },
	{ FRAME, "", AT(frame.sizeof_) },
	{ CONFIG, "initialized", AT(config.initialized) },
	{ CONFIG, "tracing", AT(config.tracing) },
	{ CONFIG, "max_nframe", AT(config.max_nframe) },
	{ CONFIG, "use_domain", AT(config.use_domain) },
	{ CONFIG, "", AT(config.sizeof_) },
	{ STATE, "allocators", AT(runtime.allocators) },
	{ STATE, "tables_lock", AT(runtime.lock) },
	{ STATE, "traced_memory", AT(runtime.traced) },
	{ STATE, "peak_traced_memory", AT(runtime.peak) },
	{ STATE, "filenames", AT(runtime.filenames) },
	{ STATE, "traceback", AT(runtime.scratch) },
	{ STATE, "tracebacks", AT(runtime.tracebacks) },
	{ STATE, "traces", AT(runtime.traces) },
	{ STATE, "domains", AT(runtime.domains) },
	{ STATE, "empty_traceback", AT(runtime.empty) },
	{ STATE, "", AT(runtime.sizeof_) },
	{ ASCII, "length", AT(str.length) },
	{ ASCII, "hash", AT(str.hash) },
	{ ASCII, "state", AT(str.state) },
	{ ASCII, "", AT(str.ascii) },
	{ COMPACT, "", AT(str.compact) },
	{ OBJECT, "ob_type", AT(object.ob_type) },
	{ TYPE, "tp_name", AT(object.tp_name) },
	{ TYPE, "tp_basicsize", AT(object.tp_basicsize) },
	{ TYPE, "tp_itemsize", AT(object.tp_itemsize) },
	{ TYPE, "tp_flags", AT(object.tp_flags) },
};
enum { NWANTED = sizeof wanted / sizeof *wanted };
_Static_assert((int)NWANTED <= (int)TM_DWARF_FACTS, "room for all");

/* Behind typedefs and qualifiers. */
static bool strip(Dwarf_Die *die)
{
	for (int i = 0; i < MOST_DEPTH; i++) {
		int tag = dwarf_tag(die);
		if (tag != DW_TAG_typedef && tag != DW_TAG_const_type && tag != DW_TAG_volatile_type)
			return tag == DW_TAG_structure_type;
		Dwarf_Attribute attr;
		if (!dwarf_attr_integrate(die, DW_AT_type, &attr) || !dwarf_formref_die(&attr, die))
			return false;
	}
	return false;
}

static int type_called(const char *name)
{
	for (int t = 0; name && t < NTYPES; t++)
		for (int i = 0; i < 3 && type_names[t][i]; i++)
			if (strcmp(name, type_names[t][i]) == 0)
				return t;
	return -1;
}

static void look_at(Dwarf_Die *die, Dwarf_Die *types, bool *have)
{
	int tag = dwarf_tag(die);
	if (tag != DW_TAG_structure_type && tag != DW_TAG_typedef)
		return;
	int t = type_called(dwarf_diename(die));
	Dwarf_Die type = *die;
	if (t < 0 || have[t] || !strip(&type) || dwarf_hasattr(&type, DW_AT_declaration) || dwarf_bytesize(&type) <= 0)
		return;
	types[t] = type;
	have[t] = true;
}

/* frame_t also names another type of the interpreter (PyFrameObject's, in some units): tracemalloc's own unit goes first. */
static void look_through(Dwarf *dwarf, const char *unit, Dwarf_Die *types, bool *have)
{
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	uint8_t kind;
	size_t dies = 0;
	for (int i = 0; i < MOST_UNITS && dwarf_get_units(dwarf, cu, &cu, NULL, &kind, &die, NULL) == 0; i++) {
		const char *name = dwarf_diename(&die);
		size_t len = name ? strlen(name) : 0, want = unit ? strlen(unit) : 0;
		Dwarf_Die child;
		if (unit && (len < want || strcmp(name + len - want, unit)))
			continue;
		for (int r = dwarf_child(&die, &child); r == 0 && dies < MOST_DIES; r = dwarf_siblingof(&child, &child), dies++)
			look_at(&child, types, have);
	}
}

/* The offset of the member NAME (LEN bytes of it), also inside anonymous structs and unions. */
static bool member_called(Dwarf_Die *type, const char *name, size_t len, Dwarf_Word *offset, Dwarf_Die *ret, int depth)
{
	Dwarf_Die child;
	if (depth > MOST_DEPTH || dwarf_child(type, &child))
		return false;
	do {
		if (dwarf_tag(&child) != DW_TAG_member)
			continue;
		Dwarf_Attribute attr;
		Dwarf_Word at = 0;
		if (dwarf_attr(&child, DW_AT_data_member_location, &attr))
			dwarf_formudata(&attr, &at);
		const char *have = dwarf_diename(&child);
		if (have && strlen(have) == len && memcmp(have, name, len) == 0) {
			*offset = at;
			*ret = child;
			return true;
		}
		Dwarf_Die inner;
		if (!have && dwarf_attr(&child, DW_AT_type, &attr) && dwarf_formref_die(&attr, &inner) &&
		    member_called(&inner, name, len, offset, ret, depth + 1)) {
			*offset += at;
			return true;
		}
	} while (dwarf_siblingof(&child, &child) == 0);
	return false;
}

static bool value_of(Dwarf_Die *type, const char *member, Dwarf_Word *ret)
{
	const char *p = member;
	do { /* each alternative; an empty one is the size of the type */
		size_t len = strcspn(p, "|");
		Dwarf_Die die;
		if (!len) {
			int size = dwarf_bytesize(type);
			*ret = (Dwarf_Word)size;
			return size > 0;
		}
		if (member_called(type, p, len, ret, &die, 0))
			return true;
		p += len + (p[len] == '|');
	} while (*p || (p > member && p[-1] == '|'));
	return false;
}

bool tm_dwarf_layout_read(Dwarf *dwarf, const struct tm_layout *base, struct tm_dwarf_layout *ret)
{
	static const char *const units[] = { "tracemalloc.c", "hashtable.c", NULL };
	Dwarf_Die types[NTYPES];
	bool have[NTYPES] = { false };
	for (int i = 0; i < 3; i++)
		look_through(dwarf, units[i], types, have);
	*ret = (struct tm_dwarf_layout) { .nfacts = NWANTED, .layout = *base };
	for (size_t i = 0; i < NWANTED; i++) {
		const struct wanted *w = &wanted[i];
		Dwarf_Word v;
		ret->facts[i] = (struct tm_dwarf_fact) { .type = type_names[w->type][0], .member = w->member, .at = w->at };
		if (!have[w->type] || !value_of(&types[w->type], w->member, &v) || v >= TM_NONE)
			continue;
		ret->facts[i].found = true;
		ret->facts[i].value = (uint16_t)v;
		memcpy((char *)&ret->layout + w->at, &ret->facts[i].value, sizeof ret->facts[i].value);
	}
	Dwarf_Word offset;
	Dwarf_Die die;
	ret->has_runtime = have[RUNTIME] && member_called(&types[RUNTIME], "tracemalloc", 11, &offset, &die, 0) && offset <= UINT32_MAX;
	ret->runtime_offset = ret->has_runtime ? (uint32_t)offset : 0;
	return have[TABLE] && (have[TRACE] || have[TRACEBACK] || have[STATE]);
}
