/*
 * Snapshot.dump(): protocol 4, which CPython 3.4 and later read. Only what comes again is memoized (filenames, frames,
 * tracebacks), so that the loading interpreter has one object of each and no memo of all blocks.
 */
#include "tm/store.h"
#include "pickle.h"
#include "tm/text.h"
#include <stdlib.h>
#include <string.h>

enum {
	BUFFER = 1 << 18,
	MOST = 64,    /* bytes of a block without its traceback, or of a frame without its filename */
	BATCH = 1000, /* blocks that the loading interpreter holds on its stack */
};

struct writer {
	const struct tm_snapshot *s;
	struct tm_file *file;
	struct tm_error *err; /* the first one; later output is dropped */
	uint8_t *buffer, *at;
	uint32_t memoized;		/* objects in the memo so far */
	uint32_t *names, *tracebacks;	/* by id: number in the memo + 1; 0: not written yet */
	struct known_frame {
		uint64_t frame;	 /* filename and line */
		uint32_t number; /* in the memo + 1; 0: free */
	} *frames;
	size_t nslots, nframes;
};

/* ---- bytes ---- */

static void flush(struct writer *w)
{
	if (!w->err)
		w->err = tm_file_write(w->file, w->buffer, (size_t)(w->at - w->buffer));
	w->at = w->buffer;
}

/* Room for MOST bytes. */
static inline void room(struct writer *w)
{
	if (w->at - w->buffer > BUFFER - MOST)
		flush(w);
}

static inline void put(struct writer *w, uint8_t byte)
{
	*w->at++ = byte;
}

static inline void put_bytes(struct writer *w, uint64_t v, size_t n) /* the lowest N of V, little-endian */
{
	for (size_t i = 0; i < n; i++)
		put(w, (uint8_t)(v >> 8 * i));
}

static inline void put_number(struct writer *w, uint64_t v)
{
	if (v < 1 << 8) {
		put(w, OP_BININT1);
		put(w, (uint8_t)v);
	} else if (v < 1 << 16) {
		put(w, OP_BININT2);
		put_bytes(w, v, 2);
	} else if (v < 1u << 31) {
		put(w, OP_BININT);
		put_bytes(w, v, 4);
	} else { /* signed: with a bit to spare */
		size_t n = (size_t)(64 - __builtin_clzll(v)) / 8 + 1;
		put(w, OP_LONG1);
		put(w, (uint8_t)n);
		put_bytes(w, v, n < 8 ? n : 8);
		if (n > 8)
			put(w, 0);
	}
}

static void put_string(struct writer *w, const char *s, size_t len)
{
	room(w);
	if (len < 1 << 8) {
		put(w, OP_SHORT_BINUNICODE);
		put_bytes(w, len, 1);
	} else if (len <= UINT32_MAX) {
		put(w, OP_BINUNICODE);
		put_bytes(w, len, 4);
	} else {
		put(w, OP_BINUNICODE8);
		put_bytes(w, len, 8);
	}
	if (len > (size_t)(BUFFER - (w->at - w->buffer))) {
		flush(w);
		if (!w->err)
			w->err = tm_file_write(w->file, s, len);
	} else {
		memcpy(w->at, s, len);
		w->at += len;
	}
	room(w);
}

static void put_word(struct writer *w, const char *s)
{
	put_string(w, s, strlen(s));
}

/* ---- the memo ---- */

static inline void get(struct writer *w, uint32_t number)
{
	put(w, number < 256 ? OP_BINGET : OP_LONG_BINGET);
	put_bytes(w, number, number < 256 ? 1 : 4);
}

static inline void memoize(struct writer *w, uint32_t *number)
{
	if (w->memoized == UINT32_MAX)
		return;
	put(w, OP_MEMOIZE);
	*number = ++w->memoized;
}

static size_t slot_of(const struct writer *w, uint64_t frame)
{
	uint64_t x = frame * 0x9e3779b97f4a7c15u;
	return (size_t)(x ^ x >> 29) & (w->nslots - 1);
}

static struct known_frame *probe(struct writer *w, uint64_t frame)
{
	size_t k = slot_of(w, frame);
	while (w->frames[k].number && w->frames[k].frame != frame)
		k = (k + 1) & (w->nslots - 1);
	return &w->frames[k];
}

static bool more_frames(struct writer *w)
{
	struct writer bigger = { .nslots = w->nslots ? w->nslots * 2 : 4096 };
	bigger.frames = calloc(bigger.nslots, sizeof *bigger.frames);
	if (!bigger.frames)
		return false;
	for (size_t i = 0; i < w->nslots; i++)
		if (w->frames[i].number)
			*probe(&bigger, w->frames[i].frame) = w->frames[i];
	free(w->frames);
	w->frames = bigger.frames;
	w->nslots = bigger.nslots;
	return true;
}

/* ---- what a snapshot holds ---- */

static void put_name(struct writer *w, uint32_t id)
{
	size_t len;
	const char *s = tm_snapshot_name(w->s, id, &len), *p = s, *end = s + len;
	struct tm_text t = { 0 };
	bool good = true;
	if (w->names[id]) {
		get(w, w->names[id] - 1);
		return;
	}
	while (p < end)
		good &= !(tm_utf8_next(&p, end) & TM_BAD_BYTE);
	for (p = s; !good && p < end;) {
		char utf8[4];
		uint32_t c = tm_utf8_next(&p, end);
		tm_text_put(&t, utf8, tm_utf8_put(utf8, c & TM_BAD_BYTE ? 0xdc00 | (c & 0xff) : c));
	}
	if (t.failed && !w->err)
		w->err = tm_error_nomem();
	put_string(w, good ? s : tm_text_str(&t), good ? len : t.len);
	tm_text_free(&t);
	memoize(w, &w->names[id]);
}

