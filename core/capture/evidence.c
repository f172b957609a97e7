/*
 * The judge. The tables carry their own checksums: entry counts, hashes, the traced total. A candidate is read whole and
 * believed only if these agree.
 *
 * What was read and contradicts itself speaks against the candidate; what is absent or short does not: it is counted, and
 * told beside the result.
 */
#include "gather.h"
#include "tm/bytes.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/*
 * A wrong row or address contradicts itself nearly everywhere, a damaged or half-updated table in a few places: one part
 * in sixteen lies far from both (right rows measured: 0; wrong rows: above nine parts in ten).
 */
enum { TOLERATED = 16 };
/* A table that is being shrunk holds many misplaced entries, but never more than half. */
enum { TOLERATED_MISPLACED = 2 };
enum { MOST_DOMAINS = 1 << 20 };
enum { HOPELESS = 256 }; /* wrong tracebacks after which a candidate that is mostly wrong is given up */

struct known { /* a traceback or filename of the target, by its address */
	uint64_t addr;
	uint32_t id; /* + 1 */
};

struct map {
	struct known *slots;
	size_t n, nslots;
};

struct judge {
	struct tm_finder *f;
	const struct tm_candidate *c;
	struct tm_walk walk;
	struct tm_builder b;
	struct tm_gather sums;
	struct map tracebacks, filenames;
	TM_ARRAY(uint64_t) traceback_addrs; /* by id */
	TM_ARRAY(uint64_t) traceback_hashes; /* by id; what was stored */
	TM_ARRAY(uint64_t) filename_hashes; /* by filename of the target, in order of appearance */
	TM_ARRAY(uint32_t) filename_ids;    /* the snapshot's */
	TM_ARRAY(uint64_t) hashes;	    /* scratch for one traceback */
	TM_ARRAY(struct tm_table_facts) tables;
	uint64_t expected; /* traces counted by the tables, all tables */
	struct tm_tally_of_walk traces, others; /* what the walks met: tables of traces; the rest */
	uint64_t tb_read, tb_wrong, tb_missing, tb_bad, tb_unlisted;
	uint64_t tb_missing_at, tb_wrong_at;
	uint64_t name_missing, name_bad, name_missing_at;
	uint64_t names_checked, names_wrong, names_odd;
	bool short_table; /* some table gave another number of entries than it counts */
	uint32_t limit; /* frames that a traceback can have; 0: not known */
	uint32_t max_nframe, truncated_nframe;
	uint64_t truncated; /* blocks */
	uint64_t own_memory, memory;
	uint64_t unloaded_domains;
	bool domain_keys; /* ≤ 3.8: the keys of traces carry their domain */
	uint32_t listed; /* referenced tracebacks that the table of tracebacks lists */
};

/* ---- maps ---- */

static uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static struct known *map_find(struct map *m, uint64_t addr)
{
	if ((m->n + 1) * 2 > m->nslots) {
		size_t n = m->nslots ? m->nslots * 2 : 1024;
		struct known *slots = calloc(n, sizeof *slots);
		if (!slots)
			return NULL;
		for (size_t i = 0; i < m->nslots; i++) {
			size_t k = mix(m->slots[i].addr) & (n - 1);
			while (m->slots[i].id && slots[k].id)
				k = (k + 1) & (n - 1);
			if (m->slots[i].id)
				slots[k] = m->slots[i];
		}
		free(m->slots);
		m->slots = slots;
		m->nslots = n;
	}
	size_t k = mix(addr) & (m->nslots - 1);
	while (m->slots[k].id && m->slots[k].addr != addr)
		k = (k + 1) & (m->nslots - 1);
	return &m->slots[k];
}

/* ---- traces ---- */

/* The snapshot's number for the traceback at ADDR. */
static bool traceback_id(void *ctx, uint64_t addr, uint32_t *ret)
{
	struct judge *j = ctx;
	struct known *known = map_find(&j->tracebacks, addr);
	if (!known)
		return false;
	if (!known->id) {
		if (j->traceback_addrs.n >= UINT32_MAX - 1 || !tm_array_push(&j->traceback_addrs, addr))
			return false;
		*known = (struct known) { addr, (uint32_t)j->traceback_addrs.n };
		j->tracebacks.n++;
	}
	*ret = known->id - 1;
	return true;
}

