/* Names of files, for the end of a line. */
#include "args.h"
#include "tm/cleanup.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void close_folder(DIR **d)
{
	if (*d)
		closedir(*d);
}

/* PATH, which may begin with ~/, as it is opened. */
static void put_path(struct tm_text *t, const char *path)
{
	const char *home = path[0] == '~' && path[1] == '/' ? getenv("HOME") : NULL;
	home = home && *home ? home : NULL;
	tm_text_printf(t, "%s%s", home ? home : "", home ? path + 1 : path);
}

static bool is_folder(const char *path)
{
	struct stat st;
	struct tm_text t = { 0 };
	put_path(&t, path);
	bool is = t.s && stat(t.s, &st) == 0 && S_ISDIR(st.st_mode);
	tm_text_free(&t);
	return is;
}

/* BEFORE in front of each name in the folder that BEGIN's last "/" ends, where the name goes on as BEGIN does. */
static bool offer(const char *before, const char *begin, struct tm_completion *to)
{
	const char *slash = strrchr(begin, '/'), *name = slash ? slash + 1 : begin;
	struct tm_text folder = { 0 };
	tm_text_put(&folder, begin, (size_t)(name - begin));
	struct tm_text path = { 0 };
	put_path(&path, name == begin ? "." : tm_text_str(&folder));
	__attribute__((cleanup(close_folder))) DIR *dir = path.failed ? NULL : opendir(tm_text_str(&path));
	bool ok = true;
	for (struct dirent *e; dir && ok && (e = readdir(dir));) {
		bool hidden = e->d_name[0] == '.' && name[0] != '.';
		if (hidden || strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0 || strncmp(e->d_name, name, strlen(name)) != 0)
			continue;
		struct tm_text word = { 0 };
		tm_text_printf(&word, "%s%s", tm_text_str(&folder), e->d_name);
		tm_text_puts(&word, is_folder(tm_text_str(&word)) ? "/" : "");
		char *whole = NULL;
		ok = !word.failed && asprintf(&whole, "%s%s", before, word.s) >= 0 && tm_array_push(&to->words, whole);
		if (!ok)
			free(whole);
		tm_text_free(&word);
	}
	tm_text_free(&folder);
	tm_text_free(&path);
	return ok;
}

bool tm_complete_files(const char *before, const char *begin, struct tm_completion *to)
{
	size_t first = to->words.n;
	if (!offer(before, begin, to))
		return false;
	if (to->words.n != first + 1)
		return true;
	const char *only = to->words.items[first];
	return only[strlen(only) - 1] != '/' || offer(before, only + strlen(before), to);
}
