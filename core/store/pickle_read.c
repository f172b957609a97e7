/*
 * Snapshot.load() without an interpreter: a stack machine for the opcodes of Snapshot.dump(). Values are 8 bytes: a kind and
 * what it needs to be known again. A block becomes one of the result as soon as its tuple is made, so that the memo is all
 * that is needed besides.
 */
#include "tm/store.h"
#include "mapped.h"
#include "pickle.h"
#include "pickle_blocks.h"
#include "pickle_memo.h"
#include "tm/builder.h"
#include "tm/bytes.h"
#include "tm/text.h"
#include "tm/threads.h"
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

enum {
	MOST_VALUES = 1 << 20, /* on the stack; dump() puts up to 1000 blocks there, or the frames of one traceback */
	MOST_MARKS = 8,	       /* as many lists, dicts and tuples within each other; dump() needs 6 */
	MOST_NAMES = 1 << 28,
	KIND_BITS = 4,
	STEP = 1 << 20,	   /* bytes between two polls */
	LONG = 4 << 20,	   /* bytes that are worth a second thread */
	BLOCKS = 64,	   /* at a time, where nothing was found ahead */
};

enum kind {
	KIND_NONE, /* a number of the memo that was left out */
	KIND_NUMBER,
	KIND_BIG,    /* a number that does not fit: index into bigs */
	KIND_STRING, /* index into strings */
	KIND_FRAME,  /* name and line */
	KIND_FRAMES, /* index into runs */
	KIND_TRACE,  /* index into traces; it stands where it belongs already. All behind a mark are one value, the last */
	KIND_EMPTY,  /* () */
	KIND_LIST,
	KIND_DICT,   /* of an object's attributes: index into attributes */
	KIND_CLASS,  /* enum class */
	KIND_OBJECT, /* enum class */
};

enum class { SNAPSHOT, TRACES, NCLASSES };
static const char *const classes[] = { "Snapshot", "_Traces" };

enum attribute { HAS_TRACES = 1, HAS_LIMIT = 2, HAS_LIST = 4 };

struct string {
	const char *s;
	size_t len;
	uint32_t name; /* id + 1, when it was needed as a filename */
};

/* A tuple of frames. Nearly always it comes with one depth of the stack and in one domain. */
struct run {
	uint64_t first;
	uint32_t nframe;
	uint32_t depth, domain, traceback, tally; /* of its first block */
	bool used;				  /* there was one */
};

/* All blocks that were written with the same numbers, but for the size. */
struct sum {
	uint64_t key; /* the traceback's number in the memo, depth of the stack, domain; 0: free */
	uint32_t tally, traceback;
	uint64_t count, size; /* of fewer than 2^32 blocks below 2^31 */
};

struct entry {
	uint32_t id; /* + 1; 0: free */
	uint32_t hash;
};

/* Ids by the hash of what they stand for; open addressing. */
struct index {
	struct entry *slots;
	size_t n, nslots; /* a power of two */
};

struct reader {
	const char *name;
	const uint8_t *begin, *p, *end;
	const uint8_t *op; /* the opcode at work, for messages */
	const struct tm_poll *poll;
	uint64_t *stack, *top, *limit;
	uint64_t *marks[MOST_MARKS];
	unsigned nmarks;
	size_t gathered; /* blocks behind the last mark, while there is nothing else */
	struct tm_memo memo;
	TM_ARRAY(uint64_t) bigs;
	TM_ARRAY(struct string) strings;
	TM_ARRAY(struct run) runs;
	struct index by_frames;		      /* runs */
	struct index by_depth;		      /* tracebacks that are not their run's first */
	struct index by_domain;		      /* tallies that are not their run's first */
	struct tm_builder b;
	struct sum *sums; /* open addressing */
	size_t nsums, nslots; /* a power of two */
	unsigned attributes[NCLASSES], ndicts; /* enum attribute */
	bool made[NCLASSES], built[NCLASSES], has_list;
	unsigned fields; /* of a block; 0: not known yet */
	uint32_t traceback_limit;
	struct tm_block_form form;
	struct tm_scout *scout; /* NULL: none ahead of us */
	const uint8_t *pause;	/* where the machine stops */
	bool stopped;		   /* by the last opcode */
	uint64_t key[2]; /* for hashes: nobody can prepare a file whose ids all collide */
};

/* ---- what is wrong ---- */

static struct tm_error *place(const struct reader *r, struct tm_error *err)
{
	return tm_error_prefix(err, "%s: not a snapshot that tracemalloc wrote, at offset %zu", r->name, (size_t)(r->op - r->begin));
}

#define bad(r, ...) place((r), tm_error_new(TM_ERR_CORRUPT, __VA_ARGS__))
#define foreign(r, ...) place((r), tm_error_new(TM_ERR_UNSUPPORTED, __VA_ARGS__))

static struct tm_error *truncated(const struct reader *r)
{
	return tm_error_new(TM_ERR_CORRUPT, "%s: truncated: it ends at offset %zu, in the midst of a snapshot of tracemalloc", r->name,
		(size_t)(r->end - r->begin));
}

/* ---- values ---- */

static inline uint64_t value(enum kind kind, uint64_t v)
{
	return v << KIND_BITS | kind;
}

static inline enum kind kind_of(uint64_t v)
{
	return (enum kind)(v & ((1 << KIND_BITS) - 1));
}

static inline uint64_t content(uint64_t v)
{
	return v >> KIND_BITS;
}

static const char *describe(uint64_t v)
{
	static const char *const names[] = { "nothing", "a number", "a number", "a string", "a frame", "a traceback", "a block",
		"an empty tuple", "a list", "a dict", "a class", "an object" };
	return names[kind_of(v)];
}

static struct tm_error *too_many(const struct reader *r)
{
	return bad(r, "more than %d values are waiting to be used", MOST_VALUES);
}