/* The sums become the tallies that the snapshot keeps. */
static struct tm_error *settle(struct judge *j)
{
	if (!tm_array_reserve(&j->b.tallies, j->sums.used))
		return tm_error_nomem();
	for (size_t i = 0; i < j->sums.nslots; i++) {
		const struct tm_slot *s = &j->sums.slots[i];
		uint32_t id;
		if (!s->count)
			continue;
		if (!traceback_id(j, s->traceback, &id))
			return tm_error_nomem();
		j->b.tallies.items[j->b.tallies.n++] = (struct tm_tally) { .traceback = id, .domain = s->domain, .count = s->count,
			.size_low = s->size_low, .size_high = s->size_high };
	}
	free(j->sums.slots);
	j->sums.slots = NULL;
	j->sums.nslots = 0;
	return NULL;
}

/* ---- tracebacks ---- */

/* The id in filename_hashes of the name at ADDR; UINT32_MAX: out of memory. */
static uint32_t filename(struct judge *j, uint64_t addr)
{
	struct known *k = map_find(&j->filenames, addr);
	if (!k)
		return UINT32_MAX;
	if (k->id)
		return k->id - 1;
	struct tm_text text = { 0 };
	uint64_t hash = 0;
	switch (tm_walk_filename(&j->walk, addr, &text, &hash)) {
	case TM_SEEN:
		break;
	case TM_SEEN_MISSING:
		/* "<unknown>" of 3.15 is a literal: it lies in the program, not in the core. */
		tm_text_clear(&text);
		tm_text_puts(&text, "<unknown>");
		j->name_missing++;
		j->name_missing_at = addr;
		break;
	case TM_SEEN_BAD:
		tm_text_clear(&text);
		tm_text_puts(&text, "<unreadable>");
		j->name_bad++;
		break;
	}
	/* A wrong offset of the text shows the NUL that ends it in its midst; a name may hold one, but hardly most of them. */
	j->names_odd += text.len && memchr(text.s, 0, text.len) != NULL;
	uint32_t id = text.failed ? UINT32_MAX : tm_intern(&j->b.names, tm_text_str(&text), text.len);
	tm_text_free(&text);
	if (id == UINT32_MAX || !tm_array_push(&j->filename_hashes, hash) || !tm_array_push(&j->filename_ids, id))
		return UINT32_MAX;
	*k = (struct known) { addr, (uint32_t)j->filename_ids.n };
	j->filenames.n++;
	return k->id - 1;
}

/* Stands for a traceback that is not there: its blocks still count. */
static bool placeholder(struct judge *j, const char *name)
{
	uint32_t id = tm_intern(&j->b.names, name, strlen(name));
	struct tm_traceback tb = { j->b.frames.n, 1, 0 };
	return id != UINT32_MAX && tm_array_push(&j->b.frames, ((struct tm_frame) { id, 0 })) &&
		tm_array_push(&j->b.tracebacks, tb) && tm_array_push(&j->traceback_hashes, 0);
}

/* Does the hash that TB stores follow from its frames? KEEP: they also become the snapshot's next traceback. */
static struct tm_error *take_frames(struct judge *j, uint64_t addr, const struct tm_raw_traceback *tb, bool keep)
{
	const struct tm_layout *l = j->c->layout;
	uint64_t first = j->b.frames.n;
	j->hashes.n = 0;
	uint64_t missing = j->name_missing, bad = j->name_bad;
	if (!tm_array_reserve(&j->hashes, tb->nframe) || (keep && !tm_array_reserve(&j->b.frames, tb->nframe)))
		return tm_error_nomem();
	for (uint32_t i = 0; i < tb->nframe; i++) {
		const uint8_t *frame = tb->frames + (size_t)i * l->frame.sizeof_;
		uint32_t name = filename(j, tm_frame_filename(&j->walk, frame));
		if (name == UINT32_MAX)
			return tm_error_nomem();
		j->hashes.items[i] = j->filename_hashes.items[name];
		if (keep)
			j->b.frames.items[j->b.frames.n++] =
				(struct tm_frame) { j->filename_ids.items[name], tm_frame_lineno(&j->walk, frame) };
	}
	j->tb_read++;
	bool names_read = missing == j->name_missing && bad == j->name_bad;
	if (tm_traceback_hash(&j->walk, tb, j->hashes.items) != tb->hash && names_read) {
		j->tb_wrong++;
		j->tb_wrong_at = addr;
	}
	if (tb->nframe > j->max_nframe)
		j->max_nframe = tb->nframe;
	if (tb->total_nframe > tb->nframe)
		j->truncated_nframe = tb->nframe;
	if (keep && (!tm_array_push(&j->b.tracebacks, ((struct tm_traceback) { first, tb->nframe, tb->total_nframe })) ||
		!tm_array_push(&j->traceback_hashes, tb->hash)))
		return tm_error_nomem();
	return NULL;
}

