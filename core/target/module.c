/*
 * The ELF files mapped in a target, found without any debugger: from the map, else auxv → program headers → link_map.
 * Their build-ids come out of memory; a file on disk counts only when it carries the same one.
 */
#include "common.h"
#include "tm/bytes.h"
#include "tm/cleanup.h"
#include "tm/elffile.h"
#include "tm/text.h"
#include <elf.h>
#include <errno.h>
#include <gelf.h>
#include <stdio.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_PHDRS = 64,	     /* program headers read of one module */
	MAX_NOTES = 64 << 10, /* bytes of one PT_NOTE */
	MAX_MODULES = 16384,
	PATH_LIMIT = 4096,
};

struct phdr {
	uint32_t type, flags;
	uint64_t offset, vaddr, filesz, memsz, align;
};

/* Elf32 and Elf64 of either byte order, as one shape. */
static struct phdr decode_phdr(const uint8_t *p, unsigned word, bool big)
{
	if (word == 8)
		return (struct phdr) { tm_load32(p, big), tm_load32(p + 4, big), tm_load64(p + 8, big), tm_load64(p + 16, big),
			tm_load64(p + 32, big), tm_load64(p + 40, big), tm_load64(p + 48, big) };
	return (struct phdr) { tm_load32(p, big), tm_load32(p + 24, big), tm_load32(p + 4, big), tm_load32(p + 8, big),
		tm_load32(p + 16, big), tm_load32(p + 20, big), tm_load32(p + 28, big) };
}

static size_t read_phdrs(struct tm_target *t, uint64_t addr, size_t n, struct phdr *ph)
{
	struct tm_memory *m = &t->memory;
	size_t size = m->word == 8 ? 56 : 32;
	uint8_t buf[MAX_PHDRS * 56];
	if (n > MAX_PHDRS)
		n = MAX_PHDRS;
	n = tm_memory_read(m, addr, buf, n * size) / size;
	for (size_t i = 0; i < n; i++)
		ph[i] = decode_phdr(buf + i * size, m->word, m->big);
	return n;
}

/* The program headers of the ELF file whose first page is mapped at BASE; 0 when there is none to be seen. */
static size_t header_at(struct tm_target *t, uint64_t base, struct phdr *ph)
{
	struct tm_memory *m = &t->memory;
	uint8_t eh[64];
	if (tm_memory_read(m, base, eh, sizeof eh) != sizeof eh || memcmp(eh, ELFMAG, SELFMAG) ||
	    (eh[EI_CLASS] == ELFCLASS64) != (m->word == 8))
		return 0;
	uint64_t phoff = m->word == 8 ? tm_load64(eh + 32, m->big) : tm_load32(eh + 28, m->big);
	uint16_t n = tm_load16(eh + (m->word == 8 ? 56 : 44), m->big);
	return phoff > 1 << 20 ? 0 : read_phdrs(t, base + phoff, n, ph);
}

static void find_build_id(struct tm_target *t, struct tm_module *m, uint64_t addr, uint64_t size)
{
	if (m->build_id_len || size > MAX_NOTES)
		return;
	tm_autofree uint8_t *buf = malloc((size_t)size + 1);
	size_t len = buf ? tm_memory_read(&t->memory, addr, buf, (size_t)size) : 0;
	bool big = t->memory.big;
	for (size_t at = 0; at + 12 <= len;) {
		uint32_t namesz = tm_load32(buf + at, big), descsz = tm_load32(buf + at + 4, big);
		uint32_t type = tm_load32(buf + at + 8, big);
		if (namesz > len || descsz > len)
			return;
		size_t desc = at + 12 + ((namesz + 3) & ~3u);
		if (desc + descsz > len)
			return;
		if (type == NT_GNU_BUILD_ID && namesz == 4 && memcmp(buf + at + 12, "GNU", 4) == 0 && descsz &&
		    descsz <= sizeof m->build_id) {
			memcpy(m->build_id, buf + desc, descsz);
			m->build_id_len = descsz;
			return;
		}
		at = desc + ((descsz + 3) & ~3u);
	}
}

