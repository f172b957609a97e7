/* tm gdb: the debugger with our plugin, on a process or a core. */
#include "launch.h"
#include "tm/elffile.h"
#include "tm/target.h"
#include "tm/text.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program: in the build tree, else where the installation put it. */
static struct tm_error *find_plugin(const char *file, struct tm_text *ret)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	if (n <= 0)
		return tm_error_os(errno, "/proc/self/exe");
	self[n] = 0;
	*strrchr(self, '/') = 0;
	static const char *const places[] = { "..", TM_LIBRARY };
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		tm_text_clear(ret);
		tm_text_printf(ret, "%s/%s/%s", self, places[i], file);
		if (ret->failed)
			return tm_error_nomem();
		if (access(ret->s, R_OK) == 0)
			return NULL;
	}
	return tm_error_new(TM_ERR_NOTFOUND, "the plugin %s is neither in %s/.. nor in %s/%s", file, self, self, TM_LIBRARY);
}

/* The core's program, when its file is here and of the same build. */
static struct tm_error *find_program(const char *core, struct tm_text *ret)
{
	struct tm_target *t;
	struct tm_error *err = tm_target_open_core(core, &(struct tm_search) { 0 }, (struct tm_poll) { 0 }, &t);
	if (err)
		return err;
	struct tm_elffile *f = t->modules.n ? tm_module_file(t, &t->modules.items[0]) : NULL;
	if (f)
		tm_text_puts(ret, f->path);
	tm_target_close(t);
	return NULL;
}

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

struct tm_error *tm_launch(void *ctx, const char *name, unsigned n, const char *const *operands)
{
	struct tm_text plugin = { 0 }, program = { 0 };
	struct tm_error *err = find_plugin("gdb/tm_gdb.py", &plugin);
	const char *debugger = getenv("TM_GDB");
	const char *argv[12] = { debugger && *debugger ? debugger : name, "-q", "-ix", tm_text_str(&plugin) };
	unsigned argc = 4;
	if (!err && n == 1 && access(operands[0], F_OK) != 0 && all_digits(operands[0])) {
		argv[argc++] = "-p";
		argv[argc++] = operands[0];
	} else if (!err && n == 1) {
		err = find_program(operands[0], &program);
		if (program.len)
			argv[argc++] = program.s;
		argv[argc++] = "-c";
		argv[argc++] = operands[0];
	} else if (!err && n == 2) {
		argv[argc++] = operands[0];
		argv[argc++] = "-c";
		argv[argc++] = operands[1];
	}
	if (!err && !program.failed) {
		execvp(argv[0], (char *const *)argv);
		err = tm_error_os(errno, "%s", argv[0]);
	}
	tm_text_free(&plugin);
	tm_text_free(&program);
	return err ? err : tm_error_nomem();
}
