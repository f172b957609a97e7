/* Reading tracebacks and checking them, on several threads where the memory is all at hand. */
#include "tracebacks.h"
#include "gather.h"
#include <string.h>

enum {
	HOPELESS = 256,	  /* wrong tracebacks after which a candidate that is mostly wrong is given up */
	PARALLEL = 16384, /* tracebacks from which on threads pay */
	PIECE = 2048,	  /* tracebacks taken at once */
	USUAL = 16,	  /* frames of a traceback that room is made for: what is not used costs no memory */
};

static uint64_t mix(uint64_t x)
{
	x *= 0x9e3779b97f4a7c15u;
	return x ^ x >> 29;
}

static bool reserve(struct tm_map *m, size_t n)
{
	struct tm_map bigger = { .n = m->n, .nslots = m->nslots ? m->nslots : 1024 };
	while ((m->n + n) * 4 > bigger.nslots * 3)
		bigger.nslots *= 2;
	if (bigger.nslots == m->nslots)
		return true;
	bigger.slots = tm_slots_new(bigger.nslots * sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->nslots; i++) {
		if (!m->slots[i].id)
			continue;
		size_t k = mix(m->slots[i].addr) & (bigger.nslots - 1);
		while (bigger.slots[k].id)
			k = (k + 1) & (bigger.nslots - 1);
		bigger.slots[k] = m->slots[i];
	}
	free(m->slots);
	*m = bigger;
	return true;
}

struct tm_known *tm_map_find(struct tm_map *m, uint64_t addr)
{
	if ((m->n + 1) * 4 > m->nslots * 3 && !reserve(m, 1))
		return NULL;
	size_t k = mix(addr) & (m->nslots - 1);
	while (m->slots[k].id && m->slots[k].addr != addr)
		k = (k + 1) & (m->nslots - 1);
	return &m->slots[k];
}

void tm_tracebacks_init(struct tm_tracebacks *t, struct tm_target *target, const struct tm_layout *layout)
{
	*t = (struct tm_tracebacks) { 0 };
	tm_walk_init(&t->walk, target, layout);
	t->most_frames = tm_memory_size(&target->memory) / layout->frame.sizeof_;
}

void tm_tracebacks_deinit(struct tm_tracebacks *t)
{
	tm_walk_deinit(&t->walk);
	tm_intern_free(&t->names);
	tm_array_free(&t->frames);
	tm_array_free(&t->tracebacks);
	tm_array_free(&t->filenames);
	free(t->known.slots);
	t->known = (struct tm_map) { 0 };
}

/* ---- one traceback ---- */

static bool read_filename(struct tm_tracebacks *t, uint64_t addr)
{
	struct tm_text text = { 0 };
	struct tm_filename_seen f = { .addr = addr };
	f.seen = tm_walk_filename(&t->walk, addr, &text, &f.hash);
	f.has_hash = f.seen == TM_SEEN || t->walk.layout->filename_kind == TM_FILENAME_BYTES;
	if (f.seen != TM_SEEN) {
		bool unknown = addr == t->unknown_name && f.seen == TM_SEEN_MISSING;
		bool failed = text.failed;
		tm_text_clear(&text);
		tm_text_puts(&text, unknown ? "<unknown>" : f.seen == TM_SEEN_MISSING ? "<missing>" : "<unreadable>");
		text.failed |= failed;
		f.seen = unknown ? TM_SEEN : f.seen;
	}
	/* A wrong offset of the text shows the NUL that ends it in its midst; a name may hold one, but hardly most of them. */
	f.odd = text.len && memchr(text.s, 0, text.len);
	f.id = text.failed ? UINT32_MAX : tm_intern(&t->names, tm_text_str(&text), text.len);
	tm_text_free(&text);
	return f.id != UINT32_MAX && tm_array_push(&t->filenames, f);
}

static __attribute__((noinline)) const struct tm_filename_seen *look_up(struct tm_tracebacks *t, uint64_t addr, struct tm_known *recent)
{
	struct tm_known *k = tm_map_find(&t->known, addr);
	if (!k)
		return NULL;
	if (!k->id) {
		if (!read_filename(t, addr))
			return NULL;
		*k = (struct tm_known) { addr, (uint32_t)t->filenames.n };
		t->known.n++;
	}
	*recent = *k;
	return &t->filenames.items[k->id - 1];
}

/* The filename at ADDR; NULL: out of memory. */
static inline const struct tm_filename_seen *filename(struct tm_tracebacks *t, uint64_t addr)
{
	struct tm_known *recent = &t->recent[mix(addr) % TM_RECENT_NAMES];
	return recent->id && recent->addr == addr ? &t->filenames.items[recent->id - 1] : look_up(t, addr, recent);
}

