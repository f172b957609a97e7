/*
 * The judge. The tables carry their own checksums: entry counts, hashes, the traced total. A candidate is read whole and
 * believed only if these agree.
 *
 * What was read and contradicts itself speaks against the candidate; what is absent or short does not: it is counted, and
 * told beside the result.
 */
#include "gather.h"
#include "listed.h"
#include "tm/bytes.h"
#include "tm/cleanup.h"
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

struct judge {
	struct tm_finder *f;
	const struct tm_candidate *c;
	struct tm_walk walk;
	struct tm_builder b;
	struct tm_gather sums;
	struct tm_tracebacks read;
	struct tm_listed listed;
	TM_ARRAY(struct tm_table_facts) tables;
	uint64_t expected; /* traces counted by the tables, all tables */
	struct tm_tally_of_walk traces, others; /* what the walks met: tables of traces; the rest */
	uint64_t unlisted; /* tracebacks in use that the table does not list */
	uint64_t names_checked, names_wrong; /* entries of the table of filenames */
	uint64_t names_missing, names_bad, names_odd, name_missing_at;
	bool short_table; /* some table gave another number of entries than it counts */
	char gone[40]; /* the name of a table whose buckets are freed already */
	unsigned ngone;
	uint64_t gone_entries;
	uint64_t truncated; /* blocks */
	uint64_t own_memory, memory;
	uint64_t unloaded_domains;
	bool domain_keys; /* ≤ 3.8: the keys of traces carry their domain */
};

/* The process ran while it was read. */
static bool ran(const struct judge *j)
{
	return j->f->target->kind == TM_KIND_PROCESS && !j->f->target->stopped;
}

/* ---- traces ---- */

/* The sums of one traceback and domain, of several threads, in the order of addresses: there tracebacks get their numbers. */
static void add_tally(struct judge *j, const struct tm_mark *m, const struct tm_slot *s)
{
	size_t n = j->b.tallies.n, ntracebacks = j->listed.addrs.n;
	bool seen = ntracebacks && j->listed.addrs.items[ntracebacks - 1] == m->addr;
	if (!seen)
		j->listed.addrs.items[j->listed.addrs.n++] = m->addr;
	if (!seen || j->b.tallies.items[n - 1].domain != s->domain)
		j->b.tallies.items[j->b.tallies.n++] =
			(struct tm_tally) { .traceback = (uint32_t)j->listed.addrs.n - 1, .domain = s->domain };
	struct tm_tally *t = &j->b.tallies.items[j->b.tallies.n - 1];
	t->count += s->count;
	t->size_high += s->size_high + __builtin_add_overflow(t->size_low, s->size_low, &t->size_low);
}

/* The sums become the tallies that the snapshot keeps. */
static struct tm_error *settle(struct judge *j)
{
	enum { AHEAD = 32 }; /* marks between a prefetch and its use */
	struct tm_gather *g = &j->sums;
	struct tm_merge merge = { 0 };
	size_t used = 0, which;
	struct tm_error *err = tm_gather_order(g, &j->walk.poll);
	if (err)
		return err;
	for (size_t i = 0; i < TM_MOST_THREADS; i++) {
		merge.marks[i] = &g->sums[i].order;
		merge.n = g->sums[i].used ? i + 1 : merge.n;
		used += g->sums[i].used;
	}
	tm_autofree uint32_t *ids = malloc((used + 1) * sizeof *ids); /* of slots, in the order in which these were made */
	if (!ids || !tm_array_reserve(&j->b.tallies, used) || !tm_array_reserve(&j->listed.addrs, used))
		return tm_error_nomem();
	for (const struct tm_mark *m; (m = tm_merge_next(&merge, &which));) {
		const struct tm_slot *slots = g->sums[which].slots;
		if (merge.at[which] + AHEAD < merge.marks[which]->n)
			__builtin_prefetch(&slots[m[AHEAD].tag]);
		add_tally(j, m, &slots[m->tag]);
		if (g->singly)
			ids[slots[m->tag].number] = (uint32_t)j->listed.addrs.n - 1;
	}
	for (size_t i = 0; i < g->traces.n; i++)
		g->traces.items[i].traceback = ids[g->traces.items[i].traceback];
	tm_gather_free_sums(g);
	return NULL;
}