static struct tm_error *take_traceback(struct judge *j, uint64_t addr, bool keep)
{
	struct tm_raw_traceback tb;
	enum tm_seen seen = tm_walk_traceback(&j->walk, addr, &tb);
	/* A wrong candidate must not cost more than a right one: nothing loops over a length that cannot be. */
	if (seen == TM_SEEN && j->limit && tb.nframe > j->limit)
		seen = TM_SEEN_BAD;
	if (j->tb_bad + j->tb_wrong > HOPELESS && j->tb_bad + j->tb_wrong > j->tb_read / 2)
		return tm_error_new(TM_ERR_CORRUPT, "most tracebacks contradict themselves");
	if (seen == TM_SEEN)
		return take_frames(j, addr, &tb, keep);
	if (seen == TM_SEEN_MISSING) {
		j->tb_missing++;
		j->tb_missing_at = addr;
	} else {
		j->tb_bad++;
		j->tb_wrong_at = addr;
	}
	return !keep || placeholder(j, seen == TM_SEEN_MISSING ? "<missing>" : "<unreadable>") ? NULL : tm_error_nomem();
}

static struct tm_error *take_tracebacks(struct judge *j)
{
	enum { AHEAD = 16 };
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && i < j->traceback_addrs.n; i++) {
		if (i + AHEAD < j->traceback_addrs.n)
			tm_walk_traceback_prefetch(&j->walk, j->traceback_addrs.items[i + AHEAD]);
		err = take_traceback(j, j->traceback_addrs.items[i], true);
		if (!err && i % 65536 == 65535)
			err = tm_poll(&j->f->target->poll, "reading tracebacks", i, j->traceback_addrs.n);
	}
	return err;
}

/* Every traceback that the table lists, whether a block refers to it or not. */
static struct tm_error *check_tracebacks(void *ctx, const struct tm_entry *e, size_t n)
{
	struct judge *j = ctx;
	for (size_t i = 0; i < n; i++) {
		struct known *k = map_find(&j->tracebacks, e[i].key);
		if (!k)
			return tm_error_nomem();
		if (k->id) {
			j->listed++;
			/* The hash in the entry is a second copy of the one in the traceback. */
			if (j->traceback_hashes.items[k->id - 1] != e[i].hash && j->traceback_hashes.items[k->id - 1]) {
				j->others.bad_hash++;
				j->others.bad_at = e[i].key;
			}
		} else {
			struct tm_error *err = take_traceback(j, e[i].key, false);
			if (err)
				return err;
		}
	}
	return NULL;
}

/* ≤ 3.14: the hash in the entry is the one that the str object caches. */
static struct tm_error *check_filenames(void *ctx, const struct tm_entry *e, size_t n)
{
	struct judge *j = ctx;
	const struct tm_layout *l = j->c->layout;
	for (size_t i = 0; i < n && l->filename_kind == TM_FILENAME_OBJECT; i++) {
		uint64_t hash;
		if (!tm_memory_word(&j->f->target->memory, e[i].key + l->str.hash, &hash))
			continue;
		j->names_checked++;
		j->names_wrong += hash != e[i].hash;
	}
	return NULL;
}

/* ---- tables ---- */

static uint64_t chunk(uint64_t size)
{
	return (size + 8 + 15) / 16 * 16; /* what malloc takes for it */
}