/* Stands for a traceback that is not there: its blocks still count. */
static bool stand_in(struct tm_tracebacks *t, const char *name)
{
	uint32_t id = tm_intern(&t->names, name, strlen(name));
	struct tm_traceback tb = { t->frames.n, 1, 0 };
	return id != UINT32_MAX && tm_array_push(&t->frames, ((struct tm_frame) { id, 0 })) && tm_array_push(&t->tracebacks, tb);
}

static bool take_frames(struct tm_tracebacks *t, uint64_t addr, const struct tm_raw_traceback *tb, bool keep)
{
	uint64_t first = t->frames.n;
	t->nframes += tb->nframe;
	if (t->nframes > t->most_frames)
		return true; /* read_all() ends it */
	size_t step = t->walk.layout->frame.sizeof_;
	bool checkable = true;
	struct tm_traceback_hash hash = tm_traceback_hash_begin(tb->nframe);
	if (keep && !tm_array_reserve(&t->frames, tb->nframe))
		return false;
	for (uint32_t i = 0; i < tb->nframe; i++) {
		const uint8_t *frame = tb->frames + (size_t)i * step;
		const struct tm_filename_seen *f = filename(t, tm_frame_filename(&t->walk, frame));
		if (!f)
			return false;
		uint32_t lineno = tm_frame_lineno(&t->walk, frame);
		tm_traceback_hash_frame(&hash, f->hash, lineno);
		checkable &= f->has_hash;
		if (keep)
			t->frames.items[t->frames.n++] = (struct tm_frame) { f->id, lineno };
	}
	t->nread++;
	if (checkable && tm_traceback_hash_end(&t->walk, tb, &hash) != tb->hash) {
		t->wrong++;
		t->wrong_at = addr;
	}
	if (tb->nframe > t->max_nframe)
		t->max_nframe = tb->nframe;
	if (tb->total_nframe > tb->nframe)
		t->truncated_nframe = tb->nframe;
	return !keep || tm_array_push(&t->tracebacks, ((struct tm_traceback) { first, tb->nframe, tb->total_nframe }));
}

static bool take(struct tm_tracebacks *t, uint64_t addr, uint32_t filed, bool keep)
{
	struct tm_raw_traceback tb;
	enum tm_seen seen = tm_walk_traceback(&t->walk, addr, &tb);
	/* A wrong candidate must not cost more than a right one: nothing loops over a length that cannot be. */
	if (seen == TM_SEEN && t->limit && tb.nframe > t->limit)
		seen = TM_SEEN_BAD;
	if (seen == TM_SEEN && filed && filed != tm_fold(tb.hash)) {
		t->misfiled++;
		t->misfiled_at = addr;
	}
	if (seen == TM_SEEN)
		return take_frames(t, addr, &tb, keep);
	if (seen == TM_SEEN_MISSING) {
		t->missing++;
		t->missing_at = addr;
	} else {
		t->bad++;
		t->wrong_at = addr;
	}
	return !keep || stand_in(t, seen == TM_SEEN_MISSING ? "<missing>" : "<unreadable>");
}

static struct tm_error *read_all(struct tm_tracebacks *t, const uint64_t *addrs, const uint32_t *filed, size_t n, size_t kept)
{
	enum { AHEAD = 16, MUCH = 1 << 16 /* frames between two polls */ };
	uint64_t polled = t->nframes;
	for (size_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			tm_walk_traceback_prefetch(&t->walk, addrs[i + AHEAD]);
		if (!take(t, addrs[i], filed[i], i < kept))
			return tm_error_nomem();
		if (t->bad + t->wrong > HOPELESS && t->bad + t->wrong > t->nread / 2)
			return tm_error_new(TM_ERR_CORRUPT, "most tracebacks contradict themselves");
		if (t->nframes > t->most_frames)
			return tm_error_new(TM_ERR_CORRUPT, "the tracebacks have more frames than the memory at hand has room for");
		if (i % PIECE != PIECE - 1 && t->nframes - polled < MUCH)
			continue;
		polled = t->nframes;
		struct tm_error *err = tm_poll(&t->walk.poll, "reading tracebacks", i, n);
		if (err)
			return err;
	}
	return NULL;
}

/* ---- in parts ---- */

struct reading {
	const uint64_t *addrs;
	const uint32_t *filed;
	size_t n, next; /* of those that are only checked: the first that nobody has taken */
};

struct part {
	struct tm_tracebacks t;
	struct reading *all;
	size_t first, n; /* those that it keeps */
};

static struct tm_error *work(void *ctx)
{
	struct part *p = ctx;
	struct reading *r = p->all;
	struct tm_error *err = read_all(&p->t, r->addrs + p->first, r->filed + p->first, p->n, p->n);
	for (size_t i; !err && (i = __atomic_fetch_add(&r->next, PIECE, __ATOMIC_RELAXED)) < r->n;)
		err = read_all(&p->t, r->addrs + i, r->filed + i, r->n - i < PIECE ? r->n - i : PIECE, 0);
	return err;
}

