/* Names: str objects of every kind, and the C strings of newer versions. */
#include "tm/walk.h"
#include "tm/bytes.h"
#include <string.h>

enum {
	MOST_CHARS = 1 << 20,	/* code points of a str: longer ones are taken for damage */
	MOST_BYTES = 4 << 20,	/* bytes of a C string */
};

/* PyASCIIObject.state: bit fields, from the other end on big-endian machines. */
struct state {
	unsigned kind;
	bool compact, ascii;
};

static struct state decode_state(uint32_t s, bool big)
{
	if (big)
		return (struct state) { s >> 27 & 7, s >> 26 & 1, s >> 25 & 1 };
	return (struct state) { s >> 2 & 7, s >> 5 & 1, s >> 6 & 1 };
}

static void put_chars(struct tm_text *ret, const uint8_t *p, size_t n, unsigned kind, bool big)
{
	for (size_t i = 0; i < n; i++, p += kind) {
		uint32_t c = kind == 1 ? *p : kind == 2 ? tm_load16(p, big) : tm_load32(p, big);
		char utf8[4];
		tm_text_put(ret, utf8, tm_utf8_put(utf8, c > 0x10ffff ? 0xfffd : c));
	}
}

enum tm_seen tm_walk_str(struct tm_walk *w, uint64_t addr, struct tm_text *ret, uint64_t *hash)
{
	const struct tm_layout *l = w->layout;
	struct tm_memory *m = &w->target->memory;
	uint8_t head[9 * 8 + 8];
	if (tm_memory_read(m, addr, head, l->str.state + 4u) != l->str.state + 4u)
		return tm_walk_why(w, addr);
	uint64_t length = tm_load_word(head + l->str.length, l->word, m->big);
	struct state s = decode_state(tm_load32(head + l->str.state, m->big), m->big);
	if (hash)
		*hash = tm_load_word(head + l->str.hash, l->word, m->big);
	if (length > MOST_CHARS || (s.kind != 1 && s.kind != 2 && s.kind != 4) || (s.ascii && s.kind != 1))
		return TM_SEEN_BAD;
	uint64_t data = addr + (s.ascii ? l->str.ascii : l->str.compact);
	if (!s.compact && !tm_memory_word(m, addr + l->str.compact, &data))
		return tm_walk_why(w, addr + l->str.compact);
	uint8_t end[4] = { 0 };
	uint64_t end_at = data + length * s.kind;
	if (tm_memory_read(m, end_at, end, s.kind) != s.kind)
		return tm_walk_why(w, end_at);
	if (end[0] | end[1] | end[2] | end[3]) /* every str ends in a NUL that does not count */
		return TM_SEEN_BAD;
	while (length) { /* by pieces: nothing is allocated for a foreign length */
		uint8_t buf[4096];
		size_t n = length * s.kind < sizeof buf ? (size_t)length : sizeof buf / s.kind;
		if (tm_memory_read(m, data, buf, n * s.kind) != n * s.kind)
			return tm_walk_why(w, data);
		for (size_t i = 0; s.ascii && i < n; i++)
			if (buf[i] & 0x80)
				return TM_SEEN_BAD;
		if (s.ascii)
			tm_text_put(ret, (const char *)buf, n);
		else
			put_chars(ret, buf, n, s.kind, m->big);
		data += n * s.kind;
		length -= n;
	}
	return TM_SEEN;
}

enum tm_seen tm_walk_cstring(struct tm_walk *w, uint64_t addr, size_t limit, struct tm_text *ret)
{
	for (size_t done = 0; done < limit;) {
		char buf[256];
		/* Not across a page at once: the string may end just before memory does. */
		size_t n = TM_PAGE - (addr & (TM_PAGE - 1));
		n = tm_memory_read(&w->target->memory, addr, buf, n < sizeof buf ? n : sizeof buf);
		if (!n)
			return tm_walk_why(w, addr);
		const char *nul = memchr(buf, 0, n);
		tm_text_put(ret, buf, nul ? (size_t)(nul - buf) : n);
		if (nul)
			return TM_SEEN;
		addr += n;
		done += n;
	}
	return TM_SEEN_BAD;
}

enum tm_seen tm_walk_filename(struct tm_walk *w, uint64_t addr, struct tm_text *ret, uint64_t *hash)
{
	if (w->layout->filename_kind == TM_FILENAME_OBJECT)
		return tm_walk_str(w, addr, ret, hash);
	*hash = tm_hash_pointer(addr, w->layout->word, false);
	return tm_walk_cstring(w, addr, MOST_BYTES, ret);
}