static inline struct tm_error *push(struct reader *r, uint64_t v)
{
	if (__builtin_expect(r->top == r->limit, 0))
		return too_many(r);
	*r->top++ = v;
	return NULL;
}

/* Blocks stand behind the last mark, and nothing else. */
static inline bool gathers_blocks(const struct reader *r)
{
	const uint64_t *from = r->nmarks ? r->marks[r->nmarks - 1] : r->top;
	return r->top == from + 1 && kind_of(*from) == KIND_TRACE;
}

/* The last N blocks made. */
static struct tm_error *push_blocks(struct reader *r, size_t n)
{
	bool more = gathers_blocks(r);
	r->top -= more;
	r->gathered = more ? r->gathered + n : n;
	return r->gathered > MOST_VALUES ? too_many(r) : push(r, value(KIND_TRACE, r->b.traces.n - 1));
}

/* There are N values above the last mark. */
static inline bool has(const struct reader *r, size_t n)
{
	return (size_t)(r->top - (r->nmarks ? r->marks[r->nmarks - 1] : r->stack)) >= n;
}

static struct tm_error *too_few(const struct reader *r)
{
	return bad(r, "there is nothing for opcode 0x%02x to work on", *r->op);
}

static inline bool number_of(const struct reader *r, uint64_t v, uint64_t *ret)
{
	*ret = kind_of(v) == KIND_NUMBER ? content(v) : kind_of(v) == KIND_BIG ? r->bigs.items[content(v)] : 0;
	return kind_of(v) == KIND_NUMBER || kind_of(v) == KIND_BIG;
}

static struct tm_error *push_number(struct reader *r, uint64_t n)
{
	if (n >> (64 - KIND_BITS) == 0)
		return push(r, value(KIND_NUMBER, n));
	return tm_array_push(&r->bigs, n) ? push(r, value(KIND_BIG, r->bigs.n - 1)) : tm_error_nomem();
}

static struct tm_error *push_long(struct reader *r, const uint8_t *p, size_t n)
{
	uint64_t v = 0;
	if (n && p[n - 1] & 0x80)
		return bad(r, "a negative number");
	if (n > 9 || (n == 9 && p[8]))
		return bad(r, "a number of more than 64 bits");
	memcpy(&v, p, n < 8 ? n : 8);
	return push_number(r, v);
}

static struct tm_error *push_string(struct reader *r, const uint8_t *p, uint64_t len)
{
	if (len > (size_t)(r->end - p))
		return truncated(r);
	const char *s = (const char *)p, *end = s + len;
	while (s < end)
		if (tm_utf8_next(&s, end) & TM_BAD_BYTE)
			return bad(r, "a string that is not UTF-8");
	r->p = p + len;
	return tm_array_push(&r->strings, ((struct string) { (const char *)p, (size_t)len, 0 })) ? push(r, value(KIND_STRING, r->strings.n - 1))
												   : tm_error_nomem();
}

static bool string_is(const struct reader *r, uint64_t v, const char *word)
{
	if (kind_of(v) != KIND_STRING)
		return false;
	const struct string *s = &r->strings.items[content(v)];
	return s->len == strlen(word) && memcmp(s->s, word, s->len) == 0;
}

/* ---- finding again ---- */