static void set_segments(struct tm_target *t, struct tm_module *m, const struct phdr *ph, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t start = ph[i].vaddr + m->bias, end = start + ph[i].memsz;
		if (end < start)
			continue;
		if (ph[i].type == PT_LOAD && m->nsegments < 16) {
			unsigned prot = (ph[i].flags & PF_R ? TM_READ : 0) | (ph[i].flags & PF_W ? TM_WRITE : 0) |
				(ph[i].flags & PF_X ? TM_EXEC : 0);
			m->segments[m->nsegments++] = (struct tm_segment) { start, end, prot };
			if (end > m->end)
				m->end = end;
		} else if (ph[i].type == PT_NOTE) {
			find_build_id(t, m, start, ph[i].memsz);
		}
	}
}

static struct tm_error *add_module(struct tm_target *t, const char *path, uint64_t base, uint64_t end)
{
	struct tm_module m = { .start = base, .end = end, .bias = base };
	struct phdr ph[MAX_PHDRS];
	size_t n = header_at(t, base, ph);
	for (size_t i = 0; i < n; i++)
		if (ph[i].type == PT_LOAD && ph[i].offset < TM_PAGE) {
			m.bias = base - (ph[i].vaddr - ph[i].offset);
			break;
		}
	set_segments(t, &m, ph, n);
	if (t->modules.n >= MAX_MODULES)
		return NULL;
	m.path = strdup(path);
	if (!m.path || !tm_array_push(&t->modules, m)) {
		free(m.path);
		return tm_error_nomem();
	}
	return NULL;
}

/* A module is a run of regions of one path that begins with the file's first byte. */
static struct tm_error *from_regions(struct tm_target *t)
{
	for (size_t i = 0; i < t->regions.n; i++) {
		const struct tm_region *r = &t->regions.items[i];
		if (!r->path || r->offset)
			continue;
		uint64_t end = r->end;
		size_t k = i + 1;
		for (; k < t->regions.n; k++) {
			const struct tm_region *s = &t->regions.items[k];
			if (s->path && (strcmp(s->path, r->path) || !s->offset))
				break;
			if (s->path)
				end = s->end;
			else if (s->start != end)
				break;
		}
		uint8_t magic[SELFMAG];
		if (tm_memory_read(&t->memory, r->start, magic, SELFMAG) == SELFMAG && memcmp(magic, ELFMAG, SELFMAG))
			continue; /* a mapped data file */
		if (end == r->end && !(r->prot & (TM_EXEC | TM_PROT_UNKNOWN)) && r->there == 0)
			continue; /* one undumped read-only mapping: a locale archive and the like */
		struct tm_error *err = add_module(t, r->path, r->start, end);
		if (err)
			return err;
	}
	return NULL;
}

/* The zero-terminated path at ADDR, or "". */
static void read_path(struct tm_target *t, uint64_t addr, char *buf)
{
	size_t n = tm_memory_read(&t->memory, addr, buf, PATH_LIMIT - 1);
	buf[n] = 0;
}

