/* An ELF file on disk: its identity, segments and symbols. Everything in it is foreign. */
#ifndef TM_ELFFILE_H
#define TM_ELFFILE_H
#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>
#include "tm/error.h"

struct tm_elffile {
	char *path; /* for messages */
	int fd;
	void *map;
	size_t size;
	Elf *elf;
	Dwarf *dwarf; /* NULL until asked for */
	bool dwarf_tried;
	unsigned word;
	bool big;
};

struct tm_symbol {
	const char *name; /* what is looked for */
	uint64_t value;	  /* its vaddr, when found */
	uint64_t size;
	bool found;
};

/* Takes FD over, also on errors. */
struct tm_error *tm_elffile_open(int fd, const char *path, struct tm_elffile **ret);
void tm_elffile_close(struct tm_elffile *f);
bool tm_elffile_build_id(struct tm_elffile *f, unsigned char *id, size_t cap, size_t *len);
/* False for a separate debug file, whose segments hold nothing. */
bool tm_elffile_has_code(struct tm_elffile *f);
/*
 * Fills in the N symbols by one pass over .dynsym and .symtab. A local symbol that the linker renamed (NAME.lto_priv.0)
 * counts; undefined ones do not.
 */
void tm_elffile_symbols(struct tm_elffile *f, struct tm_symbol *symbols, size_t n);
/* The function that holds the vaddr, by the symbols there are: false when none says so. */
bool tm_elffile_function(struct tm_elffile *f, uint64_t vaddr, char *name, size_t cap);
/* The file named by .gnu_debuglink, or NULL. The string is the file's. */
const char *tm_elffile_debuglink(struct tm_elffile *f, uint32_t *crc);
Dwarf *tm_elffile_dwarf(struct tm_elffile *f); /* NULL: none in it */
#endif