static bool add_facts(struct judge *j, const char *name, uint32_t domain, const struct tm_table *t, uint64_t nread, bool counted)
{
	const struct tm_layout *l = j->c->layout;
	struct tm_table_facts facts = { .address = t->addr, .nentries = t->nentries, .nbuckets = t->nbuckets, .read = nread };
	if (domain)
		snprintf(facts.name, sizeof facts.name, "domain %" PRIu32, domain);
	else
		snprintf(facts.name, sizeof facts.name, "%s", name);
	if (nread != t->nentries)
		j->short_table = true;
	uint64_t entry = l->entry.value != TM_NONE ? 4u * l->word : 2u * l->word + t->key_size + t->data_size;
	if (counted) /* get_tracemalloc_memory() forgets the table of domains, and all that entries point to */
		j->memory += l->table.size + t->nbuckets * l->word + t->nentries * entry;
	j->own_memory += chunk(l->table.size) + chunk(t->nbuckets * l->word) + t->nentries * chunk(entry);
	return tm_array_push(&j->tables, facts);
}

static struct tm_error *walk_traces(struct judge *j, uint64_t addr, uint32_t domain)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	struct tm_error *err = tm_table_load(&j->walk, addr, &table);
	if (err)
		return tm_error_prefix(err, domain ? "the table of traces of domain %" PRIu32 : "the table of traces", domain);
	uint64_t before = j->sums.count;
	if (j->sums.count + table.nentries > UINT32_MAX)
		return tm_error_new(TM_ERR_CORRUPT, "more than %u traces: tm does not count that far", UINT32_MAX);
	/* Room for all, when the count can be true: then nothing is copied while it grows. */
	if (j->b.want_traces && !tm_array_reserve(&j->sums.traces, (size_t)table.nentries))
		return tm_error_nomem();
	err = tm_gather_table(&j->sums, &j->walk, &table, domain, &tally);
	if (err)
		return err;
	tm_tally_of_walk_add(&j->traces, &tally);
	j->domain_keys |= table.key_size > j->c->layout->word;
	j->expected += table.nentries;
	if (j->c->layout->entry.value != TM_NONE)
		j->own_memory += table.nentries * chunk(j->c->layout->trace.sizeof_);
	return add_facts(j, "traces", domain, &table, j->sums.count - before, true) ? NULL : tm_error_nomem();
}

typedef TM_ARRAY(struct tm_entry) entries_array;

static struct tm_error *collect(void *ctx, const struct tm_entry *e, size_t n)
{
	entries_array *a = ctx;
	for (size_t i = 0; i < n; i++)
		if (a->n < MOST_DOMAINS && !tm_array_push(a, e[i]))
			return tm_error_nomem();
	return NULL;
}

/* CORRUPT and FAULT are about one table; the other codes end everything. */
static bool about_table(const struct tm_error *err)
{
	return tm_error_code(err) == TM_ERR_CORRUPT || tm_error_code(err) == TM_ERR_FAULT;
}

static struct tm_error *walk_domains(struct judge *j, uint64_t addr)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	entries_array domains = { 0 };
	struct tm_error *err = tm_table_load(&j->walk, addr, &table);
	if (err)
		return tm_error_prefix(err, "the table of domains");
	err = tm_walk_entries(&j->walk, &table, collect, &domains, &tally);
	for (size_t i = 0; !err && i < domains.n; i++) {
		const struct tm_entry *e = &domains.items[i];
		if (e->key > UINT32_MAX || e->hash != e->key) {
			tally.bad_hash++;
			tally.bad_at = e->key;
			continue;
		}
		err = walk_traces(j, e->value, (uint32_t)e->key);
		if (err && about_table(err)) {
			if (tm_error_code(err) == TM_ERR_FAULT)
				tally.missing++;
			else
				tally.bad++;
			tally.bad_at = tally.missing_at = e->value;
			j->unloaded_domains++;
			tm_error_free(err);
			err = NULL;
		}
	}
	tm_array_free(&domains);
	tm_tally_of_walk_add(&j->others, &tally);
	if (!err && !add_facts(j, "domains", 0, &table, tally.walked, false))
		err = tm_error_nomem();
	return err;
}

static struct tm_error *walk_keys(struct judge *j, const char *name, uint64_t addr, tm_entries_fn *fn)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	struct tm_error *err = tm_table_load(&j->walk, addr, &table);
	if (err)
		return tm_error_prefix(err, "the table of %s", name);
	err = tm_walk_entries(&j->walk, &table, fn, j, &tally);
	if (err)
		return err;
	tm_tally_of_walk_add(&j->others, &tally);
	return add_facts(j, name, 0, &table, tally.walked, true) ? NULL : tm_error_nomem();
}