static inline uint64_t mix(const struct reader *r, uint64_t h, uint64_t v)
{
	tm_u128 m = (tm_u128)(h ^ v) * r->key[1];
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

/* The next entry of this hash behind AFTER (NULL: from the beginning on), or a free one. */
static struct entry *probe(const struct index *x, uint32_t hash, const struct entry *after)
{
	size_t k = after ? (size_t)(after - x->slots) + 1 : hash;
	for (k &= x->nslots - 1; x->slots[k].id && x->slots[k].hash != hash;)
		k = (k + 1) & (x->nslots - 1);
	return &x->slots[k];
}

/* Room for one more. */
static bool reserve(struct index *x)
{
	struct index bigger = { .n = x->n, .nslots = x->nslots ? x->nslots * 2 : 1024 };
	if ((x->n + 1) * 4 <= x->nslots * 3)
		return true;
	bigger.slots = calloc(bigger.nslots, sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < x->nslots; i++) {
		size_t k = x->slots[i].hash & (bigger.nslots - 1);
		if (!x->slots[i].id)
			continue;
		while (bigger.slots[k].id)
			k = (k + 1) & (bigger.nslots - 1);
		bigger.slots[k] = x->slots[i];
	}
	free(x->slots);
	*x = bigger;
	return true;
}

static void enter(struct index *x, struct entry *e, uint32_t hash, size_t id)
{
	*e = (struct entry) { (uint32_t)id + 1, hash };
	x->n++;
}

/* ---- tuples: a frame, a traceback, a block ---- */

static struct tm_error *make_frame(struct reader *r, const uint64_t *v, uint64_t *ret)
{
	struct string *s = &r->strings.items[content(v[0])];
	uint64_t lineno;
	if (!number_of(r, v[1], &lineno))
		return foreign(r, "a tuple of a string and %s", describe(v[1]));
	if (lineno > UINT32_MAX)
		return bad(r, "a line number of %llu", (unsigned long long)lineno);
	if (!s->name) {
		uint32_t id = tm_intern(&r->b.names, s->s, s->len);
		if (id == UINT32_MAX)
			return tm_error_nomem();
		if (id >= MOST_NAMES)
			return bad(r, "more than %d filenames", MOST_NAMES);
		s->name = id + 1;
	}
	*ret = value(KIND_FRAME, (uint64_t)(s->name - 1) << 32 | lineno);
	return NULL;
}

/* The N frames that end the builder's become a run, unless there is such a run already. */
static bool make_run(struct reader *r, uint32_t n, uint64_t hash64, uint64_t *ret)
{
	uint32_t hash = (uint32_t)(hash64 ^ hash64 >> 32);
	const struct tm_frame *frames = r->b.frames.items + r->b.frames.n - n;
	if (!reserve(&r->by_frames))
		return false;
	struct entry *e = probe(&r->by_frames, hash, NULL);
	for (; e->id; e = probe(&r->by_frames, hash, e)) {
		const struct run *have = &r->runs.items[e->id - 1];
		if (have->nframe == n && !memcmp(r->b.frames.items + have->first, frames, n * sizeof *frames)) {
			r->b.frames.n -= n;
			*ret = e->id - 1;
			return true;
		}
	}
	if (!tm_array_push(&r->runs, ((struct run) { .first = r->b.frames.n - n, .nframe = n })))
		return false;
	*ret = r->runs.n - 1;
	enter(&r->by_frames, e, hash, (size_t)*ret);
	return true;
}

static struct tm_error *make_frames(struct reader *r, const uint64_t *v, size_t n, uint64_t *ret)
{
	uint64_t hash = r->key[0], run;
	if (r->runs.n >= UINT32_MAX - 1)
		return foreign(r, "more than %u tracebacks", UINT32_MAX - 1);
	if (!tm_array_reserve(&r->b.frames, n))
		return tm_error_nomem();
	struct tm_frame *f = r->b.frames.items + r->b.frames.n;
	for (size_t i = 0; i < n; i++) {
		uint64_t x = content(v[i]);
		if (kind_of(v[i]) != KIND_FRAME)
			return foreign(r, "a tuple of a frame and %s", describe(v[i]));
		f[i] = (struct tm_frame) { (uint32_t)(x >> 32), (uint32_t)x };
		hash = mix(r, hash, x);
	}
	r->b.frames.n += n;
	if (!make_run(r, (uint32_t)n, hash, &run))
		return tm_error_nomem();
	*ret = value(KIND_FRAMES, run);
	return NULL;
}

static bool new_traceback(struct reader *r, const struct run *run, uint32_t depth, uint32_t *ret)
{
	*ret = (uint32_t)r->b.tracebacks.n;
	return r->b.tracebacks.n < UINT32_MAX - 1 &&
		tm_array_push(&r->b.tracebacks, ((struct tm_traceback) { run->first, run->nframe, depth }));
}

static bool new_tally(struct reader *r, uint32_t traceback, uint32_t domain, uint32_t *ret)
{
	*ret = (uint32_t)r->b.tallies.n;
	return r->b.tallies.n < UINT32_MAX - 1 &&
		tm_array_push(&r->b.tallies, ((struct tm_tally) { .traceback = traceback, .domain = domain }));
}

/* The traceback of RUN at another depth than its first one. */
static bool other_traceback(struct reader *r, const struct run *run, uint32_t depth, uint32_t *ret)
{
	uint64_t h = mix(r, mix(r, r->key[0], run->first), depth);
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	if (!reserve(&r->by_depth))
		return false;
	struct entry *e = probe(&r->by_depth, hash, NULL);
	for (; e->id; e = probe(&r->by_depth, hash, e)) {
		const struct tm_traceback *tb = &r->b.tracebacks.items[e->id - 1];
		if (tb->first == run->first && tb->total_nframe == depth) {
			*ret = e->id - 1;
			return true;
		}
	}
	if (!new_traceback(r, run, depth, ret))
		return false;
	enter(&r->by_depth, e, hash, *ret);
	return true;
}

static bool other_tally(struct reader *r, uint32_t traceback, uint32_t domain, uint32_t *ret)
{
	uint64_t h = mix(r, r->key[0], (uint64_t)traceback << 32 | domain);
	uint32_t hash = (uint32_t)(h ^ h >> 32);
	if (!reserve(&r->by_domain))
		return false;
	struct entry *e = probe(&r->by_domain, hash, NULL);
	for (; e->id; e = probe(&r->by_domain, hash, e)) {
		const struct tm_tally *t = &r->b.tallies.items[e->id - 1];
		if (t->traceback == traceback && t->domain == domain) {
			*ret = e->id - 1;
			return true;
		}
	}
	if (!new_tally(r, traceback, domain, ret))
		return false;
	enter(&r->by_domain, e, hash, *ret);
	return true;
}

/* Where blocks of RUN at DEPTH and in DOMAIN belong. */
static bool tally_of(struct reader *r, struct run *run, uint32_t depth, uint32_t domain, uint32_t *ret_traceback, uint32_t *ret_tally)
{
	if (!run->used) {
		if (!new_traceback(r, run, depth, &run->traceback) || !new_tally(r, run->traceback, domain, &run->tally))
			return false;
		run->used = true;
		run->depth = depth;
		run->domain = domain;
	}
	*ret_traceback = run->traceback;
	*ret_tally = run->tally;
	if (depth == run->depth && domain == run->domain)
		return true;
	return (depth == run->depth || other_traceback(r, run, depth, ret_traceback)) &&
		other_tally(r, *ret_traceback, domain, ret_tally);
}

/* Whose frames begin at FIRST: they stand in that order. */
static struct run *run_at(struct reader *r, uint64_t first)
{
	size_t low = 0, high = r->runs.n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (r->runs.items[middle].first <= first)
			low = middle;
		else
			high = middle;
	}
	return &r->runs.items[low];
}

static void add(struct tm_tally *t, uint64_t count, uint64_t size)
{
	t->count += count;
	t->size_high += __builtin_add_overflow(t->size_low, size, &t->size_low);
}

/* One more block of the result. */
static struct tm_error *add_trace(struct reader *r, struct run *run, uint32_t depth, uint32_t domain, uint64_t size)
{
	uint32_t traceback, tally;
	if (!tally_of(r, run, depth, domain, &traceback, &tally) ||
	    !tm_array_push(&r->b.traces, ((struct tm_trace) { 0, size, domain, traceback })))
		return tm_error_nomem();
	add(&r->b.tallies.items[tally], 1, size);
	return NULL;
}

