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

/* PATH as the kernel shows it, also when the file itself is gone, or the file that a link leads to. */
static bool resolve(const char *path, char real[PATH_MAX])
{
	char at[PATH_MAX], folder[PATH_MAX], to[PATH_MAX];
	snprintf(at, sizeof at, "%s", path);
	for (unsigned links = 0; links < 8; links++) {
		if (realpath(at, real))
			return true;
		const char *slash = strrchr(at, '/'), *name = slash ? slash + 1 : at;
		snprintf(to, sizeof to, "%.*s", slash ? (int)(slash + 1 - at) : 2, slash ? at : "./");
		ssize_t n = realpath(to, folder) ? readlink(at, to, sizeof to - 1) : -2;
		if (n == -2)
			return false;
		const char *between = folder[1] ? "/" : "";
		if (n < 0)
			return snprintf(real, PATH_MAX, "%s%s%s", folder, between, name) < PATH_MAX;
		to[n] = 0;
		n = to[0] == '/' ? snprintf(at, sizeof at, "%s", to) : snprintf(at, sizeof at, "%s%s%s", folder, between, to);
		if (n >= PATH_MAX)
			return false;
	}
	return false;
}

/* Among the open files, by its name as it was given or as it is: it, or else the way to one that is gone. */
static bool among_files(const char *path, const char *real, char found[PATH_MAX])
{
	struct stat wanted, st;
	char link[PATH_MAX + sizeof deleted];
	bool there = stat(path, &wanted) == 0, held = false;
	DIR *dir = opendir("/proc/self/fd");
	for (struct dirent *e; dir && (e = readdir(dir));) {
		int n = atoi(e->d_name);
		ssize_t len = e->d_name[0] == '.' ? -1 : readlinkat(dirfd(dir), e->d_name, link, sizeof link - 1);
		if (len <= 0)
			continue;
		link[len] = 0;
		if (there && fstat(n, &st) == 0 && st.st_dev == wanted.st_dev && st.st_ino == wanted.st_ino) {
			strcpy(found, path);
			held = true;
			break;
		}
		if (is_gone(link, path) || is_gone(link, real)) {
			snprintf(found, PATH_MAX, "/proc/self/fd/%d", n);
			held = true;
		}
	}
	if (dir)
		closedir(dir);
	return held;
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

/* May that be a core? A file that is gone cannot be asked. */
static bool may_be_core(const char *path)
{
	size_t len = strlen(path);
	if (strncmp(path, "/dev/", 5) == 0 || strncmp(path, "/memfd:", 7) == 0 || strncmp(path, "/SYSV", 5) == 0)
		return false;
	return is_core(path) || (len >= sizeof deleted && strcmp(path + len - (sizeof deleted - 1), deleted) == 0);
}

/* Among the mapped files: the one called NAME, or, with "", the only one that may be a core. */
static bool among_maps(const char *name, char found[PATH_MAX])
{
	char line[PATH_MAX + 256];
	bool seen = false, several = false;
	FILE *maps = fopen("/proc/self/maps", "re");
	while (maps && fgets(line, sizeof line, maps)) {
		char *path = strchr(line, '/');
		if (!path)
			continue;
		path[strcspn(path, "\n")] = 0;
		if (strlen(path) >= PATH_MAX || (seen && strcmp(path, found) == 0) || (*name ? strcmp(path, name) != 0 : !may_be_core(path)))
			continue;
		several = seen;
		seen = true;
		strcpy(found, path);
	}
	if (maps)
		fclose(maps);
	return seen && !several && is_core(found);
}

bool tm_held_core(const char *named, bool mapped, char path[PATH_MAX])
{
	char real[PATH_MAX] = "";
	if (strlen(named) >= PATH_MAX)
		return false;
	if (mapped)
		return (!*named || resolve(named, real)) && among_maps(real, path);
	if (!resolve(named, real))
		strcpy(real, named);
	if (!among_files(named, real, path))
		strcpy(path, named);
	return true;
}
