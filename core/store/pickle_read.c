/*
 * Snapshot.load() without an interpreter: a stack machine for the opcodes of Snapshot.dump(). Values are 8 bytes: a kind and
 * what it needs to be known again. A block becomes one of the result as soon as its tuple is made, so that the memo is all
 * that is needed besides. Nearly all of a file is blocks: those are taken many at once, in a long file by several threads.
 */
#include "tm/store.h"
#include "mapped.h"
#include "pickle.h"
#include "pickle_blocks.h"
#include "pickle_memo.h"
#include "pickle_packed.h"
#include "pickle_runs.h"
#include "pickle_scout.h"
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
	MEMOIZES = 4,	   /* from this protocol on the memo is filled without numbers */
	MOST_MARKS = 8,	       /* as many lists, dicts and tuples within each other; dump() needs 6 */
	MOST_NAMES = 1 << 28,
	KIND_BITS = 4,
	STEP = 1 << 20,	   /* bytes between two polls */
	MANY = 1 << 18,	   /* bytes of an array that are worth a thought before */
	LONG = 4 << 20,	   /* bytes that are worth a second thread, */
	FIRST = 1 << 18,   /* behind so many that tell what the rest is like */
};

enum kind {
	KIND_NONE, /* a number of the memo that was left out */
	KIND_NUMBER,
	KIND_BIG,    /* a number that does not fit: index into bigs */
	KIND_STRING, /* index into strings */
	KIND_FRAME,  /* name and line */
	KIND_FRAMES, /* index into runs */
	KIND_TRACE,  /* number of a block; it stands where it belongs already. All behind a mark are one value, the last */
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
	struct tm_builder b;
	struct tm_runs runs;
	struct tm_packed packed;
	unsigned attributes[NCLASSES], ndicts; /* enum attribute */
	bool made[NCLASSES], built[NCLASSES], has_list;
	unsigned fields; /* of a block; 0: not known yet */
	uint32_t traceback_limit;
	struct tm_block_form form;
	struct tm_scouts *scouts; /* NULL: none ahead of us */
	struct tm_row row;	  /* their next one */
	bool misled;		  /* what they counted is not what was read */
	bool careful;		  /* a wrong block comes soon: opcode by opcode */
	const uint8_t *pause;	  /* where the machine stops */
	size_t next_poll;	  /* bytes */
	bool stopped;		  /* by the last opcode */
	bool fresh;		  /* made by it: a value that has no number of the memo yet, and may get one */
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
	return r->gathered > MOST_VALUES ? too_many(r) : push(r, value(KIND_TRACE, r->packed.n - 1));
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

static struct tm_error *make_frames(struct reader *r, const uint64_t *v, size_t n, uint64_t *ret)
{
	uint64_t hash = r->runs.key[0], run;
	if (r->runs.runs.n >= UINT32_MAX - 1)
		return foreign(r, "more than %u tracebacks", UINT32_MAX - 1);
	if (!tm_array_reserve(&r->b.frames, n))
		return tm_error_nomem();
	struct tm_frame *f = r->b.frames.items + r->b.frames.n;
	for (size_t i = 0; i < n; i++) {
		uint64_t x = content(v[i]);
		if (kind_of(v[i]) != KIND_FRAME)
			return foreign(r, "a tuple of a frame and %s", describe(v[i]));
		f[i] = (struct tm_frame) { (uint32_t)(x >> 32), (uint32_t)x };
		hash = tm_runs_mix(&r->runs, hash, x);
	}
	r->b.frames.n += n;
	if (!tm_runs_make(&r->runs, (uint32_t)n, hash, &run))
		return tm_error_nomem();
	*ret = value(KIND_FRAMES, run);
	return NULL;
}

static void add(struct tm_tally *t, uint64_t count, uint64_t size)
{
	t->count += count;
	t->size_high += __builtin_add_overflow(t->size_low, size, &t->size_low);
}

/* One more block of the result. */
static struct tm_error *add_trace(struct reader *r, uint64_t run, uint32_t depth, uint32_t domain, uint64_t size)
{
	struct tm_place place;
	if (!tm_runs_place(&r->runs, run, depth, domain, &place) ||
	    !tm_packed_add_whole(&r->packed, (struct tm_trace) { 0, size, domain, place.traceback }))
		return tm_error_nomem();
	add(&r->b.tallies.items[place.tally], 1, size);
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
		r->form.bare = r->p < r->end && *r->p != OP_MEMOIZE && *r->p != OP_BINPUT && *r->p != OP_LONG_BINPUT;
	}
	bool good = number_of(r, v[0], &domain) && number_of(r, v[1], &size) && kind_of(v[2]) == KIND_FRAMES;
	if (n == 4)
		good = number_of(r, v[3], &depth) && good;
	if (__builtin_expect(!good || (domain | depth) > UINT32_MAX || r->fields != n || r->packed.n == UINT32_MAX, 0))
		return wrong_block(r, v, n);
	*ret = value(KIND_TRACE, r->packed.n);
	return add_trace(r, content(v[2]), (uint32_t)depth, (uint32_t)domain, size);
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

/* Its owner's: a Snapshot may have been given attributes. Text and numbers are passed over. */
static bool is_owner_s(const struct reader *r, uint64_t name, uint64_t v)
{
	static const char *const ours[] = { "traces", "_traces", "traceback_limit" };
	uint64_t n;
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (string_is(r, name, ours[i]))
			return false;
	return kind_of(name) == KIND_STRING && (kind_of(v) == KIND_STRING || number_of(r, v, &n));
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
		} else if (!is_owner_s(r, v[0], v[1])) {
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
	if (!r->fresh) /* any number of them would fit into a few bytes, compressed */
		return bad(r, "a number of the memo for what was not just made, or is a number");
	uint64_t v = r->top[-1];
	bool ok = kind_of(v) == KIND_TRACE ? tm_memo_add_blocks(&r->memo, content(v), 1) : tm_memo_add_values(&r->memo, &v, 1);
	return ok ? NULL : tm_error_nomem();
}

static struct tm_error *put(struct reader *r, size_t number)
{
	if (number < r->memo.n)
		return foreign(r, "number %zu of the memo comes a second time", number);
	if (number > (size_t)(r->end - r->begin)) /* numbers may be left out, but each took a byte */
		return bad(r, "number %zu of the memo, in a file of %zu bytes", number, (size_t)(r->end - r->begin));
	for (const uint64_t none = value(KIND_NONE, 0); r->memo.n < number;)
		if (!tm_memo_add_values(&r->memo, &none, 1))
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

/* The file is to be read once more, without scouts: this way there is no right answer. */
static struct tm_error *misled(struct reader *r)
{
	r->misled = true;
	return bad(r, "what looks like blocks are none");
}

/* A block that comes again is another block of the list, wherever it stands. */
static struct tm_error *again(struct reader *r, size_t number)
{
	if (r->scouts) /* they are still at work on what is needed here */
		return misled(r);
	if (r->packed.n == UINT32_MAX)
		return foreign(r, "more than %u blocks", UINT32_MAX);
	struct tm_trace t = tm_packed_get(&r->packed, number);
	const struct tm_traceback *tb = &r->b.tracebacks.items[t.traceback];
	struct tm_error *err = add_trace(r, tm_runs_at(&r->runs, tb->first), tb->total_nframe, t.domain, t.size);
	return err ? err : push_blocks(r, 1);
}

static inline struct tm_error *get(struct reader *r, size_t number)
{
	uint64_t v = memo_get(r, number);
	if (__builtin_expect(kind_of(v) == KIND_NONE, 0))
		return bad(r, "number %zu of the memo, which nothing was put under", number);
	return __builtin_expect(kind_of(v) == KIND_TRACE, 0) ? again(r, content(v)) : push(r, v);
}

/* ---- many blocks at once: nearly all of a file ---- */

/*
 * Between two blocks, or before the first: what the opcodes of another N would do is known, and can be done at once. (It takes a
 * mark and up to four values that are gone again behind each block.)
 */
static inline bool between_blocks(const struct reader *r, size_t n)
{
	if (!r->fields || !r->nmarks || r->nmarks == MOST_MARKS || r->limit - r->top < 8 || n > UINT32_MAX - r->packed.n)
		return false;
	return gathers_blocks(r) ? n <= MOST_VALUES - r->gathered : r->top == r->marks[r->nmarks - 1];
}

/* A block that nothing is gathered with, in a list of one. */
static bool alone(const struct reader *r, size_t n)
{
	return n == 1 && r->nmarks < MOST_MARKS && r->limit - r->top >= 8 && r->packed.n < UINT32_MAX;
}

/* Where blocks of a new sum of SOURCE belong. RET_FOUND: they have a traceback. */
static struct tm_error *find_place(struct reader *r, struct tm_packed_source *source, uint64_t key, bool *ret_found)
{
	struct tm_place place;
	uint64_t v = memo_get(r, tm_block_memo(key));
	*ret_found = kind_of(v) == KIND_FRAMES;
	if (!*ret_found)
		return NULL;
	return tm_runs_place(&r->runs, content(v), tm_block_depth(key), tm_block_domain(key), &place) &&
			tm_array_push(&source->places, place)
		? NULL
		: tm_error_nomem();
}

/* The next N blocks of SOURCE become part of the result. They end at END. */
static struct tm_error *add_blocks(struct reader *r, unsigned source, size_t n, const uint8_t *end)
{
	if ((!r->form.bare && !tm_memo_add_blocks(&r->memo, r->packed.n, n)) || !tm_packed_add(&r->packed, source, n))
		return tm_error_nomem();
	r->p = end;
	return push_blocks(r, n);
}

/* Those that begin here. What is wrong with one of them is for the machine to say. */
static struct tm_error *take_blocks(struct reader *r)
{
	struct tm_block few[TM_BLOCKS];
	const uint8_t *end;
	size_t n = r->careful || !between_blocks(r, 1) ? 0 : tm_blocks_take(&r->form, r->p, r->end, r->memo.n, few, TM_BLOCKS, &end);
	struct tm_packed_source *source = &r->packed.sources[TM_PACKED_EXACT];
	if (!n || !between_blocks(r, n))
		return NULL;
	if (!tm_sums_add(&source->sums, few, n))
		return tm_error_nomem();
	while (source->places.n < source->sums.sums.n) {
		bool found;
		struct tm_error *err = find_place(r, source, source->sums.sums.items[source->places.n].key, &found);
		if (err)
			return err;
		if (!found) {
			r->careful = true;
			return NULL;
		}
	}
	return add_blocks(r, TM_PACKED_EXACT, n, end);
}

static struct tm_error *take_row(struct reader *r)
{
	const struct tm_row *row = &r->row;
	struct tm_packed_source *source = &r->packed.sources[TM_PACKED_SCOUTS + row->scout];
	if (r->p != row->begin || !(between_blocks(r, row->nblocks) || alone(r, row->nblocks)))
		return misled(r);
	for (size_t i = 0; i < row->nkeys; i++) {
		bool found;
		struct tm_error *err = find_place(r, source, row->keys[i], &found);
		if (err || !found)
			return err ? err : misled(r);
	}
	return add_blocks(r, TM_PACKED_SCOUTS + row->scout, row->nblocks, row->end);
}

static inline struct tm_error *take_rows(struct reader *r)
{
	struct tm_error *err = NULL;
	while (!err && r->p >= r->row.begin && r->row.begin < r->end) {
		if (r->row.nblocks)
			err = take_row(r);
		if (!err)
			err = tm_scouts_next(r->scouts, &r->row);
	}
	return err;
}

/* The frames of NEW to the end of the builder's, and MEMO to what the memo gets; false: something is unusual. */
static bool new_frames(struct reader *r, const struct tm_block_new *new, uint64_t *memo, size_t *ret_nmemo, uint64_t *ret_hash)
{
	struct tm_frame *f = r->b.frames.items + r->b.frames.n;
	uint64_t hash = r->runs.key[0];
	size_t nmemo = 0;
	for (uint32_t i = 0; i < new->nframe; i++) {
		const struct tm_block_frame *frame = &new->frames[i];
		bool known = frame->lineno == TM_BLOCK_NO_LINE;
		uint64_t v = memo_get(r, frame->memo), x = content(v);
		if (kind_of(v) != (known ? KIND_FRAME : KIND_STRING))
			return false;
		if (!known) {
			uint32_t name = r->strings.items[x].name;
			if (!name)
				return false;
			x = (uint64_t)(name - 1) << 32 | frame->lineno;
			memo[nmemo++] = value(KIND_FRAME, x);
		}
		f[i] = (struct tm_frame) { (uint32_t)(x >> 32), (uint32_t)x };
		hash = tm_runs_mix(&r->runs, hash, x);
	}
	*ret_nmemo = nmemo;
	*ret_hash = hash;
	return true;
}

/* A block that begins here, and its traceback, which comes for the first time. What is unusual is for the machine. */
static struct tm_error *take_new(struct reader *r)
{
	struct tm_block_new new;
	uint64_t memo[TM_BLOCK_FRAMES + 1], hash, run;
	size_t nmemo;
	const uint8_t *end = between_blocks(r, 1) && r->runs.runs.n < UINT32_MAX - 1 ? tm_block_take_new(&r->form, r->p, &new) : NULL;
	if (!end)
		return NULL;
	if (!tm_array_reserve(&r->b.frames, new.nframe))
		return tm_error_nomem();
	if (!new_frames(r, &new, memo, &nmemo, &hash))
		return NULL;
	r->b.frames.n += new.nframe;
	if (!tm_runs_make(&r->runs, new.nframe, hash, &run))
		return tm_error_nomem();
	memo[nmemo++] = value(KIND_FRAMES, run);
	struct tm_error *err = add_trace(r, run, new.depth, new.domain, new.size);
	if (!err && (!tm_memo_add_values(&r->memo, memo, nmemo) ||
			    (!r->form.bare && !tm_memo_add_blocks(&r->memo, r->packed.n - 1, 1))))
		err = tm_error_nomem();
	r->p = end;
	return err ? err : push_blocks(r, 1);
}

/* Now and then. */
static inline struct tm_error *poll(struct reader *r)
{
	size_t done = (size_t)(r->p - r->begin);
	if (__builtin_expect(done < r->next_poll, 1))
		return NULL;
	r->next_poll = done + STEP;
	return tm_poll(r->poll, "reading the pickle", done, (uint64_t)(r->end - r->begin));
}

/* As long as they come. */
static struct tm_error *blocks(struct reader *r)
{
	const uint8_t *before, *begin = r->p;
	struct tm_error *err;
	do {
		before = r->p;
		err = r->scouts ? take_rows(r) : take_blocks(r);
		if (!err && !r->careful)
			err = take_new(r);
		if (!err)
			err = poll(r);
	} while (!err && r->p != before && r->p < r->pause);
	if (r->p != begin)
		r->fresh = r->form.bare;
	return err;
}

/* ---- the machine ---- */

/* What every opcode takes with it in bytes; the rest of a string or number comes behind that. Others: not one of dump()'s. */
static const struct {
	bool makes; /* what dump() puts into the memo then */
	uint8_t bytes;
} opcodes[256] = {
	[OP_PROTO] = { false, 1 }, [OP_FRAME] = { false, 8 }, [OP_STOP] = { false, 0 }, [OP_MARK] = { false, 0 },
	[OP_BININT] = { false, 4 }, [OP_BININT1] = { false, 1 }, [OP_BININT2] = { false, 2 }, [OP_LONG1] = { false, 1 },
	[OP_SHORT_BINUNICODE] = { true, 1 }, [OP_BINUNICODE] = { true, 4 }, [OP_BINUNICODE8] = { true, 8 },
	[OP_EMPTY_TUPLE] = { true, 0 }, [OP_TUPLE1] = { true, 0 }, [OP_TUPLE2] = { true, 0 }, [OP_TUPLE3] = { true, 0 },
	[OP_TUPLE] = { true, 0 }, [OP_EMPTY_LIST] = { true, 0 }, [OP_APPEND] = { false, 0 }, [OP_APPENDS] = { false, 0 },
	[OP_EMPTY_DICT] = { true, 0 }, [OP_SETITEM] = { false, 0 }, [OP_SETITEMS] = { false, 0 }, [OP_GLOBAL] = { true, 0 },
	[OP_STACK_GLOBAL] = { true, 0 }, [OP_NEWOBJ] = { true, 0 }, [OP_BUILD] = { false, 0 }, [OP_MEMOIZE] = { false, 0 },
	[OP_BINPUT] = { false, 1 }, [OP_LONG_BINPUT] = { false, 4 }, [OP_BINGET] = { false, 1 }, [OP_LONG_BINGET] = { false, 4 },
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
static struct tm_error *machine(struct reader *r)
{
	struct tm_error *err = NULL;
	while (!err && !r->stopped && !(err = blocks(r)) && r->p < r->pause) {
		r->op = r->p++;
		if ((size_t)(r->end - r->p) < opcodes[*r->op].bytes)
			return truncated(r);
		const uint8_t *a = r->p;
		r->p += opcodes[*r->op].bytes;
		err = step(r, *r->op, a);
		if (*r->op != OP_FRAME)
			r->fresh = opcodes[*r->op].makes;
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
	if (most * size < MANY || most <= *cap || !tm_array_grow(items, cap, most, size)) /* not yet needed: so no error */
		return;
	uintptr_t begin = (uintptr_t)*items / page * page; /* with malloc's header: else it could not grow in place */
	madvise((void *)begin, (size_t)((uintptr_t)*items + *cap * size - begin), MADV_HUGEPAGE);
}

#define foresee_array(a, times) enlarge((void **)&(a)->items, (a)->n, &(a)->cap, sizeof *(a)->items, times)

static void foresee(struct reader *r)
{
	double times = (double)(r->end - r->begin) / (double)(r->p - r->begin) * 1.01;
	foresee_array(&r->b.frames, times);
	foresee_array(&r->b.tracebacks, times);
	foresee_array(&r->b.tallies, times);
	foresee_array(&r->runs.runs, times);
	foresee_array(&r->packed.whole, times);
	foresee_array(&r->packed.pieces, times);
	foresee_array(&r->memo.values, times);
	foresee_array(&r->memo.words, times);
}

/* ---- on several processors ---- */

static struct tm_error *follow(void *ctx)
{
	struct reader *r = ctx;
	struct tm_error *err = tm_scouts_next(r->scouts, &r->row);
	if (!err)
		err = machine(r);
	tm_scouts_end(r->scouts);
	return err;
}

struct scout {
	struct tm_scouts *scouts;
	unsigned who;
};

static struct tm_error *look_ahead(void *ctx)
{
	const struct scout *s = ctx;
	tm_scouts_run(s->scouts, s->who);
	return NULL;
}

/* The machine, and N scouts ahead of it, of whom it is one itself. */
static struct tm_error *with_scouts(struct reader *r, size_t n)
{
	struct tm_scouts scouts;
	struct tm_poll polls[TM_MOST_THREADS] = { 0 };
	struct scout each[TM_MOST_THREADS];
	struct tm_job jobs[TM_MOST_THREADS] = { { .work = follow, .ctx = r, .poll = &polls[0] } };
	tm_scouts_init(&scouts, &r->form, r->p, r->packed.sources + TM_PACKED_SCOUTS);
	for (size_t i = 1; i < n; i++) {
		each[i] = (struct scout) { &scouts, (unsigned)i };
		jobs[i] = (struct tm_job) { .work = look_ahead, .ctx = &each[i], .poll = &polls[i] };
	}
	r->scouts = &scouts;
	struct tm_error *err = tm_threads_run(jobs, n);
	r->scouts = NULL;
	tm_scouts_deinit(&scouts);
	return err;
}

/* SCOUTS: how many there may be. */
static struct tm_error *run(struct reader *r, size_t scouts)
{
	r->pause = r->begin + (r->end - r->begin < LONG ? r->end - r->begin : FIRST);
	struct tm_error *err = machine(r);
	if (!err && !r->stopped && r->p < r->end) {
		r->pause = r->end;
		if (!r->fields || r->begin[1] < MEMOIZES)
			scouts = 0;
		foresee(r);
		err = scouts ? with_scouts(r, scouts) : machine(r);
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

/* What was counted many at once. */
static void add_sums(struct reader *r)
{
	for (size_t i = 0; i < TM_PACKED_SOURCES; i++) {
		const struct tm_packed_source *s = &r->packed.sources[i];
		for (size_t k = 0; k < s->sums.sums.n; k++)
			add(&r->b.tallies.items[s->places.items[k].tally], s->sums.sums.items[k].count, s->sums.sums.items[k].size);
	}
}

static struct tm_error *finish(struct reader *r, struct tm_snapshot **ret)
{
	uint64_t truncated = 0;
	struct tm_snapshot *s;
	add_sums(r);
	for (size_t i = 0; i < r->b.tallies.n; i++) {
		const struct tm_traceback *tb = &r->b.tracebacks.items[r->b.tallies.items[i].traceback];
		truncated += tb->total_nframe > tb->nframe ? r->b.tallies.items[i].count : 0;
	}
	r->b.want_traces = true;
	r->b.ntraces = r->packed.n;
	struct tm_trace *traces = NULL;
	if (!tm_array_reserve(&r->b.traces, r->packed.n) || (traces = r->b.traces.items, !(s = tm_builder_freeze(&r->b))))
		return tm_error_nomem();
	if (!tm_packed_hand_over(&r->packed, s, traces)) {
		tm_snapshot_unref(s);
		return tm_error_nomem();
	}
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
	tm_runs_deinit(&r->runs);
	tm_packed_deinit(&r->packed);
	tm_builder_deinit(&r->b);
}

bool tm_pickle_is(const void *head, size_t len)
{
	const uint8_t *p = head;
	return len >= 2 && p[0] == OP_PROTO && p[1] >= 2 && p[1] <= 5;
}

static struct tm_error *reader_init(struct reader *r, const void *bytes, size_t len, const char *name, const struct tm_poll *poll)
{
	uint64_t key[2] = { (uintptr_t)r, 0 };
	size_t most = len < MOST_VALUES ? len : MOST_VALUES; /* a value takes a byte, at least */
	if (getrandom(key, sizeof key, GRND_NONBLOCK) < 0) /* at boot only: then without that defence */
		key[0] = (uintptr_t)r;
	key[1] |= 1;
	*r = (struct reader) { .name = name, .begin = bytes, .op = bytes, .p = bytes, .poll = poll,
		.runs = { .b = &r->b, .key = { key[0], key[1] } }, .stack = malloc(most * sizeof *r->stack) };
	r->end = r->begin + len;
	r->form = (struct tm_block_form) { .secret = { key[0], key[1] }, .end = r->end };
	for (size_t i = 0; i < TM_PACKED_SOURCES; i++)
		r->packed.sources[i].sums.form = r->form;
	r->top = r->stack;
	r->limit = r->stack + most;
	r->next_poll = STEP;
	return r->stack ? NULL : tm_error_nomem();
}

/* RET_MISLED: it has to be done again without scouts. */
static struct tm_error *read_with(size_t scouts, const void *bytes, size_t len, const char *name, const struct tm_poll *poll,
	struct tm_snapshot **ret, bool *ret_misled)
{
	struct reader r;
	struct tm_error *err = reader_init(&r, bytes, len, name, poll);
	if (!err)
		err = run(&r, scouts);
	if (!err)
		err = finish(&r, ret);
	*ret_misled = r.misled;
	reader_deinit(&r);
	return err;
}

struct tm_error *tm_snapshot_parse_pickle(const void *bytes, size_t len, const char *name, const struct tm_poll *poll,
	struct tm_snapshot **ret)
{
	bool misled;
	if (!tm_pickle_is(bytes, len))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a pickle of protocols 2 to 5", name);
	struct tm_error *err = read_with(tm_threads_count() > 1 ? tm_threads_count() : 0, bytes, len, name, poll, ret, &misled);
	if (misled) {
		tm_error_free(err);
		err = read_with(0, bytes, len, name, poll, ret, &misled);
	}
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