static struct tm_error *wrong_block(const struct reader *r, const uint64_t *v, size_t n)
{
	static const char *const fields[] = { "domain", "size", "traceback", "depth of the stack" };
	uint64_t number;
	for (size_t i = 0; i < n; i++) {
		enum kind kind = kind_of(v[i]);
		if (i == 2 ? kind != KIND_FRAMES : !number_of(r, v[i], &number))
			return foreign(r, "the %s of a block is %s", fields[i], describe(v[i]));
		if (i != 2 && i != 1 && number > UINT32_MAX)
			return bad(r, "the %s of a block is %llu", fields[i], (unsigned long long)number);
	}
	if (r->fields != n)
		return bad(r, "a block of %zu fields among blocks of %u", n, r->fields);
	return foreign(r, "more than %u blocks", UINT32_MAX);
}

/* (domain, size, traceback), and from 3.9 on the depth of the stack. */
static struct tm_error *make_trace(struct reader *r, const uint64_t *v, size_t n, uint64_t *ret)
{
	uint64_t domain, size, depth = 0;
	if (__builtin_expect(!r->fields, 0)) {
		r->fields = (unsigned)n;
		r->form.four = n == 4;
	}
	bool good = number_of(r, v[0], &domain) && number_of(r, v[1], &size) && kind_of(v[2]) == KIND_FRAMES;
	if (n == 4)
		good = number_of(r, v[3], &depth) && good;
	if (__builtin_expect(!good || (domain | depth) > UINT32_MAX || r->fields != n || r->b.traces.n == UINT32_MAX, 0))
		return wrong_block(r, v, n);
	*ret = value(KIND_TRACE, r->b.traces.n);
	return add_trace(r, &r->runs.items[content(v[2])], (uint32_t)depth, (uint32_t)domain, size);
}

/* The values from V to the top become one. */
static inline struct tm_error *tuple(struct reader *r, uint64_t *v)
{
	size_t n = (size_t)(r->top - v);
	uint64_t made = value(KIND_EMPTY, 0);
	struct tm_error *err = NULL;
	if ((n == 4 || n == 3) && kind_of(v[0]) == KIND_NUMBER)
		err = make_trace(r, v, n, &made);
	else if (n == 2 && kind_of(v[0]) == KIND_STRING)
		err = make_frame(r, v, &made);
	else if (n && kind_of(v[0]) == KIND_FRAME)
		err = make_frames(r, v, n, &made);
	else if (n)
		err = foreign(r, "a tuple of %zu that begins with %s", n, describe(v[0]));
	if (err)
		return err;
	r->top = v;
	return kind_of(made) == KIND_TRACE ? push_blocks(r, 1) : push(r, made);
}

static struct tm_error *last_tuple(struct reader *r, size_t n)
{
	return has(r, n) ? tuple(r, r->top - n) : too_few(r);
}

/* ---- the list, the objects and their attributes ---- */

static struct tm_error *append(struct reader *r, uint64_t *from)
{
	if (!has(r, (size_t)(r->top - from) + 1) || kind_of(from[-1]) != KIND_LIST)
		return bad(r, "appending to what is no list");
	for (const uint64_t *v = from; v < r->top; v++)
		if (kind_of(*v) != KIND_TRACE)
			return foreign(r, "a list of %s", describe(*v));
	r->top = from;
	return NULL;
}

static struct tm_error *set_items(struct reader *r, uint64_t *from)
{
	if (!has(r, (size_t)(r->top - from) + 1) || kind_of(from[-1]) != KIND_DICT || (r->top - from) % 2)
		return bad(r, "setting items of what is no dict");
	unsigned *has_it = &r->attributes[content(from[-1])];
	for (const uint64_t *v = from; v < r->top; v += 2) {
		uint64_t n;
		if (string_is(r, v[0], "traces") && v[1] == value(KIND_OBJECT, TRACES) && r->built[TRACES]) {
			*has_it |= HAS_TRACES;
		} else if (string_is(r, v[0], "_traces") && kind_of(v[1]) == KIND_LIST) {
			*has_it |= HAS_LIST;
		} else if (string_is(r, v[0], "traceback_limit") && number_of(r, v[1], &n) && n <= UINT32_MAX) {
			*has_it |= HAS_LIMIT;
			r->traceback_limit = (uint32_t)n;
		} else {
			return foreign(r, "an attribute that is not one of a snapshot's, or not of its kind");
		}
	}
	r->top = from;
	return NULL;
}

static struct tm_error *build(struct reader *r)
{
	static const unsigned needed[] = { [SNAPSHOT] = HAS_TRACES | HAS_LIMIT, [TRACES] = HAS_LIST };
	if (!has(r, 2) || kind_of(r->top[-1]) != KIND_DICT || kind_of(r->top[-2]) != KIND_OBJECT)
		return bad(r, "attributes of what is no object");
	uint64_t class = content(r->top[-2]);
	if (r->attributes[content(r->top[-1])] != needed[class])
		return foreign(r, "an object of tracemalloc.%s with other attributes than it has", classes[class]);
	r->built[class] = true;
	r->top--;
	return NULL;
}

static struct tm_error *new_object(struct reader *r)
{
	if (!has(r, 2) || kind_of(r->top[-1]) != KIND_EMPTY || kind_of(r->top[-2]) != KIND_CLASS)
		return bad(r, "an object of what is no class");
	uint64_t class = content(r->top[-2]);
	if (r->made[class])
		return foreign(r, "a second object of tracemalloc.%s", classes[class]);
	r->made[class] = true;
	r->top -= 2;
	return push(r, value(KIND_OBJECT, class));
}

static struct tm_error *new_list(struct reader *r)
{
	if (r->has_list)
		return foreign(r, "a second list");
	r->has_list = true;
	return push(r, value(KIND_LIST, 0));
}

