/* ELF core files: the kernel's and gcore's. Mapped, never read whole; knows no Python. */
#include "common.h"
#include "tm/bytes.h"
#include "tm/cleanup.h"
#include "tm/threads.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum {
	SMALL = 4 << 20,       /* a core up to here is read: a mapped file that shrinks would kill us with SIGBUS */
	LARGE = 64 << 20,      /* a core from here on is unmapped by several threads */
	MAX_SEGMENTS = 1 << 20, /* PT_LOADs; the kernel's own limit on mappings is 65,530 */
	MAX_FILES = 1 << 20,   /* entries of NT_FILE */
};

struct core {
	int fd;
	uint8_t *map;
	size_t size;
	bool is_read; /* map is from malloc */
	Elf *elf;
};

/* One entry of NT_FILE: a file mapped at start..end. */
struct filemap {
	uint64_t start, end, offset;
	const char *path;
};

struct unmapping {
	uint8_t *map;
	size_t size, next; /* the first byte that nobody has taken */
};

static struct tm_error *forget(void *ctx)
{
	enum { PIECE = 16 << 20 };
	struct unmapping *u = ctx;
	for (size_t at; (at = __atomic_fetch_add(&u->next, PIECE, __ATOMIC_RELAXED)) < u->size;)
		madvise(u->map + at, u->size - at < PIECE ? u->size - at : PIECE, MADV_DONTNEED);
	return NULL;
}

/* The kernel takes as long to forget the pages that were looked at as it took to bring them, so several threads ask it to. */
static void unmap(uint8_t *map, size_t size)
{
	struct unmapping u = { map, size, 0 };
	struct tm_poll none = { 0 };
	struct tm_job jobs[TM_MOST_THREADS];
	size_t n = size < LARGE ? 0 : tm_threads_count();
	for (size_t i = 0; i < n; i++)
		jobs[i] = (struct tm_job) { .work = forget, .ctx = &u, .poll = &none };
	if (n > 1)
		tm_error_free(tm_threads_run(jobs, n));
	munmap(map, size);
}

