/* Where the debuggers' plugins lie. */
#include "shell.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *tm_shell_debugger(const char *variable, const char *name)
{
	const char *program = getenv(variable);
	return program && *program ? program : name;
}

/* FOLDER without as many of its last parts as FROM has "../" in front, then the rest of FROM and FILE. */
static struct tm_error *join(const char *folder, const char *from, const char *file, struct tm_text *ret)
{
	size_t len = strlen(folder);
	for (; strncmp(from, "../", 3) == 0; from += 3)
		while (len && folder[--len] != '/')
			;
	tm_text_clear(ret);
	tm_text_printf(ret, "%.*s/%s%s%s", (int)len, folder, from, *from ? "/" : "", file);
	return tm_text_error(ret);
}

struct tm_error *tm_shell_plugin(const char *file, struct tm_text *ret)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return tm_error_os(errno, "/proc/self/exe");
	self[n] = 0;
	*strrchr(self, '/') = 0;
	static const char *const places[] = { "../", TM_LIBRARY };
	struct tm_text tried = { 0 };
	struct tm_error *err = NULL;
	for (size_t i = 0; !err && i < sizeof places / sizeof *places; i++) {
		err = join(self, places[i], file, ret);
		if (!err && access(ret->s, R_OK) == 0) {
			tm_text_free(&tried);
			return NULL;
		}
		tm_text_printf(&tried, "%s%s", i ? " nor " : "", tm_text_str(ret));
	}
	if (!err)
		err = tm_error_new(TM_ERR_NOTFOUND, "there is neither %s", tm_text_str(&tried));
	tm_text_free(&tried);
	return err;
}
