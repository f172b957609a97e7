/* Hash tables: loading one, and what a pointer hashes to. */
#include "tm/walk.h"
#include "tm/bytes.h"
#include <string.h>

enum { LEAST_BUCKETS = 16 }; /* HASHTABLE_MIN_SIZE */
static const uint64_t MOST_BUCKETS = 1ull << 40;

void tm_walk_init(struct tm_walk *w, struct tm_target *t, const struct tm_layout *l)
{
	*w = (struct tm_walk) { .target = t, .layout = l, .poll = t->poll };
}

void tm_walk_deinit(struct tm_walk *w)
{
	free(w->scratch);
	w->scratch = NULL;
}

enum tm_seen tm_walk_why(struct tm_walk *w, uint64_t addr)
{
	return tm_target_presence(w->target, addr) == TM_UNMAPPED ? TM_SEEN_BAD : TM_SEEN_MISSING;
}

/* A foreign length must lie in mapped memory from end to end before anything loops over it. */
static bool mapped(struct tm_target *t, uint64_t addr, uint64_t len)
{
	uint64_t end = addr + len;
	const struct tm_region *r = tm_target_region(t, addr);
	if (!t->regions.n)
		return tm_target_presence(t, addr) == TM_PRESENT && tm_target_presence(t, end - 1) == TM_PRESENT;
	for (; r && r->end < end; r = r->end == r[1].start ? r + 1 : NULL)
		if (r == &t->regions.items[t->regions.n - 1])
			return false;
	return r != NULL;
}

struct tm_error *tm_table_header(struct tm_walk *w, uint64_t addr, struct tm_table *ret)
{
	const struct tm_layout *l = w->layout;
	struct tm_memory *m = &w->target->memory;
	uint8_t b[10 * 8];
	size_t n = tm_memory_read(m, addr, b, l->table.size);
	if (n != l->table.size)
		return tm_walk_why(w, addr + n) == TM_SEEN_MISSING
			? tm_error_fault(addr + n, "%s", tm_target_why(w->target, addr + n))
			: tm_error_new(TM_ERR_CORRUPT, "no table at 0x%llx: no such memory", (unsigned long long)addr);
	struct tm_table t = { .addr = addr, .nentries = tm_load_word(b + l->table.nentries, l->word, m->big),
		.nbuckets = tm_load_word(b + l->table.nbuckets, l->word, m->big),
		.buckets = tm_load_word(b + l->table.buckets, l->word, m->big) };
	if (l->table.key_size != TM_NONE) {
		t.key_size = tm_load_word(b + l->table.key_size, l->word, m->big);
		t.data_size = tm_load_word(b + l->table.data_size, l->word, m->big);
	}
	bool inline_ok = l->table.key_size == TM_NONE || ((t.key_size == l->word || t.key_size == l->word + 4u) &&
		(t.data_size == 0 || t.data_size == l->trace.sizeof_));
	/* The table grows when it is more than half full; it compares in floats, so very large ones overshoot a little. */
	uint64_t most = t.nbuckets / 2 + t.nbuckets / 65536 + 1;
	if (t.nbuckets < LEAST_BUCKETS || t.nbuckets > MOST_BUCKETS || (t.nbuckets & (t.nbuckets - 1)) ||
	    t.nentries > most || !t.buckets || !inline_ok)
		return tm_error_new(TM_ERR_CORRUPT, "no table at 0x%llx: %llu entries in %llu buckets cannot be",
			(unsigned long long)addr, (unsigned long long)t.nentries, (unsigned long long)t.nbuckets);
	t.gone = t.buckets + (t.nbuckets * l->word - 1) < t.buckets || !mapped(w->target, t.buckets, t.nbuckets * l->word);
	/* Nothing else bounds these; an array that was freed may have been larger than what is left, but not by so much. */
	uint64_t words = tm_memory_size(m) / l->word;
	if (t.gone && (t.nentries > words / 2 || t.nbuckets / 64 > words))
		return tm_error_new(TM_ERR_CORRUPT, "no table at 0x%llx: %llu buckets and %llu entries in so little memory cannot be",
			(unsigned long long)addr, (unsigned long long)t.nbuckets, (unsigned long long)t.nentries);
	*ret = t;
	return NULL;
}

struct tm_error *tm_table_load(struct tm_walk *w, uint64_t addr, struct tm_table *ret)
{
	struct tm_error *err = tm_table_header(w, addr, ret);
	if (!err && ret->gone)
		err = tm_error_new(TM_ERR_CORRUPT, "no table at 0x%llx: its buckets are nowhere", (unsigned long long)addr);
	return err;
}