static void close_core(struct tm_target *t)
{
	struct core *c = t->impl;
	if (!c)
		return;
	if (c->elf)
		elf_end(c->elf);
	if (c->is_read)
		free(c->map);
	else if (c->map)
		unmap(c->map, c->size);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

static struct tm_error *check(struct tm_target *t)
{
	struct core *c = t->impl;
	struct stat st;
	if (!c->is_read && (fstat(c->fd, &st) || (uint64_t)st.st_size < c->size))
		return tm_error_new(TM_ERR_CORRUPT, "%s: the file became shorter while it was read", t->name);
	return NULL;
}

static const struct tm_target_ops ops = { .check = check, .close = close_core };

static struct tm_error *map_file(struct core *c, const char *path)
{
	struct stat st;
	c->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (c->fd < 0)
		return tm_error_os(errno, "%s", path);
	if (fstat(c->fd, &st))
		return tm_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a file", path);
	c->size = (size_t)st.st_size;
	if (c->size < sizeof(Elf32_Ehdr))
		return tm_error_new(TM_ERR_CORRUPT, "%s: not a core file (%zu bytes)", path, c->size);
	if (c->size > SMALL) {
		void *p = mmap(NULL, c->size, PROT_READ, MAP_PRIVATE, c->fd, 0);
		if (p == MAP_FAILED)
			return tm_error_os(errno, "%s", path);
		c->map = p;
		return NULL;
	}
	c->is_read = true;
	c->map = malloc(c->size);
	if (!c->map)
		return tm_error_nomem();
	for (size_t done = 0; done < c->size;) {
		ssize_t n = pread(c->fd, c->map + done, c->size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? tm_error_os(errno, "%s", path)
				 : tm_error_new(TM_ERR_CORRUPT, "%s: the file became shorter", path);
		done += (size_t)n;
	}
	return NULL;
}

/* libelf's reason; want of memory is one, too. */
static struct tm_error *elf_error(const char *path, const char *what)
{
	const char *why = elf_errmsg(-1);
	if (why && strcmp(why, "out of memory") == 0)
		return tm_error_nomem();
	return tm_error_new(TM_ERR_CORRUPT, "%s: %s: %s", path, what, why ? why : "damaged");
}

static const char *type_name(unsigned type)
{
	return type == ET_EXEC	 ? "it is an executable"
		: type == ET_DYN ? "it is an executable or a shared library"
		: type == ET_REL ? "it is an object file"
				 : "its ELF type is unknown";
}

/* The N word-sized numbers of a note start at P. */
static uint64_t note_word(const struct tm_target *t, const uint8_t *p, size_t i)
{
	return tm_load_word(p + i * t->memory.word, t->memory.word, t->memory.big);
}

static struct tm_error *note_files(struct tm_target *t, const uint8_t *p, size_t len, struct filemap **ret, size_t *n)
{
	size_t w = t->memory.word;
	if (len < 2 * w || *ret)
		return NULL;
	uint64_t count = note_word(t, p, 0), page = note_word(t, p, 1);
	if (count > MAX_FILES || count * 3 * w > len - 2 * w)
		return NULL; /* not what it claims; the target is read without it */
	struct filemap *files = calloc(count ? (size_t)count : 1, sizeof *files);
	if (!files)
		return tm_error_nomem();
	const char *s = (const char *)p + 2 * w + (size_t)count * 3 * w, *end = (const char *)p + len;
	for (size_t i = 0; i < count; i++) {
		const char *nul = memchr(s, 0, (size_t)(end - s));
		if (!nul)
			break;
		const uint8_t *e = p + 2 * w + i * 3 * w;
		files[i] = (struct filemap) { note_word(t, e, 0), note_word(t, e, 1), note_word(t, e, 2) * page, s };
		*n = i + 1;
		s = nul + 1;
	}
	*ret = files;
	return NULL;
}

static void note_auxv(struct tm_target *t, const uint8_t *p, size_t len)
{
	for (size_t i = 0; (i + 2) * t->memory.word <= len; i += 2)
		if (note_word(t, p, i) == AT_PHDR)
			t->phdr = note_word(t, p, i + 1);
}

static void note_prstatus(struct tm_target *t, const uint8_t *p, size_t len)
{
	size_t pid_at = t->memory.word == 8 ? 32 : 24; /* struct elf_prstatus of every Linux ABI; a thread's ID */
	if (t->signal || len < pid_at + 4)
		return;
	t->signal = (int)tm_load16(p + 12, t->memory.big);
	if (!t->pid)
		t->pid = (int)tm_load32(p + pid_at, t->memory.big);
}

/* struct elf_prpsinfo: the process's own ID, whichever thread crashed. */
static void note_prpsinfo(struct tm_target *t, const uint8_t *p, size_t len)
{
	size_t pid_at = t->memory.word == 8 ? 24 : 12;
	if (len >= pid_at + 4 && tm_load32(p + pid_at, t->memory.big))
		t->pid = (int)tm_load32(p + pid_at, t->memory.big);
}

static void note_siginfo(struct tm_target *t, const uint8_t *p, size_t len)
{
	size_t addr_at = t->memory.word == 8 ? 16 : 12;
	if (t->has_fault || len < addr_at + t->memory.word)
		return;
	uint32_t signo = tm_load32(p, t->memory.big);
	int32_t code = (int32_t)tm_load32(p + 8, t->memory.big);
	if ((signo == 11 || signo == 7) && code > 0) {
		t->has_fault = true;
		t->fault_address = tm_load_word(p + addr_at, t->memory.word, t->memory.big);
	}
}

static struct tm_error *read_notes(struct tm_target *t, const GElf_Phdr *ph, struct filemap **files, size_t *nfiles)
{
	struct core *c = t->impl;
	if (ph->p_offset >= c->size)
		return NULL;
	uint64_t len = ph->p_filesz < c->size - ph->p_offset ? ph->p_filesz : c->size - ph->p_offset;
	Elf_Data *data = elf_getdata_rawchunk(c->elf, (int64_t)ph->p_offset, (size_t)len,
		ph->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	size_t at = 0, name, desc;
	GElf_Nhdr nh;
	struct tm_error *err = data ? NULL : elf_error(t->name, "its notes cannot be read");
	if (err && tm_error_code(err) != TM_ERR_NOMEM) { /* the memory can still be read without them */
		tm_error_free(err);
		err = NULL;
	}
	while (data && !err && (at = gelf_getnote(data, at, &nh, &name, &desc)) > 0) {
		const uint8_t *p = (const uint8_t *)data->d_buf + desc;
		if (nh.n_type == NT_FILE)
			err = note_files(t, p, nh.n_descsz, files, nfiles);
		else if (nh.n_type == NT_AUXV)
			note_auxv(t, p, nh.n_descsz);
		else if (nh.n_type == NT_PRSTATUS)
			note_prstatus(t, p, nh.n_descsz);
		else if (nh.n_type == NT_PRPSINFO)
			note_prpsinfo(t, p, nh.n_descsz);
		else if (nh.n_type == NT_SIGINFO)
			note_siginfo(t, p, nh.n_descsz);
	}
	return err;
}

static int by_vaddr(const void *a, const void *b)
{
	const GElf_Phdr *x = a, *y = b;
	return x->p_vaddr < y->p_vaddr ? -1 : x->p_vaddr > y->p_vaddr;
}

static int by_file_start(const void *a, const void *b)
{
	const struct filemap *x = a, *y = b;
	return x->start < y->start ? -1 : x->start > y->start;
}

static const struct filemap *file_at(const struct filemap *files, size_t n, uint64_t addr)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (files[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < n && files[lo].start <= addr ? &files[lo] : NULL;
}

static struct tm_error *add_segment(struct tm_target *t, const GElf_Phdr *ph, const struct filemap *files, size_t nfiles)
{
	struct core *c = t->impl;
	uint64_t size = ph->p_filesz < ph->p_memsz ? ph->p_filesz : ph->p_memsz;
	if (!ph->p_memsz || ph->p_vaddr + (ph->p_memsz - 1) < ph->p_vaddr)
		return NULL;
	uint64_t there = ph->p_offset >= c->size ? 0 : c->size - ph->p_offset;
	if (there < size)
		t->truncated = true;
	else
		there = size;
	const struct filemap *f = file_at(files, nfiles, ph->p_vaddr);
	unsigned prot = (ph->p_flags & PF_R ? TM_READ : 0) | (ph->p_flags & PF_W ? TM_WRITE : 0) |
		(ph->p_flags & PF_X ? TM_EXEC : 0);
	struct tm_error *err = tm_target_add_region(t, ph->p_vaddr, ph->p_vaddr + ph->p_memsz, prot,
		f ? f->path : NULL, f ? f->offset + (ph->p_vaddr - f->start) : 0, there);
	if (!err && there)
		err = tm_memory_add(&t->memory, ph->p_vaddr, there, c->map + ph->p_offset);
	return err;
}

/* gcore leaves never-written mappings out of the segments altogether: NT_FILE is all that is known of them. */
static struct tm_error *add_undumped(struct tm_target *t, const struct filemap *files, size_t nfiles)
{
	size_t nsegments = t->regions.n; /* these are sorted */
	for (size_t i = 0, k = 0; i < nfiles; i++) {
		while (k < nsegments && t->regions.items[k].end <= files[i].start)
			k++;
		if (files[i].end <= files[i].start || (k < nsegments && t->regions.items[k].start < files[i].end))
			continue;
		struct tm_error *err = tm_target_add_region(
			t, files[i].start, files[i].end, TM_PROT_UNKNOWN, files[i].path, files[i].offset, 0);
		if (err)
			return err;
	}
	return NULL;
}

static struct tm_error *read_segments(struct tm_target *t)
{
	struct core *c = t->impl;
	size_t n, nload = 0, nfiles = 0;
	tm_autofree GElf_Phdr *loads = NULL;
	tm_autofree struct filemap *files = NULL;
	if (elf_getphdrnum(c->elf, &n) || n > MAX_SEGMENTS)
		return tm_error_new(TM_ERR_CORRUPT, "%s: its program headers cannot be read (is it truncated?)", t->name);
	loads = calloc(n ? n : 1, sizeof *loads);
	if (!loads)
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		GElf_Phdr ph;
		if (!gelf_getphdr(c->elf, (int)i, &ph))
			return tm_error_new(TM_ERR_CORRUPT, "%s: truncated inside its program headers", t->name);
		if (ph.p_type == PT_LOAD)
			loads[nload++] = ph;
		struct tm_error *err = ph.p_type == PT_NOTE ? read_notes(t, &ph, &files, &nfiles) : NULL;
		if (err)
			return err;
	}
	qsort(loads, nload, sizeof *loads, by_vaddr);
	if (nfiles)
		qsort(files, nfiles, sizeof *files, by_file_start);
	for (size_t i = 0; i < nload; i++) {
		struct tm_error *err = add_segment(t, &loads[i], files, nfiles);
		if (err)
			return err;
	}
	return add_undumped(t, files, nfiles);
}

static struct tm_error *open_elf(struct tm_target *t)
{
	struct core *c = t->impl;
	GElf_Ehdr eh;
	elf_version(EV_CURRENT);
	c->elf = elf_memory((char *)c->map, c->size);
	if (memcmp(c->map, ELFMAG, SELFMAG))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not an ELF file, so not a core", t->name);
	if (!c->elf || !gelf_getehdr(c->elf, &eh))
		return elf_error(t->name, "its ELF header cannot be read (is it truncated?)");
	if (eh.e_type != ET_CORE)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a core file: %s", t->name, type_name(eh.e_type));
	tm_memory_init(&t->memory, eh.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8, eh.e_ident[EI_DATA] == ELFDATA2MSB);
	return NULL;
}

struct tm_error *tm_target_open_core(const char *path, const struct tm_search *search, struct tm_poll poll,
	struct tm_target **ret)
{
	struct tm_target *t;
	struct tm_error *err = tm_target_new(TM_KIND_CORE, path, 8, false, search, poll, &t);
	if (err)
		return err;
	struct core *c = calloc(1, sizeof *c);
	if (!c) {
		tm_target_close(t);
		return tm_error_nomem();
	}
	c->fd = -1;
	t->impl = c;
	t->ops = &ops;
	t->stopped = true;
	err = map_file(c, path);
	if (!err)
		err = open_elf(t);
	if (!err)
		err = read_segments(t);
	if (!err && !t->regions.n)
		err = tm_error_new(TM_ERR_CORRUPT, "%s: the core holds no memory%s", path,
			c->size < 1 << 16 ? " (is it truncated?)" : "");
	if (!err)
		err = tm_target_settle(t);
	if (err) {
		tm_target_close(t);
		return err;
	}
	*ret = t;
	return NULL;
}