static struct tm_error *new_dict(struct reader *r)
{
	if (r->ndicts == NCLASSES)
		return foreign(r, "a third dict");
	return push(r, value(KIND_DICT, r->ndicts++));
}

static struct tm_error *other_class(const struct reader *r, const char *module, size_t nmodule, const char *name, size_t nname)
{
	struct tm_text t = { 0 };
	tm_text_escape(&t, module, nmodule < 64 ? nmodule : 64);
	tm_text_putc(&t, '.');
	tm_text_escape(&t, name, nname < 64 ? nname : 64);
	struct tm_error *err = foreign(r, "it asks for %s; tm calls nothing, and a snapshot is made of tracemalloc.Snapshot and "
		"tracemalloc._Traces alone", tm_text_str(&t));
	tm_text_free(&t);
	return err;
}

static struct tm_error *push_class(struct reader *r, const char *module, size_t nmodule, const char *name, size_t nname)
{
	static const char own[] = "tracemalloc";
	for (size_t i = 0; i < NCLASSES && nmodule == sizeof own - 1 && !memcmp(module, own, nmodule); i++)
		if (nname == strlen(classes[i]) && !memcmp(name, classes[i], nname))
			return push(r, value(KIND_CLASS, i));
	return other_class(r, module, nmodule, name, nname);
}

/* Two lines follow: protocols 2 and 3. */
static struct tm_error *global(struct reader *r)
{
	const uint8_t *module = r->p, *end1 = memchr(module, '\n', (size_t)(r->end - module));
	const uint8_t *end2 = end1 ? memchr(end1 + 1, '\n', (size_t)(r->end - end1 - 1)) : NULL;
	if (!end2)
		return truncated(r);
	r->p = end2 + 1;
	return push_class(r, (const char *)module, (size_t)(end1 - module), (const char *)end1 + 1, (size_t)(end2 - end1 - 1));
}

static struct tm_error *stack_global(struct reader *r)
{
	if (!has(r, 2) || kind_of(r->top[-1]) != KIND_STRING || kind_of(r->top[-2]) != KIND_STRING)
		return bad(r, "a class whose name is no string");
	const struct string *module = &r->strings.items[content(r->top[-2])], *name = &r->strings.items[content(r->top[-1])];
	r->top -= 2;
	return push_class(r, module->s, module->len, name->s, name->len);
}

/* ---- the memo ---- */

static struct tm_error *memoize(struct reader *r)
{
	if (!has(r, 1))
		return too_few(r);
	uint64_t v = r->top[-1];
	bool ok = kind_of(v) == KIND_TRACE ? tm_memo_add_blocks(&r->memo, content(v), 1) : tm_memo_add_value(&r->memo, v);
	return ok ? NULL : tm_error_nomem();
}

static struct tm_error *put(struct reader *r, size_t number)
{
	if (number < r->memo.n)
		return foreign(r, "number %zu of the memo comes a second time", number);
	if (number > (size_t)(r->end - r->begin)) /* numbers may be left out, but each took a byte */
		return bad(r, "number %zu of the memo, in a file of %zu bytes", number, (size_t)(r->end - r->begin));
	while (r->memo.n < number)
		if (!tm_memo_add_value(&r->memo, value(KIND_NONE, 0)))
			return tm_error_nomem();
	return memoize(r);
}

static inline uint64_t memo_get(const struct reader *r, size_t number)
{
	uint64_t v = value(KIND_NONE, 0);
	if (number < r->memo.n && !tm_memo_get(&r->memo, number, &v))
		v = value(KIND_TRACE, v);
	return v;
}

/* A block that comes again is another block of the list, wherever it stands. */
static struct tm_error *again(struct reader *r, struct tm_trace t)
{
	if (r->b.traces.n == UINT32_MAX)
		return foreign(r, "more than %u blocks", UINT32_MAX);
	const struct tm_traceback *tb = &r->b.tracebacks.items[t.traceback];
	struct tm_error *err = add_trace(r, run_at(r, tb->first), tb->total_nframe, t.domain, t.size);
	return err ? err : push_blocks(r, 1);
}

static inline struct tm_error *get(struct reader *r, size_t number)
{
	uint64_t v = memo_get(r, number);
	if (__builtin_expect(kind_of(v) == KIND_NONE, 0))
		return bad(r, "number %zu of the memo, which nothing was put under", number);
	return __builtin_expect(kind_of(v) == KIND_TRACE, 0) ? again(r, r->b.traces.items[content(v)]) : push(r, v);
}

/* ---- many blocks at once: nearly all of a file ---- */

static bool more_sums(struct reader *r)
{
	enum { LARGE_PAGE = 2 << 20 };
	size_t n = r->nslots * 2, size = n * sizeof *r->sums;
	struct sum *sums = size < LARGE_PAGE ? malloc(size) : aligned_alloc(LARGE_PAGE, size);
	if (!sums)
		return false;
	if (size >= LARGE_PAGE)
		madvise(sums, size, MADV_HUGEPAGE);
	memset(sums, 0, size);
	for (size_t i = 0; i < r->nslots; i++) {
		size_t k = tm_block_hash(&r->form, r->sums[i].key) & (n - 1);
		if (!r->sums[i].key)
			continue;
		while (sums[k].key)
			k = (k + 1) & (n - 1);
		sums[k] = r->sums[i];
	}
	free(r->sums);
	r->sums = sums;
	r->nslots = n;
	return true;
}

/* The first block of these numbers. NULL: there is no such traceback, or memory is short. */
static __attribute__((noinline)) struct sum *new_sum(struct reader *r, const struct tm_block *b)
{
	uint32_t tally, traceback;
	uint64_t v = memo_get(r, tm_block_memo(b->key));
	if (kind_of(v) != KIND_FRAMES ||
	    !tally_of(r, &r->runs.items[content(v)], tm_block_depth(b->key), tm_block_domain(b->key), &traceback, &tally))
		return NULL;
	if ((r->nsums + 1) * 4 > r->nslots * 3 && !more_sums(r))
		return NULL;
	size_t k = b->hash & (r->nslots - 1);
	while (r->sums[k].key)
		k = (k + 1) & (r->nslots - 1);
	r->nsums++;
	r->sums[k] = (struct sum) { .key = b->key, .tally = tally, .traceback = traceback };
	return &r->sums[k];
}

