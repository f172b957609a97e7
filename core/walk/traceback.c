/* Tracebacks: frames and the hash that guards them. */
#include "tm/walk.h"
#include "tm/bytes.h"

enum { MOST_FRAMES = 178956969 }; /* MAX_NFRAME of 3.6-3.8; later ones keep 16 bits */

static const uint8_t *long_frames(struct tm_walk *w, uint64_t addr, size_t size, enum tm_seen *why)
{
	struct tm_memory *m = &w->target->memory;
	size_t have;
	const uint8_t *p = tm_memory_view(m, addr, size, &have);
	if (have == size)
		return p;
	/* Before memory is taken for a foreign number, its last byte must be there. */
	uint8_t last;
	if (tm_memory_read(m, addr + size - 1, &last, 1) != 1) {
		*why = tm_walk_why(w, addr + size - 1);
		return NULL;
	}
	if (size > w->scratch_cap) {
		uint8_t *s = realloc(w->scratch, size);
		if (!s) {
			*why = TM_SEEN_BAD;
			return NULL;
		}
		w->scratch = s;
		w->scratch_cap = size;
	}
	size_t n = tm_memory_read(m, addr, w->scratch, size);
	if (n == size)
		return w->scratch;
	*why = tm_walk_why(w, addr + n);
	return NULL;
}

enum tm_seen tm_walk_traceback(struct tm_walk *w, uint64_t addr, struct tm_raw_traceback *ret)
{
	const struct tm_layout *l = w->layout;
	struct tm_memory *m = &w->target->memory;
	uint8_t buf[16];
	size_t head = l->traceback.frames;
	const uint8_t *p = tm_memory_at(m, &w->hint_traceback, addr, head);
	if (!p) {
		if (tm_memory_read(m, addr, buf, head) != head)
			return tm_walk_why(w, addr);
		p = buf;
	}
	ret->hash = tm_load_word(p + l->traceback.hash, l->word, m->big);
	ret->nframe = l->traceback.nframe_size == 2 ? tm_load16(p + l->traceback.nframe, m->big)
						    : tm_load32(p + l->traceback.nframe, m->big);
	ret->total_nframe = l->traceback.total_nframe == TM_NONE ? 0 : tm_load16(p + l->traceback.total_nframe, m->big);
	if (!ret->nframe || ret->nframe > MOST_FRAMES || (ret->total_nframe && ret->total_nframe < ret->nframe))
		return TM_SEEN_BAD;
	size_t size = (size_t)ret->nframe * l->frame.sizeof_;
	ret->frames = size <= TM_PAGE ? tm_memory_at(m, &w->hint_traceback, addr + head, size) : NULL;
	enum tm_seen why = TM_SEEN;
	if (!ret->frames)
		ret->frames = long_frames(w, addr + head, size, &why);
	return why;
}

void tm_walk_traceback_prefetch(struct tm_walk *w, uint64_t addr)
{
	const uint8_t *p = tm_memory_at(&w->target->memory, &w->hint_traceback, addr, w->layout->traceback.frames);
	for (size_t i = 0; p && i < 192; i += 64) /* some ten frames */
		__builtin_prefetch(p + i);
}

uint64_t tm_traceback_hash_end(const struct tm_walk *w, const struct tm_raw_traceback *tb, const struct tm_traceback_hash *h)
{
	uint64_t x = h->x;
	if (w->layout->traceback.total_nframe != TM_NONE)
		x ^= tb->total_nframe;
	x += 97531;
	return w->layout->word == 4 ? (uint32_t)x : x;
}

uint64_t tm_traceback_hash(const struct tm_walk *w, const struct tm_raw_traceback *tb, const uint64_t *filename_hashes)
{
	struct tm_traceback_hash h = tm_traceback_hash_begin(tb->nframe);
	for (uint32_t i = 0; i < tb->nframe; i++)
		tm_traceback_hash_frame(&h, filename_hashes[i], tm_frame_lineno(w, tb->frames + (size_t)i * w->layout->frame.sizeof_));
	return tm_traceback_hash_end(w, tb, &h);
}
