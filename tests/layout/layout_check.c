/*
 * Compares core/layout's rows with an interpreter's own debug info:
 *   layout_check 0x030b FILE...    FILE: what holds the code or its separate debug file
 * Prints each number that differs and how many were compared; status 1 when one differs, 77 when there is no debug info.
 */
#include "tm/dwarf_layout.h"
#include "tm/elffile.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int compare(const struct tm_layout *row, const struct tm_dwarf_layout *d)
{
	int differ = 0, same = 0;
	for (size_t i = 0; i < d->nfacts; i++) {
		const struct tm_dwarf_fact *f = &d->facts[i];
		uint16_t have;
		memcpy(&have, (const char *)row + f->at, sizeof have);
		if (!f->found && have == TM_NONE)
			continue;
		if (!f->found) /* type not in this file's debug info */
			continue;
		if (have != f->value) {
			printf("%s.%s: row %u, DWARF %u\n", f->type, f->member, have, f->value);
			differ++;
		} else {
			same++;
		}
	}
	printf("%s: %d numbers agree, %d differ\n", row->pythons, same, differ);
	return same < 20 ? 77 : differ != 0;
}

static int hint_is_known(const struct tm_dwarf_layout *d, unsigned python, unsigned word)
{
	for (size_t i = 0; i < tm_nruntime_hints; i++)
		if (tm_runtime_hints[i].python == python && tm_runtime_hints[i].word == word &&
		    tm_runtime_hints[i].offset == d->runtime_offset)
			return 1;
	printf("_PyRuntime.tracemalloc is at %u: no hint says so\n", d->runtime_offset);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	unsigned python = (unsigned)strtoul(argv[1], NULL, 0);
	for (int i = 2; i < argc; i++) {
		struct tm_elffile *f;
		static struct tm_dwarf_layout d;
		int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		struct tm_error *err = tm_elffile_open(fd, argv[i], &f);
		if (err) {
			fprintf(stderr, "%s\n", tm_error_message(err));
			tm_error_free(err);
			continue;
		}
		const struct tm_layout *row = tm_layout_for((uint16_t)python, f->word, 0);
		Dwarf *dwarf = tm_elffile_dwarf(f);
		if (!row || !dwarf || !tm_dwarf_layout_read(dwarf, row, &d)) {
			tm_elffile_close(f);
			continue;
		}
		int status = compare(row, &d);
		if (!status && row->root == TM_ROOT_RUNTIME && d.has_runtime && !hint_is_known(&d, python, f->word))
			status = 1;
		tm_elffile_close(f);
		return status;
	}
	printf("no debug info\n");
	return 77;
}
