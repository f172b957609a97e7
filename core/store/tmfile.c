/*
 * tm's own format: a header, a table of sections, the sections; little-endian, each section with a checksum (XXH3).
 * The arrays of the file are the arrays of the snapshot, so opening costs nothing.
 */
#include "tm/store.h"
#include "mapped.h"
#include "tm/text.h"
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format is little-endian and read in place");

enum {
	VERSION = 1,
	ALIGN = 64,
	MOST_SECTIONS = 64,
};

static const unsigned char magic[8] = { 0x89, 'T', 'M', '\r', '\n', 0x1a, '\n', 0 };

struct header {
	unsigned char magic[8];
	uint32_t version, nsections;
	uint64_t length;   /* of the whole file */
	uint64_t sections; /* checksum of the section table */
	uint64_t unused[3];
	uint64_t checksum; /* of the header up to here */
};

enum kind { KIND_ABOUT = 1, KIND_TRACES, KIND_TALLIES, KIND_TRACEBACKS, KIND_FRAMES, KIND_NAMES, KIND_TEXT, KIND_TABLES, KIND_NOTES, NKINDS };

struct section {
	uint32_t kind, item; /* item: bytes of one */
	uint64_t offset, length, checksum, count;
};

_Static_assert(sizeof(struct header) == 64 && sizeof(struct section) == 40 && sizeof(struct tm_trace) == 24 &&
		sizeof(struct tm_tally) == 32 && sizeof(struct tm_traceback) == 16 && sizeof(struct tm_frame) == 8 &&
		sizeof(struct tm_name) == 16 && sizeof(struct tm_table_facts) == 56,
	"what docs/format.md says");

/* ---- about: a row per field; keys are never reused ---- */

enum type { TYPE_BOOL, TYPE_INT, TYPE_U16, TYPE_U32, TYPE_U64, TYPE_STRING };

static const struct field {
	uint16_t key;
	uint16_t type;
	size_t at;
} fields[] = {
#define FIELD(key, type, name) { key, type, offsetof(struct tm_about, name) }
	FIELD(1, TYPE_STRING, target),
	FIELD(2, TYPE_STRING, executable),
	FIELD(3, TYPE_STRING, python),
	FIELD(4, TYPE_STRING, build),
	FIELD(5, TYPE_STRING, source),
	FIELD(6, TYPE_STRING, stopped_by),
	FIELD(7, TYPE_U32, hexversion),
	FIELD(8, TYPE_U16, python_minor),
	FIELD(9, TYPE_INT, pid),
	FIELD(10, TYPE_INT, signal),
	FIELD(11, TYPE_BOOL, is_live),
	FIELD(12, TYPE_BOOL, has_fault),
	FIELD(13, TYPE_U64, fault_address),
	FIELD(14, TYPE_U64, time),
	FIELD(15, TYPE_BOOL, tracing),
	FIELD(16, TYPE_BOOL, has_limit),
	FIELD(17, TYPE_U32, limit),
	FIELD(18, TYPE_BOOL, has_traced),
	FIELD(19, TYPE_U64, traced),
	FIELD(20, TYPE_BOOL, has_peak),
	FIELD(21, TYPE_U64, peak),
	FIELD(22, TYPE_BOOL, has_memory),
	FIELD(23, TYPE_U64, memory),
	FIELD(24, TYPE_U64, own_memory),
	FIELD(25, TYPE_BOOL, lock_held),
	FIELD(26, TYPE_BOOL, complete),
	FIELD(27, TYPE_BOOL, has_addresses),
	FIELD(28, TYPE_BOOL, has_total_nframe),
	FIELD(29, TYPE_U64, truncated),
	FIELD(30, TYPE_BOOL, other_files),
#undef FIELD
};
enum { NFIELDS = sizeof fields / sizeof *fields };

struct tlv {
	uint16_t key, type;
	uint32_t len; /* of what follows; the next one begins at a multiple of 8 */
};