/* ---- the state ---- */

bool tm_config_plausible(int32_t initialized, int32_t tracing, int32_t max_nframe)
{
	return initialized >= 0 && initialized <= 2 && (tracing == 0 || tracing == 1) && max_nframe >= 1 &&
		max_nframe <= 178956969 && !(tracing && initialized != 1);
}

/* In memory that the target really holds? A page out of a file would show the initial values: "not tracing". */
static bool get_word(struct judge *j, uint64_t addr, uint64_t *ret)
{
	return addr && tm_memory_word(&j->f->target->memory, addr, ret);
}

static bool lock_held(struct judge *j)
{
	struct tm_memory *m = &j->f->target->memory;
	uint64_t lock;
	uint32_t sem;
	uint8_t byte;
	if (!j->c->lock)
		return false;
	if (j->c->layout->lock_kind == TM_LOCK_MUTEX)
		return tm_memory_read(m, j->c->lock, &byte, 1) == 1 && (byte & 1);
	return get_word(j, j->c->lock, &lock) && lock && tm_memory_u32(m, lock, &sem) && sem == 0;
}

static void read_state(struct judge *j, struct tm_state *s)
{
	const struct tm_candidate *c = j->c;
	struct tm_memory *m = &j->f->target->memory;
	uint32_t v[3];
	s->has_config = c->config && tm_memory_u32(m, c->config + c->layout->config.initialized, &v[0]) &&
		tm_memory_u32(m, c->config + c->layout->config.tracing, &v[1]) &&
		tm_memory_u32(m, c->config + c->layout->config.max_nframe, &v[2]);
	if (s->has_config) {
		s->initialized = (int32_t)v[0];
		s->tracing = (int32_t)v[1];
		s->max_nframe = (int32_t)v[2];
	}
	s->has_tables = get_word(j, c->traces, &s->traces) && get_word(j, c->tracebacks, &s->tracebacks) &&
		get_word(j, c->filenames, &s->filenames) &&
		(c->layout->entry.value == TM_NONE || get_word(j, c->domains, &s->domains));
	s->has_traced = get_word(j, c->traced, &s->traced);
	s->has_peak = get_word(j, c->peak, &s->peak);
	s->lock_held = lock_held(j);
}

/* ---- the verdict ---- */

static struct tm_error *walk_all(struct judge *j, const struct tm_state *s)
{
	struct tm_error *err = walk_traces(j, s->traces, 0);
	if (!err && j->c->layout->entry.value != TM_NONE)
		err = walk_domains(j, s->domains);
	if (!err)
		err = settle(j);
	if (!err)
		err = take_tracebacks(j);
	if (!err)
		err = walk_keys(j, "tracebacks", s->tracebacks, check_tracebacks);
	if (!err)
		err = walk_keys(j, "filenames", s->filenames, check_filenames);
	return err;
}

/* 3.15's "<unknown>" is in the program, which the core does not hold: the empty traceback's name, and no other, may be. */
static void excuse_unknown(struct judge *j)
{
	uint64_t empty = j->c->empty, name;
	if (j->name_missing != 1 || !empty || j->c->layout->filename_kind != TM_FILENAME_BYTES)
		return;
	if (j->c->layout->runtime.empty_is_pointer && !get_word(j, j->c->empty, &empty))
		return;
	if (get_word(j, empty + j->c->layout->traceback.frames + j->c->layout->frame.filename, &name) && name == j->name_missing_at)
		j->name_missing = 0;
}

/* How many tracebacks that blocks refer to are not in the table of tracebacks; the empty one never is. */
static uint64_t unlisted(struct judge *j)
{
	uint64_t n = j->traceback_addrs.n - j->listed, at = j->c->empty;
	if (!n)
		return 0;
	if (at && j->c->layout->runtime.empty_is_pointer && j->c->layout->root == TM_ROOT_RUNTIME && !get_word(j, j->c->empty, &at))
		at = 0;
	for (size_t i = 0; i < j->b.tracebacks.n && j->traceback_addrs.n == j->b.tracebacks.n; i++) {
		const struct tm_traceback *tb = &j->b.tracebacks.items[i];
		bool looks_empty = tb->nframe == 1 && j->b.frames.items[tb->first].lineno == 0;
		if (at ? j->traceback_addrs.items[i] == at : looks_empty)
			return n - 1;
	}
	return n;
}