static inline struct sum *find_sum(struct reader *r, const struct tm_block *b)
{
	size_t mask = r->nslots - 1;
	for (size_t k = b->hash & mask; r->sums[k].key; k = (k + 1) & mask)
		if (r->sums[k].key == b->key)
			return &r->sums[k];
	return new_sum(r, b);
}

/* Where block N of a row begins. */
static const uint8_t *place_of(const struct reader *r, const uint8_t *row, size_t n)
{
	struct tm_block blocks[BLOCKS];
	for (size_t i = 0; i < n;)
		i += tm_blocks_take(&r->form, row, r->end, r->memo.n + i, blocks, n - i < BLOCKS ? n - i : BLOCKS, &row);
	return row;
}

/*
 * Makes N blocks, from here to END, part of the result. KNOWN: how many there are altogether, which come soon. What is wrong with one
 * of them is for the machine to say.
 */
static struct tm_error *add_blocks(struct reader *r, const struct tm_block *blocks, size_t n, size_t known, const uint8_t *end)
{
	enum { AHEAD = 16 }; /* sums are at random places in memory: they are asked for early */
	struct sum *sum;
	size_t i;
	if (!tm_array_reserve(&r->b.traces, n))
		return tm_error_nomem();
	struct tm_trace *t = r->b.traces.items + r->b.traces.n;
	for (i = 0; i < n; i++) {
		__builtin_prefetch(&r->sums[blocks[i + AHEAD < known ? i + AHEAD : i].hash & (r->nslots - 1)]);
		if (!(sum = find_sum(r, &blocks[i])))
			break;
		sum->count++;
		sum->size += blocks[i].size;
		t[i] = (struct tm_trace) { 0, blocks[i].size, tm_block_domain(blocks[i].key), sum->traceback };
	}
	r->p = i == n ? end : place_of(r, r->p, i);
	if (!i)
		return NULL;
	if (!tm_memo_add_blocks(&r->memo, r->b.traces.n, i))
		return tm_error_nomem();
	r->b.traces.n += i;
	return push_blocks(r, i);
}

/* A list is being filled, and what comes next can be blocks for it. */
static inline bool fills_list(const struct reader *r)
{
	if (!r->nmarks || !r->fields)
		return false;
	const uint64_t *from = r->marks[r->nmarks - 1];
	return gathers_blocks(r) || (r->top == from && from > r->stack && from < r->limit && kind_of(from[-1]) == KIND_LIST);
}

static struct tm_error *many_blocks(struct reader *r)
{
	struct tm_block few[BLOCKS];
	struct tm_error *err = NULL;
	size_t n = 1, known;
	while (!err && n && r->p - r->op < STEP) {
		const uint8_t *end, *limit = r->end;
		const struct tm_block *blocks = few;
		const struct tm_block_row *row = r->scout ? tm_scout_row(r->scout, r->p, &limit, &blocks, &known) : NULL;
		if (row && row->begin == r->p) {
			n = row->n;
			end = row->end;
		} else {
			blocks = few;
			n = known = tm_blocks_take(&r->form, r->p, limit, r->memo.n, few, BLOCKS, &end);
		}
		if (n > UINT32_MAX - r->b.traces.n)
			return NULL; /* the machine says so */
		err = add_blocks(r, blocks, n, known, end);
		n = r->p == end ? n : 0;
	}
	return err;
}

/* ---- the machine ---- */

/* What every opcode takes with it in bytes; the rest of a string or number comes behind that. Others: not one of dump()'s. */
static const struct {
	bool known;
	uint8_t bytes;
} opcodes[256] = {
	[OP_PROTO] = { true, 1 }, [OP_FRAME] = { true, 8 }, [OP_STOP] = { true, 0 }, [OP_MARK] = { true, 0 },
	[OP_BININT] = { true, 4 }, [OP_BININT1] = { true, 1 }, [OP_BININT2] = { true, 2 }, [OP_LONG1] = { true, 1 },
	[OP_SHORT_BINUNICODE] = { true, 1 }, [OP_BINUNICODE] = { true, 4 }, [OP_BINUNICODE8] = { true, 8 },
	[OP_EMPTY_TUPLE] = { true, 0 }, [OP_TUPLE1] = { true, 0 }, [OP_TUPLE2] = { true, 0 }, [OP_TUPLE3] = { true, 0 },
	[OP_TUPLE] = { true, 0 }, [OP_EMPTY_LIST] = { true, 0 }, [OP_APPEND] = { true, 0 }, [OP_APPENDS] = { true, 0 },
	[OP_EMPTY_DICT] = { true, 0 }, [OP_SETITEM] = { true, 0 }, [OP_SETITEMS] = { true, 0 }, [OP_GLOBAL] = { true, 0 },
	[OP_STACK_GLOBAL] = { true, 0 }, [OP_NEWOBJ] = { true, 0 }, [OP_BUILD] = { true, 0 }, [OP_MEMOIZE] = { true, 0 },
	[OP_BINPUT] = { true, 1 }, [OP_LONG_BINPUT] = { true, 4 }, [OP_BINGET] = { true, 1 }, [OP_LONG_BINGET] = { true, 4 },
};

static struct tm_error *mark(struct reader *r)
{
	if (r->nmarks == MOST_MARKS)
		return bad(r, "containers within containers, more than %d deep", MOST_MARKS);
	r->marks[r->nmarks++] = r->top;
	return NULL;
}

