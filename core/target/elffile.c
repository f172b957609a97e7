/* ELF files on disk, through libelf and libdw. */
#include "tm/elffile.h"
#include <elfutils/libdwelf.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct tm_error *tm_elffile_open(int fd, const char *path, struct tm_elffile **ret)
{
	struct tm_error *err;
	struct tm_elffile *f = calloc(1, sizeof *f);
	struct stat st;
	if (!f || !(f->path = strdup(path))) {
		free(f);
		close(fd);
		return tm_error_nomem();
	}
	f->fd = fd;
	if (fstat(fd, &st)) {
		err = tm_error_os(errno, "%s", path);
		goto fail;
	}
	if (!S_ISREG(st.st_mode) || st.st_size < 64) {
		err = tm_error_new(TM_ERR_CORRUPT, "%s: not an ELF file", path);
		goto fail;
	}
	f->size = (size_t)st.st_size;
	f->map = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (f->map == MAP_FAILED) {
		f->map = NULL;
		err = tm_error_os(errno, "%s", path);
		goto fail;
	}
	elf_version(EV_CURRENT);
	f->elf = elf_memory(f->map, f->size);
	GElf_Ehdr eh;
	if (!f->elf || elf_kind(f->elf) != ELF_K_ELF || !gelf_getehdr(f->elf, &eh)) {
		err = tm_error_new(TM_ERR_CORRUPT, "%s: not an ELF file", path);
		goto fail;
	}
	f->word = eh.e_ident[EI_CLASS] == ELFCLASS32 ? 4 : 8;
	f->big = eh.e_ident[EI_DATA] == ELFDATA2MSB;
	*ret = f;
	return NULL;
fail:
	tm_elffile_close(f);
	return err;
}

void tm_elffile_close(struct tm_elffile *f)
{
	if (!f)
		return;
	if (f->dwarf)
		dwarf_end(f->dwarf);
	if (f->elf)
		elf_end(f->elf);
	if (f->map)
		munmap(f->map, f->size);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f);
}

bool tm_elffile_build_id(struct tm_elffile *f, unsigned char *id, size_t cap, size_t *len)
{
	const void *p;
	ssize_t n = dwelf_elf_gnu_build_id(f->elf, &p);
	if (n <= 0 || (size_t)n > cap)
		return false;
	memcpy(id, p, (size_t)n);
	*len = (size_t)n;
	return true;
}

static bool same_name(const char *have, const char *want, bool local)
{
	if (*have != *want || !have[1] || have[1] != want[1]) /* nearly all of some ten thousand */
		return false;
	size_t n = strlen(want);
	return strncmp(have, want, n) == 0 && (!have[n] || (local && strncmp(have + n, ".lto_priv", 9) == 0));
}

static void from_section(struct tm_elffile *f, Elf_Scn *scn, const GElf_Shdr *sh, struct tm_symbol *symbols, size_t n)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	if (!data || !sh->sh_entsize)
		return;
	size_t count = data->d_size / sh->sh_entsize;
	for (size_t i = 1; i < count && i < INT32_MAX; i++) {
		GElf_Sym sym;
		if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF)
			continue;
		unsigned type = GELF_ST_TYPE(sym.st_info);
		if (type != STT_OBJECT && type != STT_FUNC && type != STT_NOTYPE)
			continue;
		const char *name = elf_strptr(f->elf, sh->sh_link, sym.st_name);
		if (!name)
			continue;
		for (size_t k = 0; k < n; k++) {
			struct tm_symbol *s = &symbols[k];
			if (s->found || !same_name(name, s->name, GELF_ST_BIND(sym.st_info) == STB_LOCAL))
				continue;
			s->found = true;
			s->value = sym.st_value;
			s->size = sym.st_size;
		}
	}
}

void tm_elffile_symbols(struct tm_elffile *f, struct tm_symbol *symbols, size_t n)
{
	static const GElf_Word kinds[] = { SHT_DYNSYM, SHT_SYMTAB };
	for (int k = 0; k < 2; k++) {
		bool all = true;
		for (size_t i = 0; i < n; i++)
			all = all && symbols[i].found;
		if (all)
			return;
		for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));) {
			GElf_Shdr sh;
			if (gelf_getshdr(scn, &sh) && sh.sh_type == kinds[k])
				from_section(f, scn, &sh, symbols, n);
		}
	}
}

static bool function_in(struct tm_elffile *f, Elf_Scn *scn, const GElf_Shdr *sh, uint64_t vaddr, char *name, size_t cap)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	size_t count = data && sh->sh_entsize ? data->d_size / sh->sh_entsize : 0;
	for (size_t i = 1; i < count && i < INT32_MAX; i++) {
		GElf_Sym sym;
		if (!gelf_getsym(data, (int)i, &sym) || sym.st_shndx == SHN_UNDEF || vaddr < sym.st_value || vaddr - sym.st_value >= sym.st_size)
			continue;
		const char *text = elf_strptr(f->elf, sh->sh_link, sym.st_name);
		if (!text || (GELF_ST_TYPE(sym.st_info) != STT_FUNC && GELF_ST_TYPE(sym.st_info) != STT_GNU_IFUNC))
			continue;
		snprintf(name, cap, "%s", text);
		return true;
	}
	return false;
}

bool tm_elffile_function(struct tm_elffile *f, uint64_t vaddr, char *name, size_t cap)
{
	static const GElf_Word kinds[] = { SHT_SYMTAB, SHT_DYNSYM };
	for (int k = 0; k < 2; k++)
		for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));) {
			GElf_Shdr sh;
			if (gelf_getshdr(scn, &sh) && sh.sh_type == kinds[k] && function_in(f, scn, &sh, vaddr, name, cap))
				return true;
		}
	return false;
}

bool tm_elffile_has_code(struct tm_elffile *f)
{
	for (Elf_Scn *scn = NULL; (scn = elf_nextscn(f->elf, scn));) {
		GElf_Shdr sh;
		if (gelf_getshdr(scn, &sh) && sh.sh_flags & SHF_EXECINSTR)
			return sh.sh_type != SHT_NOBITS;
	}
	return true; /* sections stripped away: what is left are the segments */
}

const char *tm_elffile_debuglink(struct tm_elffile *f, uint32_t *crc)
{
	GElf_Word c;
	const char *name = dwelf_elf_gnu_debuglink(f->elf, &c);
	*crc = name ? c : 0;
	return name;
}

Dwarf *tm_elffile_dwarf(struct tm_elffile *f)
{
	if (!f->dwarf_tried) {
		f->dwarf_tried = true;
		f->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
	}
	return f->dwarf;
}