/* ---- tables ---- */

static uint64_t chunk(uint64_t size)
{
	return (size + 8 + 15) / 16 * 16; /* what malloc takes for it */
}

/* NAME: "traces", "tracebacks" ...; DOMAIN: of the table of traces of another domain than 0. */
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

/* One that is gone has no entries for us; that is told. */
static struct tm_error *load(struct judge *j, const char *name, uint64_t addr, struct tm_table *t)
{
	struct tm_error *err = tm_table_header(&j->walk, addr, t);
	if (err)
		return tm_error_prefix(err, "the table of %s", name);
	if (t->gone) {
		snprintf(j->gone, sizeof j->gone, "%s", name);
		j->gone_entries += t->nentries;
		j->ngone++;
	}
	return NULL;
}

/* ---- tracebacks ---- */

/* What the table of tracebacks lists, whether a block refers to it or not. */
static struct tm_error *list_tracebacks(struct judge *j, uint64_t addr)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	struct tm_error *err = load(j, "tracebacks", addr, &table);
	if (err)
		return err;
	err = tm_list_tracebacks(&j->listed, &j->walk, &table, &tally);
	if (err)
		return tm_error_prefix(err, "the table of tracebacks");
	tally.bad += j->listed.nvalues;
	tally.bad_at = j->listed.nvalues ? j->listed.value_at : tally.bad_at;
	tm_tally_of_walk_add(&j->others, &tally);
	return add_facts(j, "tracebacks", 0, &table, tally.walked, true) ? NULL : tm_error_nomem();
}