static bool contradicts(struct judge *j, const struct tm_state *s, struct tm_text *why)
{
	uint64_t bad = j->traces.bad_hash + j->traces.bad, nread = j->traces.walked + j->traces.bad;
	if (bad * TOLERATED > nread)
		tm_text_printf(why, "%" PRIu64 " of %" PRIu64 " traces have a hash or pointer that cannot be", bad, nread);
	else if (j->traces.misplaced > j->traces.walked * TOLERATED_MISPLACED + 1)
		tm_text_printf(why, "%" PRIu64 " traces lie in wrong buckets", j->traces.misplaced);
	else if (j->traces.endless || j->others.endless)
		tm_text_puts(why, "a table holds more entries than it counts");
	else if ((j->tb_wrong + j->tb_bad) * TOLERATED > j->tb_read + j->tb_bad)
		tm_text_printf(why, "%" PRIu64 " of %" PRIu64 " tracebacks contradict their hash", j->tb_wrong + j->tb_bad,
			j->tb_read + j->tb_bad);
	else if ((j->others.bad_hash + j->others.bad) * TOLERATED > j->others.walked + j->others.bad + TOLERATED)
		tm_text_puts(why, "the tables of tracebacks and domains contradict themselves");
	else if (j->names_wrong * TOLERATED > j->names_checked)
		tm_text_printf(why, "%" PRIu64 " of %" PRIu64 " filenames contradict their hash", j->names_wrong, j->names_checked);
	else if (j->names_odd * 2 > j->filename_ids.n + 2 || j->name_bad * 2 > j->filename_ids.n + 2)
		tm_text_puts(why, "most filenames cannot be text");
	else if (s->has_config && (uint32_t)s->max_nframe < j->max_nframe)
		tm_text_printf(why, "a traceback has more frames (%u) than the limit (%d)", (unsigned)j->max_nframe, s->max_nframe);
	else
		return false;
	return true;
}

/* Of a cluster whose order nobody has seen, the total is the word near it that equals the sum. */
static void look_for_total(struct judge *j, struct tm_state *s)
{
	enum { REACH = 0x120 };
	unsigned w = j->c->layout->word;
	uint64_t mask = w == 4 ? UINT32_MAX : UINT64_MAX, v, below, above;
	if (j->c->traced || s->has_traced)
		return;
	for (uint64_t at = j->c->traces - REACH; at <= j->c->traces + REACH && !s->has_traced; at += w) {
		if (!get_word(j, at, &v) || v != (j->sums.sum & mask) || !v)
			continue;
		s->has_traced = true;
		s->traced = v;
		bool b = get_word(j, at - w, &below) && below >= v && below < 1ull << 56;
		bool a = get_word(j, at + w, &above) && above >= v && above < 1ull << 56;
		s->has_peak = a != b; /* both or neither: cannot tell */
		s->peak = a ? above : below;
	}
}

static const char *plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