static void put_frame(struct writer *w, const struct tm_frame *f)
{
	uint64_t key = (uint64_t)f->filename << 32 | f->lineno;
	if ((w->nframes + 1) * 2 > w->nslots && !more_frames(w)) {
		w->err = w->err ? w->err : tm_error_nomem();
		return;
	}
	struct known_frame *known = probe(w, key);
	room(w);
	if (known->number) {
		get(w, known->number - 1);
		return;
	}
	put_name(w, f->filename);
	put_number(w, f->lineno);
	put(w, OP_TUPLE2);
	memoize(w, &known->number);
	known->frame = key;
	w->nframes += known->number != 0;
}

static void put_new_traceback(struct writer *w, uint32_t id)
{
	static const uint8_t tuples[] = { OP_EMPTY_TUPLE, OP_TUPLE1, OP_TUPLE2, OP_TUPLE3 };
	const struct tm_traceback *tb = &w->s->tracebacks[id];
	if (tb->nframe > 3)
		put(w, OP_MARK);
	for (uint32_t i = 0; !w->err && i < tb->nframe; i++)
		put_frame(w, &w->s->frames[tb->first + i]);
	room(w);
	put(w, tb->nframe > 3 ? OP_TUPLE : tuples[tb->nframe]);
	memoize(w, &w->tracebacks[id]);
}

static void put_trace(struct writer *w, const struct tm_trace *t, bool depth)
{
	const struct tm_traceback *tb = &w->s->tracebacks[t->traceback];
	room(w);
	if (depth)
		put(w, OP_MARK);
	put_number(w, t->domain);
	put_number(w, t->size);
	if (w->tracebacks[t->traceback])
		get(w, w->tracebacks[t->traceback] - 1);
	else
		put_new_traceback(w, t->traceback);
	if (depth)
		put_number(w, tb->total_nframe ? tb->total_nframe : tb->nframe);
	put(w, depth ? OP_TUPLE : OP_TUPLE3);
}

/* An object of a class of the module tracemalloc, and the beginning of its attributes. */
static void put_object(struct writer *w, const char *name)
{
	static const uint8_t create[] = { OP_STACK_GLOBAL, OP_EMPTY_TUPLE, OP_NEWOBJ, OP_EMPTY_DICT };
	put_word(w, "tracemalloc");
	put_word(w, name);
	for (size_t i = 0; i < sizeof create; i++)
		put(w, create[i]);
}

static uint32_t limit_of(const struct tm_snapshot *s)
{
	uint32_t limit = 1;
	for (uint64_t i = 0; !s->about.has_limit && i < s->ntracebacks; i++)
		if (s->tracebacks[i].nframe > limit)
			limit = s->tracebacks[i].nframe;
	return s->about.has_limit ? s->about.limit : limit;
}

static struct tm_error *put_snapshot(struct writer *w, bool depth, const struct tm_poll *poll)
{
	put(w, OP_PROTO);
	put(w, 4);
	put_object(w, "Snapshot");
	put(w, OP_MARK);
	put_word(w, "traces");
	put_object(w, "_Traces");
	put_word(w, "_traces");
	put(w, OP_EMPTY_LIST);
	for (uint64_t i = 0; !w->err && i < w->s->ntraces; i++) {
		room(w);
		if (i % BATCH == 0)
			put(w, OP_MARK);
		put_trace(w, &w->s->traces[i], depth);
		if (i % BATCH == BATCH - 1 || i + 1 == w->s->ntraces)
			put(w, OP_APPENDS);
		if (!w->err && i % 262144 == 262143)
			w->err = tm_poll(poll, "writing", i, w->s->ntraces);
	}
	room(w);
	put(w, OP_SETITEM);
	put(w, OP_BUILD);
	put_word(w, "traceback_limit");
	put_number(w, limit_of(w->s));
	put(w, OP_SETITEMS);
	put(w, OP_BUILD);
	put(w, OP_STOP);
	flush(w);
	return w->err;
}

/* Such a traceback can be loaded, but str() of it raises IndexError; only a forged file has one. */
static struct tm_error *all_have_frames(const struct tm_snapshot *s)
{
	for (uint64_t i = 0; i < s->ntracebacks; i++)
		if (!s->tracebacks[i].nframe)
			return tm_error_new(TM_ERR_CORRUPT, "a traceback of this snapshot has no frames: tracemalloc knows no such thing");
	return NULL;
}

struct tm_error *tm_snapshot_dump(struct tm_snapshot *s, const char *path, bool force, enum tm_pickle_shape shape,
	const struct tm_poll *poll)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	if (!err && s->ntraces && !s->traces)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "this snapshot holds statistics only, no traces");
	if (!err)
		err = all_have_frames(s);
	if (err)
		return err;
	bool old = s->about.python_minor && s->about.python_minor <= 0x0308;
	bool depth = shape == TM_PICKLE_AUTO ? !old : shape == TM_PICKLE_4;
	struct writer w = { .s = s, .buffer = malloc(BUFFER),
		.names = calloc(s->nnames ? (size_t)s->nnames : 1, sizeof *w.names),
		.tracebacks = calloc(s->ntracebacks ? (size_t)s->ntracebacks : 1, sizeof *w.tracebacks) };
	w.at = w.buffer;
	err = w.buffer && w.names && w.tracebacks ? tm_file_create(path, force, &w.file) : tm_error_nomem();
	if (!err) {
		err = put_snapshot(&w, depth, poll);
		if (err)
			tm_file_abort(w.file);
		else
			err = tm_file_commit(w.file);
	}
	free(w.buffer);
	free(w.names);
	free(w.tracebacks);
	free(w.frames);
	return err;
}