static struct tm_error *take_tracebacks(struct judge *j, const struct tm_state *s)
{
	const struct tm_layout *l = j->c->layout;
	uint64_t empty = j->c->empty;
	const struct tm_listed *listed = &j->listed;
	struct tm_error *err = list_tracebacks(j, s->tracebacks);
	if (err)
		return err;
	j->read.limit = s->has_config ? (uint32_t)s->max_nframe : 0;
	if (empty && l->filename_kind == TM_FILENAME_BYTES &&
	    (!l->runtime.empty_is_pointer || tm_memory_word(&j->f->target->memory, empty, &empty)))
		tm_memory_word(&j->f->target->memory, empty + l->traceback.frames + l->frame.filename, &j->read.unknown_name);
	err = tm_tracebacks_read(&j->read, listed->addrs.items, listed->filed.items, listed->addrs.n, listed->nreferred);
	j->others.bad_hash += j->read.misfiled;
	j->others.bad_at = j->read.misfiled ? j->read.misfiled_at : j->others.bad_at;
	for (size_t i = 0; !err && i < j->read.filenames.n; i++) {
		const struct tm_filename_seen *f = &j->read.filenames.items[i];
		j->names_odd += f->odd;
		j->names_bad += f->seen == TM_SEEN_BAD;
		j->names_missing += f->seen == TM_SEEN_MISSING;
		j->name_missing_at = f->seen == TM_SEEN_MISSING ? f->addr : j->name_missing_at;
	}
	return err;
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

/* ---- walks ---- */

static struct tm_error *walk_traces(struct judge *j, uint64_t addr, uint32_t domain)
{
	struct tm_table table;
	struct tm_tally_of_walk tally = { 0 };
	char name[40];
	snprintf(name, sizeof name, domain ? "traces of domain %" PRIu32 : "traces", domain);
	struct tm_error *err = load(j, name, addr, &table);
	if (err)
		return err;
	j->domain_keys |= table.key_size > j->c->layout->word;
	if (table.gone)
		return add_facts(j, "traces", domain, &table, 0, true) ? NULL : tm_error_nomem();
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
	struct tm_error *err = load(j, "domains", addr, &table);
	if (!err && !table.gone)
		err = tm_walk_entries(&j->walk, &table, NULL, collect, &domains, &tally);
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
	struct tm_error *err = load(j, name, addr, &table);
	if (!err && !table.gone)
		err = tm_walk_entries(&j->walk, &table, NULL, fn, j, &tally);
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
	if (!j->c->lock || j->f->target->lock_is_ours)
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
	s->peak_at = c->peak;
	s->lock_held = lock_held(j);
}

/* ---- the verdict ---- */

static struct tm_error *walk_all(struct judge *j, const struct tm_state *s)
{
	enum { MOST_EXPECTED = 1 << 21 };
	struct tm_table tracebacks, traces;
	struct tm_error *err = tm_table_header(&j->walk, s->tracebacks, &tracebacks);
	if (err)
		return tm_error_prefix(err, "the table of tracebacks");
	err = tm_table_header(&j->walk, s->traces, &traces);
	if (err)
		return tm_error_prefix(err, "the table of traces");
	uint64_t expected = tracebacks.nentries < traces.nentries ? tracebacks.nentries : traces.nentries;
	j->sums.expected = expected < MOST_EXPECTED ? (size_t)expected : MOST_EXPECTED;
	if (ran(j) && s->has_peak) /* a trace that was freed meanwhile holds anything; the peak may rise meanwhile, too */
		j->sums.most = s->peak < UINT64_MAX / 4 ? 2 * s->peak + (64 << 20) : 0;
	err = walk_traces(j, s->traces, 0);
	if (!err && j->c->layout->entry.value != TM_NONE)
		err = walk_domains(j, s->domains);
	if (!err)
		err = settle(j);
	if (!err)
		err = take_tracebacks(j, s);
	if (!err)
		err = walk_keys(j, "filenames", s->filenames, check_filenames);
	return err;
}

/* How many tracebacks that blocks refer to are not in the table of tracebacks; the empty one never is. */
static uint64_t unlisted(struct judge *j)
{
	const struct tm_listed *l = &j->listed;
	uint64_t n = l->nreferred - l->nfound, at = j->c->empty;
	if (!n || (j->ngone && !l->nfound))
		return 0;
	if (at && j->c->layout->runtime.empty_is_pointer && j->c->layout->root == TM_ROOT_RUNTIME && !get_word(j, j->c->empty, &at))
		at = 0;
	for (size_t i = 0; i < l->nreferred; i++) {
		const struct tm_traceback *tb = &j->read.tracebacks.items[i];
		bool looks_empty = tb->nframe == 1 && j->read.frames.items[tb->first].lineno == 0;
		if (at ? l->addrs.items[i] == at : looks_empty)
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
	else if ((j->traces.endless || j->others.endless) && !ran(j)) /* entries come while they are counted */
		tm_text_puts(why, "a table holds more entries than it counts");
	else if ((j->read.wrong + j->read.bad) * TOLERATED > j->read.nread + j->read.bad)
		tm_text_printf(why, "%" PRIu64 " of %" PRIu64 " tracebacks contradict their hash", j->read.wrong + j->read.bad,
			j->read.nread + j->read.bad);
	else if ((j->others.bad_hash + j->others.bad) * TOLERATED > j->others.walked + j->others.bad + TOLERATED)
		tm_text_puts(why, "the tables of tracebacks and domains contradict themselves");
	else if (j->names_wrong * TOLERATED > j->names_checked)
		tm_text_printf(why, "%" PRIu64 " of %" PRIu64 " filenames contradict their hash", j->names_wrong, j->names_checked);
	else if (j->names_odd * 2 > j->read.filenames.n + 2 || j->names_bad * 2 > j->read.filenames.n + 2)
		tm_text_puts(why, "most filenames cannot be text");
	else if (s->has_config && (uint32_t)s->max_nframe < j->read.max_nframe)
		tm_text_printf(why, "a traceback has more frames (%u) than the limit (%d)", (unsigned)j->read.max_nframe, s->max_nframe);
	else
		return false;
	return true;
}

/* The peak lies before or behind it. */
static void take_total(struct judge *j, struct tm_state *s, uint64_t at)
{
	unsigned w = j->c->layout->word;
	uint64_t below, above;
	s->has_traced = get_word(j, at, &s->traced);
	bool b = get_word(j, at - w, &below) && below >= s->traced && below < 1ull << 56;
	bool a = get_word(j, at + w, &above) && above >= s->traced && above < 1ull << 56;
	s->has_peak = a != b; /* both or neither: cannot tell */
	s->peak = a ? above : below;
	s->peak_at = a ? at + w : at - w;
}

/* Of a cluster whose order nobody has seen, the total is the word near it that equals the sum, or else the only one in all its data. */
static void look_for_total(struct judge *j, struct tm_state *s)
{
	enum { REACH = 0x120 };
	unsigned w = j->c->layout->word;
	uint64_t sum = j->sums.sum & (w == 4 ? UINT32_MAX : UINT64_MAX), v, at;
	if (j->c->traced || s->has_traced || !sum)
		return;
	for (at = j->c->traces - REACH; at <= j->c->traces + REACH; at += w)
		if (get_word(j, at, &v) && v == sum) {
			take_total(j, s, at);
			return;
		}
	if (j->c->python && tm_find_total(j->f, j->c->python->module, sum, &at))
		take_total(j, s, at);
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
			"torn: the tables count %" PRIu64 " traces, %" PRIu64 " were found: the process %s",
			j->expected, j->sums.count, ran(j) ? "ran on" : "was stopped inside an update of its tables");
	if (j->traces.misplaced + j->others.misplaced)
		ok &= tm_snapshot_note(snap, true, "torn: %" PRIu64 " %s in a bucket of another hash: a table was being resized",
			j->traces.misplaced + j->others.misplaced, plural(j->traces.misplaced + j->others.misplaced, "entry lies", "entries lie"));
	if (j->traces.bad_hash + j->traces.bad + j->others.bad_hash + j->others.bad)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " table entries cannot be right (one at 0x%" PRIx64 ")",
			j->traces.bad_hash + j->traces.bad + j->others.bad_hash + j->others.bad,
			j->traces.bad_at ? j->traces.bad_at : j->others.bad_at);
	if (j->read.wrong + j->read.bad)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " of %" PRIu64 " tracebacks contradict the hash stored with them (one at 0x%" PRIx64 ")",
			j->read.wrong + j->read.bad, j->read.nread + j->read.bad, j->read.wrong_at);
	if (j->read.missing)
		ok &= tm_snapshot_note(snap, true, "missing: %" PRIu64 " %s could not be read, their blocks are listed under <missing>: %s",
			j->read.missing, plural(j->read.missing, "traceback", "tracebacks"), tm_target_why(t, j->read.missing_at));
	if (j->names_missing + j->names_bad)
		ok &= tm_snapshot_note(snap, true, "missing: %" PRIu64 " %s could not be read: %s", j->names_missing + j->names_bad,
			plural(j->names_missing + j->names_bad, "filename", "filenames"),
			j->names_missing ? tm_target_why(t, j->name_missing_at) : "damaged");
	if (j->unlisted)
		ok &= tm_snapshot_note(snap, true, "torn: %" PRIu64 " %s not in the table of tracebacks", j->unlisted,
			plural(j->unlisted, "traceback in use is", "tracebacks in use are"));
	if (j->names_wrong)
		ok &= tm_snapshot_note(snap, true, "damaged: %" PRIu64 " filenames contradict their hash", j->names_wrong);
	if (!s->has_traced)
		ok &= tm_snapshot_note(snap, true, "unchecked: the process's own total of traced memory was not found, so the sum of sizes could not be compared with it");
	else if ((j->sums.sum & mask) != s->traced && (!lost || (j->sums.sum & mask) > s->traced))
		ok &= tm_snapshot_note(snap, true, "torn: the sizes add up to %" PRIu64 " bytes, the process counts %" PRIu64, j->sums.sum & mask, s->traced);
	if (j->ngone)
		ok &= tm_snapshot_note(snap, true, "torn: the buckets of the table of %s are in no memory: it was being resized (or is damaged)", j->gone);
	if (j->short_table && j->expected == j->sums.count)
		for (size_t i = 0; i < j->tables.n; i++)
			if (j->tables.items[i].read != j->tables.items[i].nentries)
				ok &= tm_snapshot_note(snap, true, "%s: the table of %s counts %" PRIu64 " entries, %" PRIu64 " were found",
					j->others.missing + j->others.missing_buckets ? "missing" : "torn", j->tables.items[i].name,
					j->tables.items[i].nentries, j->tables.items[i].read);
	if (s->lock_held)
		ok &= tm_snapshot_note(snap, false, "the process holds the lock of its tables: it %s inside an update%s",
			ran(j) ? "was" : "was stopped", snap->nnotes ? "" : ", but every count agrees");
	return ok;
}