/* Everything that keeps the numbers from being the whole truth, as sentences. */
static bool tell(struct judge *j, const struct tm_state *s, struct tm_snapshot *snap)
{
	struct tm_target *t = j->f->target;
	bool ok = true;
	uint64_t lost = j->expected > j->sums.count ? j->expected - j->sums.count : 0;
	uint64_t absent = j->traces.missing + j->traces.missing_buckets;
	uint64_t mask = j->c->layout->word == 4 ? UINT32_MAX : UINT64_MAX;
	if (lost && absent)
		ok &= tm_snapshot_note(snap, true, "missing: %" PRIu64 " of %" PRIu64 " traces could not be read: %s (first at 0x%" PRIx64 ")",
			lost, j->expected, tm_target_why(t, j->traces.missing_at), j->traces.missing_at);
	else if (j->expected != j->sums.count)
		ok &= tm_snapshot_note(snap, true,
			"torn: the tables count %" PRIu64 " traces, %" PRIu64 " were found: the process was stopped inside an update of its tables",
			j->expected, j->sums.count);
	if (j->traces.misplaced + j->others.misplaced)
		ok &= tm_snapshot_note(snap, true, "torn: %" PRIu64 " %s in a bucket of another hash: a table was being resized",
			j->traces.misplaced + j->others.misplaced, plural(j->traces.misplaced + j->others.misplaced, "entry lies", "entries lie"));
	if (j->traces.bad_hash + j->traces.bad + j->others.bad_hash + j->others.bad)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " table entries cannot be right (one at 0x%" PRIx64 ")",
			j->traces.bad_hash + j->traces.bad + j->others.bad_hash + j->others.bad,
			j->traces.bad_at ? j->traces.bad_at : j->others.bad_at);
	if (j->tb_wrong + j->tb_bad)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " of %" PRIu64 " tracebacks contradict the hash stored with them (one at 0x%" PRIx64 ")",
			j->tb_wrong + j->tb_bad, j->tb_read + j->tb_bad, j->tb_wrong_at);
	if (j->tb_missing)
		ok &= tm_snapshot_note(snap, true, "missing: %" PRIu64 " %s could not be read, their blocks are listed under <missing>: %s",
			j->tb_missing, plural(j->tb_missing, "traceback", "tracebacks"), tm_target_why(t, j->tb_missing_at));
	if (j->name_missing + j->name_bad)
		ok &= tm_snapshot_note(snap, true, "missing: %" PRIu64 " %s could not be read: %s", j->name_missing + j->name_bad,
			plural(j->name_missing + j->name_bad, "filename", "filenames"),
			j->name_missing ? tm_target_why(t, j->name_missing_at) : "damaged");
	if (j->tb_unlisted)
		ok &= tm_snapshot_note(snap, true, "torn: %" PRIu64 " %s not in the table of tracebacks", j->tb_unlisted,
			plural(j->tb_unlisted, "traceback in use is", "tracebacks in use are"));
	if (j->names_wrong)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " filenames contradict their hash", j->names_wrong);
	if (!s->has_traced)
		ok &= tm_snapshot_note(snap, true, "unchecked: the process's own total of traced memory was not found, so the sum of sizes could not be compared with it");
	else if ((j->sums.sum & mask) != s->traced && !lost)
		ok &= tm_snapshot_note(snap, true, "torn: the sizes add up to %" PRIu64 " bytes, the process counts %" PRIu64, j->sums.sum & mask, s->traced);
	if (j->short_table && j->expected == j->sums.count)
		for (size_t i = 0; i < j->tables.n; i++)
			if (j->tables.items[i].read != j->tables.items[i].nentries)
				ok &= tm_snapshot_note(snap, true, "%s: the table of %s counts %" PRIu64 " entries, %" PRIu64 " were found",
					j->others.missing + j->others.missing_buckets ? "missing" : "torn", j->tables.items[i].name,
					j->tables.items[i].nentries, j->tables.items[i].read);
	if (s->lock_held)
		ok &= tm_snapshot_note(snap, false, "the process holds the lock of its tables: it was stopped inside an update%s",
			snap->nnotes ? "" : ", but every count agrees");
	return ok;
}

static struct tm_error *freeze(struct judge *j, struct tm_judgement *ret)
{
	struct tm_state *s = &ret->state;
	for (uint64_t i = 0; i < j->b.tallies.n; i++) {
		const struct tm_tally *t = &j->b.tallies.items[i];
		const struct tm_traceback *tb = &j->b.tracebacks.items[t->traceback];
		if (tb->total_nframe > tb->nframe)
			j->truncated += t->count;
	}
	for (uint64_t i = 0; i < j->b.tracebacks.n; i++)
		j->own_memory += chunk(j->c->layout->traceback.frames +
			(uint64_t)j->b.tracebacks.items[i].nframe * j->c->layout->frame.sizeof_);
	if (j->c->layout->filename_kind == TM_FILENAME_BYTES)
		for (uint64_t i = 0; i < j->b.names.n; i++)
			j->own_memory += chunk(j->b.names.strings[i].len + 1);
	j->b.ntraces = j->sums.count;
	j->b.traces.items = j->sums.traces.items;
	j->b.traces.n = j->sums.traces.n;
	j->b.traces.cap = j->sums.traces.cap;
	j->sums.traces.items = NULL;
	struct tm_snapshot *snap = tm_builder_freeze(&j->b);
	if (!snap)
		return tm_error_nomem();
	ret->snapshot = snap;
	struct tm_about *a = &snap->about;
	a->tracing = true;
	a->has_limit = true;
	if (s->has_config)
		a->limit = (uint32_t)s->max_nframe;
	else if (j->truncated_nframe) /* cut at the limit */
		a->limit = j->truncated_nframe;
	else
		a->has_limit = j->c->python && tm_find_limit(j->f, j->c->python->module, j->c->layout, j->max_nframe,
			j->domain_keys, &a->limit);
	a->has_traced = s->has_traced;
	a->traced = s->traced;
	a->has_peak = s->has_peak;
	a->peak = s->peak;
	a->has_memory = true;
	a->memory = j->memory;
	a->own_memory = j->own_memory;
	a->lock_held = s->lock_held;
	a->has_addresses = true;
	a->has_total_nframe = j->c->layout->traceback.total_nframe != TM_NONE;
	a->truncated = j->truncated;
	if (!tell(j, s, snap))
		return tm_error_nomem();
	a->complete = true;
	for (size_t i = 0; i < snap->nnotes; i++)
		a->complete &= !snap->notes[i].gap;
	snap->tables = j->tables.items;
	snap->ntables = j->tables.n;
	j->tables.items = NULL;
	return NULL;
}

