/* The core file that a debugger has open, even when another one took its name since. */
#include "module.h"
#include <dirent.h>
#include <elf.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char deleted[] = " (deleted)"; /* the kernel's word behind the name of a file that is gone */

/* PATH without the kernel's word behind it? */
static bool is_gone(const char *link, const char *path)
{
	size_t len = strlen(path);
	return strncmp(link, path, len) == 0 && strcmp(link + len, deleted) == 0;
}

enum found { NOWHERE, OPEN, GONE };

/* Among the open files; of one that is GONE, *FD is the way to it. */
static enum found among_files(const char *path, char fd[32])
{
	struct stat wanted, st;
	char link[PATH_MAX + sizeof deleted];
	bool there = stat(path, &wanted) == 0;
	enum found found = NOWHERE;
	DIR *dir = opendir("/proc/self/fd");
	for (struct dirent *e; dir && found != OPEN && (e = readdir(dir));) {
		int n = atoi(e->d_name);
		ssize_t len = e->d_name[0] == '.' ? -1 : readlinkat(dirfd(dir), e->d_name, link, sizeof link - 1);
		if (len <= 0)
			continue;
		link[len] = 0;
		if (there && fstat(n, &st) == 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino) {
			found = OPEN;
		} else if (is_gone(link, path)) {
			found = GONE;
			snprintf(fd, 32, "/proc/self/fd/%d", n);
		}
	}
	if (dir)
		closedir(dir);
	return found;
}

static bool is_core(const char *path)
{
	unsigned char head[EI_NIDENT + 2] = { 0 };
	struct stat st;
	FILE *f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	size_t n = f ? fread(head, 1, sizeof head, f) : 0;
	if (f)
		fclose(f);
	return n == sizeof head && memcmp(head, ELFMAG, SELFMAG) == 0 && (head[EI_NIDENT] | head[EI_NIDENT + 1]) == ET_CORE;
}

/* Among the mapped files. PATH "": whichever is a core, if only one is; its name is put there. */
static enum found among_maps(char path[PATH_MAX])
{
	char line[PATH_MAX + 256], only[PATH_MAX] = "";
	bool any = !*path, several = false;
	enum found found = NOWHERE;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && found != OPEN && fgets(line, sizeof line, maps)) {
		char *name = strchr(line, '/');
		if (!name)
			continue;
		name[strcspn(name, "\n")] = 0;
		if (!any)
			found = strcmp(name, path) == 0 ? OPEN : is_gone(name, path) ? GONE : found;
		else if (strlen(name) < PATH_MAX && strcmp(name, only) != 0 && is_core(name)) {
			several |= *only != 0;
			strcpy(only, name);
		}
	}
	if (maps)
		fclose(maps);
	if (!any || !*only || several)
		return found;
	strcpy(path, only);
	return OPEN;
}

/* PATH as the kernel shows it, also when the file itself is gone. */
static bool resolve(const char *path, char real[PATH_MAX])
{
	if (realpath(path, real))
		return true;
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
	if (!realpath(*folder ? folder : "/", real) || strlen(real) + 1 + strlen(name) >= PATH_MAX)
		return false;
	sprintf(real + strlen(real), "/%s", name);
	return true;
}

bool tm_held_core(const char *named, char path[PATH_MAX])
{
	char fd[32], real[PATH_MAX];
	if (strlen(named) >= PATH_MAX)
		return false;
	strcpy(path, named);
	if (!*named)
		return among_maps(path) == OPEN;
	enum found found = among_files(path, fd);
	if (found == GONE)
		strcpy(path, fd);
	if (found != NOWHERE)
		return true;
	found = resolve(named, real) ? among_maps(real) : NOWHERE;
	if (found == OPEN)
		strcpy(path, real);
	return found != GONE;
}