/* Walks the loader's own list: works where no map of files is known (remote stubs, emulators' cores). */
static struct tm_error *from_link_map(struct tm_target *t)
{
	struct tm_memory *m = &t->memory;
	struct phdr ph[MAX_PHDRS];
	uint64_t bias = 0, dynamic = 0, dynamic_size = 0, low = UINT64_MAX, debug = 0, map;
	size_t n = t->phdr ? read_phdrs(t, t->phdr, MAX_PHDRS, ph) : 0;
	for (size_t i = 0; i < n; i++)
		if (ph[i].type == PT_PHDR) {
			bias = t->phdr - ph[i].vaddr;
			n = ph[i].memsz / (m->word == 8 ? 56 : 32) < n ? ph[i].memsz / (m->word == 8 ? 56 : 32) : n;
		}
	for (size_t i = 0; i < n; i++) {
		if (ph[i].type == PT_DYNAMIC) {
			dynamic = ph[i].vaddr + bias;
			dynamic_size = ph[i].memsz;
		}
		if (ph[i].type == PT_LOAD && ph[i].vaddr + bias < low)
			low = ph[i].vaddr + bias;
	}
	if (!dynamic || low == UINT64_MAX)
		return NULL;
	struct tm_error *err = add_module(t, t->exe ? t->exe : t->search.exe ? t->search.exe : "", low & ~(uint64_t)(TM_PAGE - 1), low);
	if (err)
		return err;
	for (uint64_t at = 0, key = 1, value; at + 2 * m->word <= dynamic_size && at < 1 << 16 && key; at += 2 * m->word) {
		if (!tm_memory_word(m, dynamic + at, &key) || !tm_memory_word(m, dynamic + at + m->word, &value))
			return NULL;
		if (key == DT_DEBUG)
			debug = value;
	}
	if (!debug || !tm_memory_word(m, debug + m->word, &map)) /* r_debug: r_version, r_map */
		return NULL;
	for (int i = 0; map && i < MAX_MODULES; i++) {
		uint64_t base, name, next;
		char path[PATH_LIMIT];
		if (!tm_memory_word(m, map, &base) || !tm_memory_word(m, map + m->word, &name) ||
		    !tm_memory_word(m, map + 3 * m->word, &next))
			return NULL;
		read_path(t, name, path);
		if (path[0] == '/' && (err = add_module(t, path, base, base)))
			return err;
		map = next;
	}
	return NULL;
}

struct tm_error *tm_modules_find(struct tm_target *t)
{
	struct tm_error *err = from_regions(t);
	if (!err && !t->modules.n)
		err = from_link_map(t);
	/* The program comes first: its symbols win over a library's (copy relocations). */
	for (size_t i = 1; !err && i < t->modules.n; i++) {
		struct tm_module m = t->modules.items[i];
		bool program = t->phdr ? t->phdr >= m.start && t->phdr < m.end : t->exe && strcmp(t->exe, m.path) == 0;
		if (!program)
			continue;
		memmove(t->modules.items + 1, t->modules.items, i * sizeof m);
		t->modules.items[0] = m;
		break;
	}
	if (!err && !t->exe && t->modules.n && t->phdr >= t->modules.items[0].start && t->phdr < t->modules.items[0].end &&
	    !(t->exe = strdup(t->modules.items[0].path)))
		err = tm_error_nomem();
	return err;
}

void tm_modules_free(struct tm_target *t)
{
	for (size_t i = 0; i < t->modules.n; i++) {
		struct tm_module *m = &t->modules.items[i];
		tm_elffile_close(m->file);
		tm_elffile_close(m->debug);
		free(m->path);
		free(m->why);
	}
	tm_array_free(&t->modules);
}

const struct tm_module *tm_target_module(const struct tm_target *t, uint64_t addr)
{
	for (size_t i = 0; i < t->modules.n; i++) {
		const struct tm_module *m = &t->modules.items[i];
		if (addr < m->start || addr >= m->end)
			continue;
		for (unsigned k = 0; k < m->nsegments; k++)
			if (addr >= m->segments[k].start && addr < m->segments[k].end)
				return m;
		if (!m->nsegments)
			return m;
	}
	return NULL;
}

bool tm_target_executable(const struct tm_target *t, uint64_t addr)
{
	const struct tm_module *m = tm_target_module(t, addr);
	for (unsigned k = 0; m && k < m->nsegments; k++)
		if (addr >= m->segments[k].start && addr < m->segments[k].end)
			return m->segments[k].prot & TM_EXEC;
	const struct tm_region *r = tm_target_region(t, addr);
	return r && (r->prot & (TM_EXEC | TM_PROT_UNKNOWN));
}

/* ---- files ---- */

static void set_why(struct tm_module *m, const char *why)
{
	free(m->why);
	m->why = strdup(why);
}