/* What was read becomes the builder's. */
static void hand_over(struct judge *j)
{
#define MOVE(to, from) ((to).items = (from).items, (to).n = (from).n, (to).cap = (from).cap, (from).items = NULL)
	MOVE(j->b.traces, j->sums.traces);
	MOVE(j->b.frames, j->read.frames);
	MOVE(j->b.tracebacks, j->read.tracebacks);
#undef MOVE
	j->b.names = j->read.names;
	j->read.names = (struct tm_intern) { 0 };
	j->b.ntraces = j->sums.count;
}

static struct tm_error *freeze(struct judge *j, struct tm_judgement *ret)
{
	struct tm_state *s = &ret->state;
	/* Where a scan says that they lie was seen with other builds only; a total of nothing does not confirm a peak that is something. */
	s->has_peak &= j->c->source != TM_BY_SCAN || j->c->layout->root != TM_ROOT_GLOBALS || s->traced || !s->peak;
	hand_over(j);
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
	struct tm_snapshot *snap = tm_builder_freeze(&j->b);
	if (!snap)
		return tm_error_nomem();
	ret->snapshot = snap;
	struct tm_about *a = &snap->about;
	a->tracing = true;
	a->has_limit = true;
	if (s->has_config)
		a->limit = (uint32_t)s->max_nframe;
	else if (j->read.truncated_nframe) /* cut at the limit */
		a->limit = j->read.truncated_nframe;
	else
		a->has_limit = j->c->python && tm_find_limit(j->f, j->c->python->module, j->c->layout, j->read.max_nframe,
			j->domain_keys, &a->limit);
	a->has_traced = s->has_traced;
	a->traced = s->traced;
	a->has_peak = s->has_peak;
	a->peak = s->peak;
	a->peak_address = s->has_peak ? s->peak_at : 0;
	a->has_memory = true;
	a->memory = j->memory;
	a->own_memory = j->own_memory;
	a->lock_held = s->lock_held;
	a->has_addresses = true;
	a->has_total_nframe = j->c->layout->traceback.total_nframe != TM_NONE;
	a->truncated = j->truncated;
	if (!tell(j, s, snap))
		return tm_error_nomem();
	uint64_t mask = j->c->layout->word == 4 ? UINT32_MAX : UINT64_MAX;
	bool absent = j->traces.missing + j->traces.missing_buckets + j->others.missing + j->others.missing_buckets;
	ret->torn = j->ngone || j->unlisted || j->traces.misplaced + j->others.misplaced ||
		(!absent && (j->expected != j->sums.count || j->short_table || (s->has_traced && (j->sums.sum & mask) != s->traced)));
	a->complete = true;
	for (size_t i = 0; i < snap->nnotes; i++)
		a->complete &= !snap->notes[i].gap;
	snap->tables = j->tables.items;
	snap->ntables = j->tables.n;
	j->tables.items = NULL;
	return NULL;
}

