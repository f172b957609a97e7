/* Python objects: what lies in front of one, and whether an address is one at all. */
#include "find.h"
#include <string.h>

/* A type's flags, when there is a type at ADDR: its own type must be a subclass of type. */
static bool type_flags(struct tm_walk *w, uint64_t addr, uint32_t *flags)
{
	const struct tm_layout *l = w->layout;
	struct tm_memory *m = &w->target->memory;
	uint64_t meta, value;
	uint32_t meta_flags;
	if (!addr || addr % l->word || !tm_memory_word(m, addr + l->object.ob_type, &meta) || !meta || meta % l->word ||
	    !tm_memory_word(m, meta + l->object.tp_flags, &value))
		return false;
	meta_flags = (uint32_t)value;
	if (!(meta_flags & TM_TPFLAG_TYPE_SUBCLASS) || !tm_memory_word(m, addr + l->object.tp_flags, &value))
		return false;
	*flags = (uint32_t)value;
	return *flags & TM_TPFLAG_READY;
}

bool tm_object_at(struct tm_target *t, uint16_t python_minor, uint64_t addr, struct tm_object *ret)
{
	const struct tm_layout *l = tm_layout_for(python_minor, t->memory.word, 0);
	struct tm_walk w;
	uint64_t type, name;
	uint32_t flags;
	if (!l || !addr || addr % l->word)
		return false;
	tm_walk_init(&w, t, l);
	if (!tm_memory_word(&t->memory, addr + l->object.ob_type, &type) || !type_flags(&w, type, &flags))
		return false;
	uint64_t gc = flags & TM_TPFLAG_HAVE_GC ? l->object.gc_head : 0;
	uint64_t pre = flags & l->object.preheader_flags ? l->object.preheader : 0;
	uint64_t python_pre = flags & l->object.python_preheader_flags ? l->object.preheader : 0;
	*ret = (struct tm_object) { .block = addr - gc - pre, .python_misses_it = pre != python_pre };
	struct tm_text text = { 0 };
	if (tm_memory_word(&t->memory, type + l->object.tp_name, &name) &&
	    tm_walk_cstring(&w, name, sizeof ret->type - 1, &text) == TM_SEEN) {
		struct tm_text safe = { 0 };
		tm_text_escape(&safe, tm_text_str(&text), text.len);
		size_t n = safe.len < sizeof ret->type - 1 ? safe.len : sizeof ret->type - 1;
		while (n && n < safe.len && ((unsigned char)safe.s[n] & 0xc0) == 0x80)
			n--; /* not inside a character */
		memcpy(ret->type, tm_text_str(&safe), n);
		tm_text_free(&safe);
	}
	tm_text_free(&text);
	tm_walk_deinit(&w);
	return true;
}