static void put_tlv(struct tm_text *t, uint16_t key, uint16_t type, const void *p, uint32_t len)
{
	struct tlv h = { key, type, len };
	tm_text_put(t, (const char *)&h, sizeof h);
	tm_text_put(t, p, len);
	tm_text_pad(t, 0, (size_t)(-t->len & 7));
}

static uint64_t get_number(const void *p, enum type type)
{
	switch (type) {
	case TYPE_BOOL:
		return *(const bool *)p;
	case TYPE_INT:
		return (uint64_t)(int64_t)*(const int *)p;
	case TYPE_U16:
		return *(const uint16_t *)p;
	case TYPE_U32:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static void set_number(void *p, enum type type, uint64_t v)
{
	switch (type) {
	case TYPE_BOOL:
		*(bool *)p = v != 0;
		break;
	case TYPE_INT:
		*(int *)p = (int)(int64_t)v;
		break;
	case TYPE_U16:
		*(uint16_t *)p = (uint16_t)v;
		break;
	case TYPE_U32:
		*(uint32_t *)p = (uint32_t)v;
		break;
	default:
		*(uint64_t *)p = v;
		break;
	}
}

static void put_about(struct tm_text *t, const struct tm_about *a)
{
	for (size_t i = 0; i < NFIELDS; i++) {
		const char *p = (const char *)a + fields[i].at;
		if (fields[i].type == TYPE_STRING) {
			const char *s = *(char *const *)p;
			if (s)
				put_tlv(t, fields[i].key, TYPE_STRING, s, (uint32_t)strlen(s));
		} else {
			uint64_t v = get_number(p, fields[i].type);
			put_tlv(t, fields[i].key, TYPE_U64, &v, sizeof v);
		}
	}
}

/* One element, bounds checked; false at the end or when it is broken. */
static bool next_tlv(const uint8_t **p, const uint8_t *end, struct tlv *h, const uint8_t **value)
{
	if ((size_t)(end - *p) < sizeof *h)
		return false;
	memcpy(h, *p, sizeof *h);
	if (h->len > (size_t)(end - *p) - sizeof *h)
		return false;
	*value = *p + sizeof *h;
	size_t step = (sizeof *h + h->len + 7) & ~(size_t)7;
	*p = step > (size_t)(end - *p) ? end : *p + step;
	return true;
}

static bool get_about(struct tm_about *a, const uint8_t *p, const uint8_t *end)
{
	struct tlv h;
	const uint8_t *value;
	while (next_tlv(&p, end, &h, &value))
		for (size_t i = 0; i < NFIELDS; i++) {
			char *at = (char *)a + fields[i].at;
			uint64_t v;
			if (fields[i].key != h.key)
				continue;
			if (fields[i].type == TYPE_STRING) {
				free(*(char **)at);
				if (!(*(char **)at = strndup((const char *)value, h.len)))
					return false;
			} else if (h.len == sizeof v) {
				memcpy(&v, value, sizeof v);
				set_number(at, fields[i].type, v);
			}
		}
	return true;
}

/* ---- writing ---- */

struct piece {
	enum kind kind;
	uint32_t item;
	const void *p;
	uint64_t length, count;
};

static struct tm_error *write_pieces(struct tm_file *f, const struct piece *pieces, size_t n, const struct tm_poll *poll)
{
	static const char zeros[ALIGN];
	struct section table[NKINDS] = { 0 };
	uint64_t at = sizeof(struct header) + n * sizeof *table;
	for (size_t i = 0; i < n; i++) {
		at = (at + ALIGN - 1) / ALIGN * ALIGN;
		table[i] = (struct section) { pieces[i].kind, pieces[i].item, at, pieces[i].length,
			XXH3_64bits(pieces[i].p, (size_t)pieces[i].length), pieces[i].count };
		at += pieces[i].length;
	}
	struct header h = { .version = VERSION, .nsections = (uint32_t)n, .length = at,
		.sections = XXH3_64bits(table, n * sizeof *table) };
	memcpy(h.magic, magic, sizeof magic);
	h.checksum = XXH3_64bits(&h, offsetof(struct header, checksum));
	struct tm_error *err = tm_file_write(f, &h, sizeof h);
	if (!err)
		err = tm_file_write(f, table, n * sizeof *table);
	uint64_t done = sizeof h + n * sizeof *table;
	for (size_t i = 0; !err && i < n; i++) {
		err = tm_file_write(f, zeros, (size_t)(table[i].offset - done));
		const char *p = pieces[i].p;
		for (uint64_t left = pieces[i].length; !err && left;) {
			size_t k = left < 8 << 20 ? (size_t)left : 8 << 20;
			err = tm_file_write(f, p, k);
			p += k;
			left -= k;
			if (!err)
				err = tm_poll(poll, "writing", table[i].offset + (pieces[i].length - left), at);
		}
		done = table[i].offset + table[i].length;
	}
	return err;
}

struct tm_error *tm_snapshot_save(struct tm_snapshot *s, const char *path, bool force, const struct tm_poll *poll)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	if (err)
		return err;
	if (s->ntraces && !s->traces)
		return tm_error_new(TM_ERR_UNSUPPORTED, "this snapshot holds statistics only, no traces");
	struct tm_text about = { 0 }, notes = { 0 };
	put_about(&about, &s->about);
	for (size_t i = 0; i < s->nnotes; i++)
		put_tlv(&notes, s->notes[i].gap, TYPE_STRING, s->notes[i].text, (uint32_t)strlen(s->notes[i].text));
#define PIECE(kind, array, n) { kind, sizeof *(array), (array) ? (const void *)(array) : "", (n) * sizeof *(array), (n) }
	const struct piece pieces[] = {
		{ KIND_ABOUT, 1, tm_text_str(&about), about.len, about.len },
		{ KIND_NOTES, 1, tm_text_str(&notes), notes.len, s->nnotes },
		PIECE(KIND_TABLES, s->tables, s->ntables),
		PIECE(KIND_TALLIES, s->tallies, s->ntallies),
		PIECE(KIND_TRACEBACKS, s->tracebacks, s->ntracebacks),
		PIECE(KIND_FRAMES, s->frames, s->nframes),
		PIECE(KIND_NAMES, s->names, s->nnames),
		PIECE(KIND_TEXT, s->text, s->text_len),
		PIECE(KIND_TRACES, s->traces, s->ntraces),
	};
#undef PIECE
	struct tm_file *f = NULL;
	err = about.failed || notes.failed ? tm_error_nomem() : tm_file_create(path, force, &f);
	if (!err)
		err = write_pieces(f, pieces, sizeof pieces / sizeof *pieces, poll);
	if (err)
		tm_file_abort(f);
	else
		err = tm_file_commit(f);
	tm_text_free(&about);
	tm_text_free(&notes);
	return err;
}

/* ---- reading ---- */

struct file {
	char *path;
	struct tm_mapped m;
	struct section sections[NKINDS]; /* by kind; length 0 where there is none */
	unsigned verified; /* enum tm_section, atomic */
};

static void release(void *owner)
{
	struct file *f = owner;
	tm_mapped_close(&f->m);
	free(f->path);
	free(f);
}

static struct tm_error *damaged(const struct file *f, const char *what)
{
	return tm_error_new(TM_ERR_CORRUPT, "%s: damaged snapshot file: %s", f->path, what);
}

static const uint32_t item_sizes[NKINDS] = { [KIND_ABOUT] = 1, [KIND_TRACES] = sizeof(struct tm_trace),
	[KIND_TALLIES] = sizeof(struct tm_tally), [KIND_TRACEBACKS] = sizeof(struct tm_traceback),
	[KIND_FRAMES] = sizeof(struct tm_frame), [KIND_NAMES] = sizeof(struct tm_name), [KIND_TEXT] = 1,
	[KIND_TABLES] = sizeof(struct tm_table_facts), [KIND_NOTES] = 1 };

static struct tm_error *read_header(struct file *f)
{
	struct header h;
	if (f->m.size < sizeof h)
		return damaged(f, "it is shorter than its header");
	memcpy(&h, f->m.bytes, sizeof h);
	if (memcmp(h.magic, magic, sizeof magic))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a snapshot file of tm", f->path);
	if (h.checksum != XXH3_64bits(&h, offsetof(struct header, checksum)))
		return damaged(f, "its header does not agree with its checksum");
	if (h.version != VERSION)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: snapshot format %u, this tm reads %d: use a newer tm", f->path, h.version, VERSION);
	if (h.length != f->m.size)
		return damaged(f, f->m.size < h.length ? "it is truncated" : "it is longer than its header says");
	if (h.nsections > MOST_SECTIONS || h.nsections * sizeof(struct section) > f->m.size - sizeof h)
		return damaged(f, "its table of sections does not fit into it");
	if (h.sections != XXH3_64bits(f->m.bytes + sizeof h, h.nsections * sizeof(struct section)))
		return damaged(f, "its table of sections does not agree with its checksum");
	for (uint32_t i = 0; i < h.nsections; i++) {
		struct section s;
		memcpy(&s, f->m.bytes + sizeof h + i * sizeof s, sizeof s);
		if (s.kind >= NKINDS || !item_sizes[s.kind])
			continue; /* of a later tm */
		bool items = s.kind != KIND_NOTES && s.kind != KIND_ABOUT;
		if (s.offset % ALIGN || s.offset > f->m.size || s.length > f->m.size - s.offset || s.item != item_sizes[s.kind] ||
		    (items && (s.count > s.length || s.count * s.item != s.length)))
			return damaged(f, "a section does not fit into it");
		f->sections[s.kind] = s;
	}
	return NULL;
}

static bool sound(const struct file *f, enum kind kind)
{
	const struct section *s = &f->sections[kind];
	return !s->length || s->checksum == XXH3_64bits(f->m.bytes + s->offset, (size_t)s->length);
}

static bool names_fit(const struct tm_snapshot *s)
{
	for (uint64_t i = 0; i < s->nnames; i++)
		if (s->names[i].offset >= s->text_len || s->names[i].len >= s->text_len - s->names[i].offset ||
		    s->text[s->names[i].offset + s->names[i].len])
			return false;
	return true;
}

static bool frames_fit(const struct tm_snapshot *s)
{
	for (uint64_t i = 0; i < s->nframes; i++)
		if (s->frames[i].filename >= s->nnames)
			return false;
	return true;
}

static bool tracebacks_fit(const struct tm_snapshot *s)
{
	for (uint64_t i = 0; i < s->ntracebacks; i++)
		if (s->tracebacks[i].first > s->nframes || s->tracebacks[i].nframe > s->nframes - s->tracebacks[i].first)
			return false;
	return true;
}

static bool tallies_fit(const struct tm_snapshot *s)
{
	uint64_t n = 0;
	for (uint64_t i = 0; i < s->ntallies; i++)
		if (s->tallies[i].traceback >= s->ntracebacks || __builtin_add_overflow(n, s->tallies[i].count, &n))
			return false;
	return n == s->ntraces;
}

static bool traces_fit(const struct tm_snapshot *s)
{
	for (uint64_t i = 0; i < s->ntraces; i++)
		if (s->traces[i].traceback >= s->ntracebacks)
			return false;
	return true;
}

static struct tm_error *verify(void *owner, const struct tm_snapshot *s, unsigned sections)
{
	static const struct {
		unsigned section;
		enum kind kind;
		bool (*fits)(const struct tm_snapshot *s);
		const char *damage;
	} checks[] = { /* in this order: what comes later refers to what came before */
		{ TM_SECTION_TEXT, KIND_TEXT, NULL, "its text does not agree with its checksum" },
		{ TM_SECTION_NAMES, KIND_NAMES, names_fit, "its names are not what was written" },
		{ TM_SECTION_FRAMES, KIND_FRAMES, frames_fit, "its frames are not what was written" },
		{ TM_SECTION_TRACEBACKS, KIND_TRACEBACKS, tracebacks_fit, "its tracebacks are not what was written" },
		{ TM_SECTION_TALLIES, KIND_TALLIES, tallies_fit, "its tallies are not what was written" },
		{ TM_SECTION_TRACES, KIND_TRACES, traces_fit, "its traces are not what was written" },
	};
	struct file *f = owner;
	struct tm_error *err = tm_mapped_check(&f->m, f->path);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		if (!(sections & checks[i].section) || (__atomic_load_n(&f->verified, __ATOMIC_ACQUIRE) & checks[i].section))
			continue;
		if (!sound(f, checks[i].kind) || (checks[i].fits && !checks[i].fits(s)))
			return damaged(f, checks[i].damage);
		__atomic_or_fetch(&f->verified, checks[i].section, __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool read_notes(struct tm_snapshot *s, const uint8_t *p, const uint8_t *end)
{
	struct tlv h;
	const uint8_t *value;
	while (next_tlv(&p, end, &h, &value))
		if (!tm_snapshot_note(s, h.key != 0, "%.*s", (int)(h.len < 1 << 16 ? h.len : 1 << 16), (const char *)value))
			return false;
	return true;
}

static struct tm_error *attach(struct file *f, struct tm_snapshot *s)
{
	const struct section *k = f->sections;
	s->traces = (const void *)(f->m.bytes + k[KIND_TRACES].offset);
	s->ntraces = k[KIND_TRACES].count;
	s->tallies = (const void *)(f->m.bytes + k[KIND_TALLIES].offset);
	s->ntallies = k[KIND_TALLIES].count;
	s->tracebacks = (const void *)(f->m.bytes + k[KIND_TRACEBACKS].offset);
	s->ntracebacks = k[KIND_TRACEBACKS].count;
	s->frames = (const void *)(f->m.bytes + k[KIND_FRAMES].offset);
	s->nframes = k[KIND_FRAMES].count;
	s->names = (const void *)(f->m.bytes + k[KIND_NAMES].offset);
	s->nnames = k[KIND_NAMES].count;
	s->text = (const void *)(f->m.bytes + k[KIND_TEXT].offset);
	s->text_len = k[KIND_TEXT].length;
	if (!k[KIND_ABOUT].length || !sound(f, KIND_ABOUT) || !sound(f, KIND_NOTES) || !sound(f, KIND_TABLES))
		return damaged(f, "what it says about itself does not agree with its checksum");
	const uint8_t *about = f->m.bytes + k[KIND_ABOUT].offset, *notes = f->m.bytes + k[KIND_NOTES].offset;
	if (!get_about(&s->about, about, about + k[KIND_ABOUT].length) || !read_notes(s, notes, notes + k[KIND_NOTES].length))
		return tm_error_nomem();
	if (!s->about.target && !(s->about.target = strdup(f->path))) /* what it is of goes by a name, at least the file's */
		return tm_error_nomem();
	if (k[KIND_TABLES].count > 1 << 20)
		return damaged(f, "it lists too many tables");
	s->ntables = (size_t)k[KIND_TABLES].count;
	s->tables = calloc(s->ntables ? s->ntables : 1, sizeof *s->tables);
	if (!s->tables)
		return tm_error_nomem();
	memcpy(s->tables, f->m.bytes + k[KIND_TABLES].offset, s->ntables * sizeof *s->tables);
	for (size_t i = 0; i < s->ntables; i++)
		s->tables[i].name[sizeof s->tables[i].name - 1] = 0;
	return NULL;
}

bool tm_snapshot_is_file(const void *head, size_t len)
{
	return len >= sizeof magic && memcmp(head, magic, sizeof magic) == 0;
}

struct tm_error *tm_snapshot_open(const char *path, struct tm_snapshot **ret)
{
	struct file *f = calloc(1, sizeof *f);
	struct tm_snapshot *s = f ? calloc(1, sizeof *s) : NULL;
	if (!s || !(f->path = strdup(path))) {
		free(f);
		free(s);
		return tm_error_nomem();
	}
	*s = (struct tm_snapshot) { .refs = 1, .release = release, .verify = verify, .owner = f };
	f->m.fd = -1;
	struct tm_error *err = tm_mapped_open(path, &f->m);
	if (!err)
		err = read_header(f);
	if (!err)
		err = attach(f, s);
	if (err) {
		tm_snapshot_unref(s);
		return err;
	}
	*ret = s;
	return NULL;
}