/* PART's tracebacks follow T's. */
static bool append(struct tm_tracebacks *t, const struct tm_tracebacks *part)
{
	uint32_t *ids = malloc((part->names.n + 1) * sizeof *ids);
	bool ok = ids && tm_array_reserve(&t->frames, part->frames.n) && tm_array_reserve(&t->tracebacks, part->tracebacks.n);
	for (size_t i = 0; ok && i < part->names.n; i++) {
		const struct tm_text_at *name = &part->names.strings[i];
		ids[i] = tm_intern(&t->names, part->names.text.items + name->offset, name->len);
		ok = ids[i] != UINT32_MAX;
	}
	for (size_t i = 0; ok && i < part->filenames.n; i++) { /* what was seen of each name, once */
		struct tm_known *k = tm_map_find(&t->known, part->filenames.items[i].addr);
		ok = k && (k->id || tm_array_push(&t->filenames, part->filenames.items[i]));
		if (ok && !k->id) {
			t->filenames.items[t->filenames.n - 1].id = ids[part->filenames.items[i].id];
			*k = (struct tm_known) { part->filenames.items[i].addr, (uint32_t)t->filenames.n };
			t->known.n++;
		}
	}
	uint64_t base = t->frames.n;
	for (size_t i = 0; ok && i < part->frames.n; i++)
		t->frames.items[t->frames.n++] = (struct tm_frame) { ids[part->frames.items[i].filename], part->frames.items[i].lineno };
	for (size_t i = 0; ok && i < part->tracebacks.n; i++) {
		struct tm_traceback tb = part->tracebacks.items[i];
		tb.first += base;
		t->tracebacks.items[t->tracebacks.n++] = tb;
	}
	free(ids);
	t->nread += part->nread;
	t->nframes += part->nframes;
	t->wrong += part->wrong;
	t->missing += part->missing;
	t->bad += part->bad;
	t->misfiled += part->misfiled;
	t->misfiled_at = part->misfiled_at ? part->misfiled_at : t->misfiled_at;
	t->missing_at = part->missing_at ? part->missing_at : t->missing_at;
	t->wrong_at = part->wrong_at ? part->wrong_at : t->wrong_at;
	t->max_nframe = part->max_nframe > t->max_nframe ? part->max_nframe : t->max_nframe;
	t->truncated_nframe = part->truncated_nframe ? part->truncated_nframe : t->truncated_nframe;
	return ok;
}

static void move(struct tm_tracebacks *t, struct tm_tracebacks *part)
{
	struct tm_tracebacks begun = *t;
	*t = *part;
	t->walk.poll = begun.walk.poll;
	*part = begun;
}

struct tm_error *tm_tracebacks_read(struct tm_tracebacks *t, const uint64_t *addrs, const uint32_t *filed, size_t n, size_t kept)
{
	size_t nparts = n < PARALLEL || t->lean ? 1 : tm_threads_for(t->walk.target);
	size_t frames = t->limit && t->limit < USUAL ? t->limit : USUAL;
	if (nparts < 2) /* an array that grows leaves holes behind */
		return tm_array_reserve(&t->tracebacks, kept) && tm_array_reserve(&t->frames, kept * frames) ?
			read_all(t, addrs, filed, n, kept) : tm_error_nomem();
	struct part *parts = calloc(nparts, sizeof *parts);
	struct tm_job jobs[TM_MOST_THREADS];
	if (!parts)
		return tm_error_nomem();
	struct reading all = { addrs, filed, n, kept };
	bool room = true;
	for (size_t i = 0; i < nparts; i++) {
		struct part *p = &parts[i];
		tm_tracebacks_init(&p->t, t->walk.target, t->walk.layout);
		p->t.limit = t->limit;
		p->t.unknown_name = t->unknown_name;
		p->all = &all;
		p->first = kept / nparts * i;
		p->n = (i + 1 == nparts ? kept : kept / nparts * (i + 1)) - p->first;
		/* Nothing has to move while the threads read, nor when the others' are appended to the first part. */
		room = room && tm_array_reserve(&p->t.tracebacks, i ? p->n : kept) &&
			tm_array_reserve(&p->t.frames, (i ? p->n : kept) * frames);
		jobs[i] = (struct tm_job) { .work = work, .ctx = p, .poll = &p->t.walk.poll };
	}
	struct tm_error *err = room ? tm_threads_run(jobs, nparts) : tm_error_nomem();
	for (size_t i = 0; i < nparts; i++) {
		if (!err && !i) /* the first part is the beginning */
			move(t, &parts[0].t);
		else if (!err && !append(t, &parts[i].t))
			err = tm_error_nomem();
		tm_tracebacks_deinit(&parts[i].t);
	}
	free(parts);
	return err;
}