static struct tm_error *judge(struct judge *j, struct tm_judgement *ret)
{
	struct tm_state *s = &ret->state;
	read_state(j, s);
	ret->verdict = TM_REJECTED;
	if (s->has_config && !tm_config_plausible(s->initialized, s->tracing, s->max_nframe)) {
		tm_text_printf(&ret->why, "its configuration cannot be {%d, %d, %d}", s->initialized, s->tracing, s->max_nframe);
		return NULL;
	}
	if (s->has_config && !s->tracing) {
		ret->verdict = TM_NOT_TRACING; /* finalized or stopped: the tables' pointers may dangle, none is followed */
		return NULL;
	}
	if (!s->has_tables || (!s->has_config && !s->traces)) {
		ret->verdict = TM_UNREADABLE;
		tm_text_puts(&ret->why, "the pointers to its tables are not in the memory at hand");
		return NULL;
	}
	j->limit = s->has_config ? (uint32_t)s->max_nframe : 0;
	struct tm_error *err = walk_all(j, s);
	if (err && about_table(err)) {
		ret->verdict = tm_error_code(err) == TM_ERR_FAULT ? TM_UNREADABLE : TM_REJECTED;
		tm_text_puts(&ret->why, tm_error_message(err));
		tm_error_free(err);
		return NULL;
	}
	if (err)
		return err;
	excuse_unknown(j);
	j->tb_unlisted = unlisted(j);
	if (contradicts(j, s, &ret->why))
		return NULL;
	if (!s->has_config && !j->sums.count) { /* empty tables, and nothing says that they are in use */
		ret->verdict = TM_UNREADABLE;
		tm_text_puts(&ret->why, "its tables are empty and its configuration was not found");
		return NULL;
	}
	ret->verdict = TM_TRACING;
	look_for_total(j, s);
	return freeze(j, ret);
}

struct tm_error *tm_judge(struct tm_finder *f, const struct tm_candidate *c, bool want_traces, struct tm_judgement *ret)
{
	struct judge j = { .f = f, .c = c, .b = { .want_traces = want_traces } };
	*ret = (struct tm_judgement) { 0 };
	tm_walk_init(&j.walk, f->target, c->layout);
	if (want_traces) {
		j.sums.id = traceback_id;
		j.sums.ctx = &j;
	}
	struct tm_error *err = judge(&j, ret);
	tm_walk_deinit(&j.walk);
	tm_builder_deinit(&j.b);
	tm_gather_deinit(&j.sums);
	free(j.tracebacks.slots);
	free(j.filenames.slots);
	tm_array_free(&j.traceback_addrs);
	tm_array_free(&j.traceback_hashes);
	tm_array_free(&j.filename_hashes);
	tm_array_free(&j.filename_ids);
	tm_array_free(&j.hashes);
	tm_array_free(&j.tables);
	if (err)
		tm_judgement_deinit(ret);
	return err;
}

void tm_judgement_deinit(struct tm_judgement *j)
{
	tm_text_free(&j->why);
	tm_snapshot_unref(j->snapshot);
	j->snapshot = NULL;
}