/* Takes FD over; the file when it is the one that the target has mapped. */
static struct tm_elffile *verified(struct tm_module *m, int fd, const char *path)
{
	struct tm_elffile *f;
	unsigned char id[sizeof m->build_id];
	size_t len = 0;
	if (fd < 0)
		return NULL;
	struct tm_error *err = tm_elffile_open(fd, path, &f);
	if (err) {
		set_why(m, tm_error_message(err));
		tm_error_free(err);
		return NULL;
	}
	if (tm_elffile_build_id(f, id, sizeof id, &len) && len == m->build_id_len && memcmp(id, m->build_id, len) == 0)
		return f;
	struct tm_text why = { 0 };
	tm_text_printf(&why, "%s is another build (its build-id differs from the one in memory)", path);
	set_why(m, tm_text_str(&why));
	tm_text_free(&why);
	tm_elffile_close(f);
	return NULL;
}

static struct tm_elffile *try_path(struct tm_module *m, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static struct tm_elffile *try_path(struct tm_module *m, const char *fmt, ...)
{
	struct tm_text path = { 0 };
	va_list ap;
	va_start(ap, fmt);
	tm_text_vprintf(&path, fmt, ap);
	va_end(ap);
	int fd = path.failed ? -1 : open(tm_text_str(&path), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct tm_elffile *f = verified(m, fd, tm_text_str(&path));
	tm_text_free(&path);
	return f;
}

/* PATH as the target names it, below every root that may hold it. */
static struct tm_elffile *try_roots(struct tm_target *t, struct tm_module *m, const char *path)
{
	struct tm_elffile *f = NULL;
	if (t->search.sysroot)
		f = try_path(m, "%s%s", t->search.sysroot, path);
	if (!f && t->kind == TM_KIND_PROCESS)
		f = try_path(m, "/proc/%d/root%s", t->pid, path);
	return f ? f : try_path(m, "%s", path);
}

/* Pages that were never writable and that the core left out are the file's. */
static void fill_from_file(struct tm_target *t, struct tm_module *m)
{
	struct tm_elffile *f = m->file;
	size_t n = 0;
	if (t->kind != TM_KIND_CORE || elf_getphdrnum(f->elf, &n))
		return;
	for (size_t i = 0; i < n && i < MAX_PHDRS; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(f->elf, (int)i, &ph) || ph.p_type != PT_LOAD || ph.p_flags & PF_W)
			continue;
		if (ph.p_offset > f->size || ph.p_filesz > f->size - ph.p_offset)
			continue;
		tm_error_free(tm_memory_add(&t->memory, ph.p_vaddr + m->bias, ph.p_filesz, (uint8_t *)f->map + ph.p_offset));
	}
}

static void segments_from_file(struct tm_module *m)
{
	size_t n = 0;
	if (m->nsegments || elf_getphdrnum(m->file->elf, &n))
		return;
	for (size_t i = 0; i < n && m->nsegments < 16; i++) {
		GElf_Phdr ph;
		if (gelf_getphdr(m->file->elf, (int)i, &ph) && ph.p_type == PT_LOAD)
			m->segments[m->nsegments++] = (struct tm_segment) { ph.p_vaddr + m->bias,
				ph.p_vaddr + m->bias + ph.p_memsz,
				(ph.p_flags & PF_R ? TM_READ : 0) | (ph.p_flags & PF_W ? TM_WRITE : 0) |
					(ph.p_flags & PF_X ? TM_EXEC : 0) };
	}
}

typedef char build_id_hex[2 * sizeof ((struct tm_module *)0)->build_id + 1];

static void hex_of(const struct tm_module *m, build_id_hex hex)
{
	hex[0] = 0;
	for (size_t i = 0; i < m->build_id_len; i++)
		sprintf(hex + 2 * i, "%02x", m->build_id[i]);
}

/* Among the files that the host knows: with the code of this module, or its separate debug file. */
static struct tm_elffile *try_known(struct tm_target *t, struct tm_module *m, bool code)
{
	build_id_hex hex;
	hex_of(m, hex);
	for (const struct tm_known_file *known = t->search.known; known && known->build_id; known++) {
		struct tm_elffile *f = strcmp(known->build_id, hex) ? NULL : try_path(m, "%s", known->path);
		if (f && tm_elffile_has_code(f) == code)
			return f;
		tm_elffile_close(f);
	}
	return NULL;
}

/* Where debuginfod's client keeps what it fetched: NAME is "executable" or "debuginfo". */
static struct tm_elffile *try_debuginfod(struct tm_module *m, const char *name)
{
	build_id_hex hex;
	hex_of(m, hex);
	const char *own = getenv("DEBUGINFOD_CACHE_PATH"), *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	if (own && *own)
		return try_path(m, "%s/%s/%s", own, hex, name);
	if (cache && *cache)
		return try_path(m, "%s/debuginfod_client/%s/%s", cache, hex, name);
	return home ? try_path(m, "%s/.cache/debuginfod_client/%s/%s", home, hex, name) : NULL;
}

struct tm_elffile *tm_module_file(struct tm_target *t, struct tm_module *m)
{
	if (m->file_tried)
		return m->file;
	m->file_tried = true;
	if (!m->build_id_len) {
		set_why(m, "its build-id is not in the memory at hand, so no file can be checked against it");
		return NULL;
	}
	if (t->ops && t->ops->open_file)
		m->file = verified(m, t->ops->open_file(t, m), m->path);
	if (!m->file && t->search.exe && m == t->modules.items)
		m->file = try_path(m, "%s", t->search.exe);
	if (!m->file && m->path[0] == '/')
		m->file = try_roots(t, m, m->path);
	if (!m->file)
		m->file = try_known(t, m, true);
	if (!m->file)
		m->file = try_debuginfod(m, "executable");
	if (!m->file) {
		if (!m->why)
			set_why(m, "the file was not found");
		return NULL;
	}
	segments_from_file(m);
	fill_from_file(t, m);
	return m->file;
}

static struct tm_elffile *debug_in(struct tm_target *t, struct tm_module *m, const char *dir, const char *hex, const char *link)
{
	struct tm_elffile *f = try_path(m, "%s/.build-id/%.2s/%s.debug", dir, hex, hex + 2);
	const char *slash = strrchr(m->path, '/');
	if (!f && link && slash)
		f = try_path(m, "%s%.*s/%s", dir, (int)(slash - m->path), m->path, link);
	return f;
}

struct tm_elffile *tm_module_debug(struct tm_target *t, struct tm_module *m)
{
	if (m->debug_tried || !m->build_id_len)
		return m->debug;
	m->debug_tried = true;
	build_id_hex hex;
	hex_of(m, hex);
	uint32_t crc;
	const char *link = tm_module_file(t, m) ? tm_elffile_debuglink(m->file, &crc) : NULL;
	if (link && strchr(link, '/'))
		link = NULL;
	const char *slash = m->file ? strrchr(m->file->path, '/') : NULL;
	if (link && slash) {
		int dir = (int)(slash - m->file->path);
		m->debug = try_path(m, "%.*s/%s", dir, m->file->path, link);
		if (!m->debug)
			m->debug = try_path(m, "%.*s/.debug/%s", dir, m->file->path, link);
	}
	for (size_t i = 0; !m->debug && t->search.debug_dirs && t->search.debug_dirs[i]; i++)
		m->debug = debug_in(t, m, t->search.debug_dirs[i], hex, link);
	struct tm_text dir = { 0 };
	if (!m->debug && t->search.sysroot) {
		tm_text_printf(&dir, "%s/usr/lib/debug", t->search.sysroot);
		m->debug = debug_in(t, m, tm_text_str(&dir), hex, link);
	}
	if (!m->debug)
		m->debug = debug_in(t, m, "/usr/lib/debug", hex, link);
	if (!m->debug)
		m->debug = try_known(t, m, false);
	if (!m->debug)
		m->debug = try_debuginfod(m, "debuginfo");
	tm_text_free(&dir);
	return m->debug;
}