/* What stands above the last mark, by what is done with it. */
static inline struct tm_error *marked(struct reader *r, uint8_t op)
{
	if (!r->nmarks)
		return bad(r, "the end of what nothing began");
	uint64_t *from = r->marks[--r->nmarks];
	return op == OP_TUPLE ? tuple(r, from) : op == OP_APPENDS ? append(r, from) : set_items(r, from);
}

static struct tm_error *long1(struct reader *r, size_t n)
{
	const uint8_t *p = r->p;
	if ((size_t)(r->end - p) < n)
		return truncated(r);
	r->p += n;
	return push_long(r, p, n);
}

static struct tm_error *binint(struct reader *r, uint32_t v)
{
	return v >> 31 ? bad(r, "a negative number") : push(r, value(KIND_NUMBER, v));
}

static struct tm_error *proto(struct reader *r, unsigned version)
{
	if (r->op != r->begin)
		return bad(r, "a second beginning");
	return version < 2 || version > 5 ? foreign(r, "pickle protocol %u; snapshots come in protocols 2 to 5", version) : NULL;
}

static struct tm_error *unknown(const struct reader *r)
{
	return foreign(r, "0x%02x is no opcode of a snapshot", *r->op);
}

/* One opcode; A: what it takes with it. */
static inline struct tm_error *step(struct reader *r, uint8_t op, const uint8_t *a)
{
	switch (op) {
	case OP_MARK:
		return mark(r);
	case OP_BININT1:
		return push(r, value(KIND_NUMBER, a[0]));
	case OP_BININT2:
		return push(r, value(KIND_NUMBER, tm_load16(a, false)));
	case OP_BININT:
		return binint(r, tm_load32(a, false));
	case OP_BINGET:
		return get(r, a[0]);
	case OP_LONG_BINGET:
		return get(r, tm_load32(a, false));
	case OP_TUPLE:
	case OP_APPENDS:
	case OP_SETITEMS:
		return marked(r, op);
	case OP_MEMOIZE:
		return memoize(r);
	case OP_LONG1:
		return long1(r, a[0]);
	case OP_TUPLE1:
	case OP_TUPLE2:
	case OP_TUPLE3:
		return last_tuple(r, op - OP_TUPLE1 + 1u);
	case OP_SHORT_BINUNICODE:
		return push_string(r, a + 1, a[0]);
	case OP_BINUNICODE:
		return push_string(r, a + 4, tm_load32(a, false));
	case OP_BINUNICODE8:
		return push_string(r, a + 8, tm_load64(a, false));
	case OP_BINPUT:
		return put(r, a[0]);
	case OP_LONG_BINPUT:
		return put(r, tm_load32(a, false));
	case OP_FRAME:
		return tm_load64(a, false) > (size_t)(r->end - r->p) ? truncated(r) : NULL;
	case OP_EMPTY_TUPLE:
		return push(r, value(KIND_EMPTY, 0));
	case OP_EMPTY_LIST:
		return new_list(r);
	case OP_EMPTY_DICT:
		return new_dict(r);
	case OP_APPEND:
		return has(r, 1) ? append(r, r->top - 1) : too_few(r);
	case OP_SETITEM:
		return has(r, 2) ? set_items(r, r->top - 2) : too_few(r);
	case OP_GLOBAL:
		return global(r);
	case OP_STACK_GLOBAL:
		return stack_global(r);
	case OP_NEWOBJ:
		return new_object(r);
	case OP_BUILD:
		return build(r);
	case OP_PROTO:
		return proto(r, a[0]);
	case OP_STOP:
		r->stopped = true;
		return NULL;
	default:
		return unknown(r);
	}
}

/* Until the end, or the first opcode behind the pause. */
static struct tm_error *machine(void *ctx)
{
	struct reader *r = ctx;
	struct tm_error *err = NULL;
	size_t next_poll = (size_t)(r->p - r->begin) + STEP;
	while (!err && !r->stopped && r->p < r->pause) {
		r->op = r->p++;
		if ((size_t)(r->end - r->p) < opcodes[*r->op].bytes)
			return truncated(r);
		const uint8_t *a = r->p;
		r->p += opcodes[*r->op].bytes;
		err = step(r, *r->op, a);
		if (!err && fills_list(r))
			err = many_blocks(r);
		size_t done = (size_t)(r->p - r->begin);
		if (__builtin_expect(done > next_poll && !err, 0)) {
			next_poll = done + STEP;
			err = tm_poll(r->poll, "reading the pickle", done, (uint64_t)(r->end - r->begin));
		}
	}
	return err;
}

/*
 * What a part of a long file needed tells what all of it needs, at most. These arrays grow for long: they are not to be copied for
 * it, and to lie in large pages, where the system has them.
 */
static void enlarge(void **items, size_t n, size_t *cap, size_t size, double times)
{
	size_t most = (size_t)((double)n * times), page = 4096;
	if (most * size < LONG || most <= *cap || !tm_array_grow(items, cap, most, size)) /* not yet needed: so no error */
		return;
	uintptr_t begin = (uintptr_t)*items / page * page; /* with malloc's header: else it could not grow in place */
	madvise((void *)begin, (size_t)((uintptr_t)*items + *cap * size - begin), MADV_HUGEPAGE);
}

#define foresee_array(a, times) enlarge((void **)&(a)->items, (a)->n, &(a)->cap, sizeof *(a)->items, times)

static void foresee(struct reader *r)
{
	double times = (double)(r->end - r->begin) / (double)(r->p - r->begin) * 1.01;
	foresee_array(&r->b.traces, times);
	foresee_array(&r->b.frames, times);
	foresee_array(&r->b.tracebacks, times);
	foresee_array(&r->b.tallies, times);
	foresee_array(&r->runs, times);
	foresee_array(&r->memo.values, times);
	foresee_array(&r->memo.words, times);
}

/* ---- on two processors ---- */