/*
 * A configuration that says "off" is as easily a page of zeroes, or another struct. The tables must say so, too: none yet before
 * tracemalloc is imported, empty ones after; finalized ones are gone, and nothing follows their pointers.
 */
static enum tm_verdict judge_off(struct judge *j, const struct tm_state *s, struct tm_text *why)
{
	const uint64_t tables[] = { s->traces, s->tracebacks, s->filenames, s->domains };
	size_t n = j->c->layout->entry.value == TM_NONE ? 3 : 4;
	if (!j->c->traces) /* only the configuration is known: the scan has the last word */
		return TM_NOT_TRACING;
	if (!s->has_tables) {
		tm_text_puts(why, "the pointers to its tables are not in the memory at hand");
		return TM_UNREADABLE;
	}
	if (s->initialized == 2)
		return j->c->searched ? TM_REJECTED : TM_NOT_TRACING;
	for (size_t i = 0; i < n; i++) {
		struct tm_table table = { 0 };
		struct tm_error *err = s->initialized ? tm_table_load(&j->walk, tables[i], &table) : NULL;
		enum tm_verdict verdict = TM_NOT_TRACING;
		if (err) {
			verdict = tm_error_code(err) == TM_ERR_FAULT ? TM_UNREADABLE : TM_REJECTED;
			tm_text_puts(why, tm_error_message(err));
			tm_error_free(err);
		} else if (s->initialized == 0 && tables[i]) {
			verdict = TM_REJECTED;
			tm_text_puts(why, "it is not initialized, but has tables");
		} else if (table.nentries) {
			verdict = TM_DOUBTFUL;
			tm_text_printf(why, "its configuration says that tracing is off, but a table holds %" PRIu64 " entries (stopped inside stop(), or damaged)", table.nentries);
		}
		if (verdict != TM_NOT_TRACING)
			return verdict;
	}
	return TM_NOT_TRACING;
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
		ret->verdict = judge_off(j, s, &ret->why);
		return NULL;
	}
	if (!s->has_tables || (!s->has_config && !s->traces)) {
		ret->verdict = TM_UNREADABLE;
		tm_text_puts(&ret->why, "the pointers to its tables are not in the memory at hand");
		return NULL;
	}
	struct tm_error *err = walk_all(j, s);
	if (err && about_table(err)) {
		ret->verdict = tm_error_code(err) == TM_ERR_FAULT ? TM_UNREADABLE : TM_REJECTED;
		tm_text_puts(&ret->why, tm_error_message(err));
		tm_error_free(err);
		return NULL;
	}
	if (err)
		return err;
	j->unlisted = unlisted(j);
	if (contradicts(j, s, &ret->why))
		return NULL;
	/* The rest speaks for it: one table is resized at a time, and each traceback has a hash. */
	bool counted = s->has_config || j->gone_entries;
	if (j->ngone && (j->ngone > 1 || !j->read.nread || !counted || ran(j))) { /* while it runs, our map of its memory is an old one */
		ret->verdict = TM_UNREADABLE;
		tm_text_printf(&ret->why, "the buckets of the table of %s are nowhere", j->gone);
		return NULL;
	}
	if (!s->has_config && !j->sums.count && !j->ngone) { /* empty tables, and nothing says that they are in use */
		ret->verdict = TM_UNREADABLE;
		tm_text_puts(&ret->why, "its tables are empty and its configuration was not found");
		return NULL;
	}
	ret->verdict = TM_TRACING;
	ret->gone = j->ngone;
	look_for_total(j, s);
	return freeze(j, ret);
}

struct tm_error *tm_judge(struct tm_finder *f, const struct tm_candidate *c, bool want_traces, struct tm_judgement *ret)
{
	struct judge j = { .f = f, .c = c, .b = { .want_traces = want_traces } };
	*ret = (struct tm_judgement) { 0 };
	tm_walk_init(&j.walk, f->target, c->layout);
	tm_tracebacks_init(&j.read, f->target, c->layout);
	if (want_traces) {
		j.read.lean = true;
		j.sums.singly = true;
	}
	struct tm_error *err = judge(&j, ret);
	tm_walk_deinit(&j.walk);
	tm_builder_deinit(&j.b);
	tm_gather_deinit(&j.sums);
	tm_tracebacks_deinit(&j.read);
	tm_listed_deinit(&j.listed);
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