static struct tm_error *follow(void *ctx)
{
	struct reader *r = ctx;
	struct tm_error *err = machine(r);
	tm_scout_end(r->scout);
	return err;
}

static struct tm_error *look_ahead(void *ctx)
{
	tm_scout_run(ctx);
	return NULL;
}

/* The machine, and a scout ahead of it. */
static struct tm_error *follow_scout(struct reader *r)
{
	struct tm_poll poll = { 0 }, none = { 0 };
	struct tm_scout scout = { .form = r->form, .begin = r->p, .room = (uint8_t *)(r->b.traces.items + r->b.traces.n),
		.size = (r->b.traces.cap - r->b.traces.n) * sizeof *r->b.traces.items, .each = sizeof *r->b.traces.items };
	struct tm_job jobs[] = { { .work = follow, .ctx = r, .poll = &poll }, { .work = look_ahead, .ctx = &scout, .poll = &none } };
	r->scout = &scout;
	struct tm_error *err = tm_threads_run(jobs, 2);
	r->scout = NULL;
	tm_scout_deinit(&scout);
	return err;
}

static struct tm_error *run(struct reader *r)
{
	r->pause = r->begin + (r->end - r->begin < LONG ? r->end - r->begin : STEP);
	struct tm_error *err = machine(r);
	if (!err && !r->stopped && r->p < r->end) {
		r->pause = r->end;
		foresee(r);
		err = r->fields && tm_threads_count() > 1 ? follow_scout(r) : machine(r);
	}
	if (!err && !r->stopped)
		err = truncated(r);
	if (!err && (r->nmarks || r->top - r->stack != 1 || *r->stack != value(KIND_OBJECT, SNAPSHOT) || !r->built[SNAPSHOT]))
		return foreign(r, "what it holds is no snapshot");
	if (!err && r->p != r->end)
		return bad(r, "it ends here, but %zu bytes follow", (size_t)(r->end - r->p));
	return err;
}

/* ---- from the reader to the snapshot ---- */

static struct tm_error *finish(struct reader *r, struct tm_snapshot **ret)
{
	uint64_t truncated = 0;
	for (size_t i = 0; i < r->nslots; i++)
		if (r->sums[i].key)
			add(&r->b.tallies.items[r->sums[i].tally], r->sums[i].count, r->sums[i].size);
	for (size_t i = 0; i < r->b.tallies.n; i++) {
		const struct tm_traceback *tb = &r->b.tracebacks.items[r->b.tallies.items[i].traceback];
		truncated += tb->total_nframe > tb->nframe ? r->b.tallies.items[i].count : 0;
	}
	r->b.want_traces = true;
	r->b.ntraces = r->b.traces.n;
	struct tm_snapshot *s = tm_builder_freeze(&r->b);
	if (!s)
		return tm_error_nomem();
	struct tm_about *a = &s->about;
	a->tracing = a->has_limit = a->complete = true;
	a->limit = r->traceback_limit;
	a->has_total_nframe = r->fields == 4;
	a->truncated = truncated;
	a->python_minor = r->fields == 4 ? 0x0309 : r->fields == 3 ? 0x0308 : 0;
	a->source = strdup("tracemalloc's own pickle");
	a->python = r->fields ? strdup(r->fields == 4 ? "3.9 or newer" : "3.8 or older") : NULL;
	if (!a->source || (r->fields && !a->python) || asprintf(&a->target, "tracemalloc pickle %s", r->name) < 0) {
		tm_snapshot_unref(s);
		return tm_error_nomem();
	}
	*ret = s;
	return NULL;
}

static void reader_deinit(struct reader *r)
{
	free(r->stack);
	tm_memo_deinit(&r->memo);
	tm_array_free(&r->bigs);
	tm_array_free(&r->strings);
	tm_array_free(&r->runs);
	free(r->by_frames.slots);
	free(r->by_depth.slots);
	free(r->by_domain.slots);
	free(r->sums);
	tm_builder_deinit(&r->b);
}

bool tm_pickle_is(const void *head, size_t len)
{
	const uint8_t *p = head;
	return len >= 2 && p[0] == OP_PROTO && p[1] >= 2 && p[1] <= 5;
}

struct tm_error *tm_snapshot_parse_pickle(const void *bytes, size_t len, const char *name, const struct tm_poll *poll,
	struct tm_snapshot **ret)
{
	struct reader r = { .name = name, .begin = bytes, .op = bytes, .p = bytes, .poll = poll, .nslots = 1024 };
	if (!tm_pickle_is(bytes, len))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a pickle of protocols 2 to 5", name);
	r.end = r.begin + len;
	if (getrandom(r.key, sizeof r.key, GRND_NONBLOCK) < 0) /* at boot only: then without that defence */
		r.key[0] = (uintptr_t)&r;
	r.key[1] |= 1;
	r.form = (struct tm_block_form) { .secret = { r.key[0], r.key[1] }, .end = r.end };
	size_t most = len < MOST_VALUES ? len : MOST_VALUES; /* a value takes a byte, at least */
	r.stack = r.top = malloc(most * sizeof *r.stack);
	r.sums = calloc(r.nslots, sizeof *r.sums);
	if (!r.stack || !r.sums) {
		reader_deinit(&r);
		return tm_error_nomem();
	}
	r.limit = r.stack + most;
	struct tm_error *err = run(&r);
	if (!err)
		err = finish(&r, ret);
	reader_deinit(&r);
	return err;
}

struct tm_error *tm_snapshot_load_pickle(const char *path, const struct tm_poll *poll, struct tm_snapshot **ret)
{
	struct tm_mapped m;
	struct tm_error *err = tm_mapped_open(path, &m);
	if (err)
		return err;
	err = tm_snapshot_parse_pickle(m.bytes, m.size, path, poll, ret);
	if (!err)
		(*ret)->about.time = m.time;
	tm_mapped_close(&m);
	return err;
}
