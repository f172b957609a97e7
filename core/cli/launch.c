/* tm gdb, tm lldb: the debugger with our plugin, on a process or a core. */
#include "shell.h"
#include "tm/elffile.h"
#include "tm/target.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

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

/* Becomes the debugger that ARGV names, as VARIABLE may, whose first ARGC words load the plugin and which has room for four more. */
static struct tm_error *launch(const char *variable, const char **argv, unsigned argc, unsigned n, const char *const *operands)
{
	struct tm_text program = { 0 };
	struct tm_error *err = NULL;
	if (n == 1 && access(operands[0], F_OK) != 0 && all_digits(operands[0])) {
		argv[argc++] = "-p";
		argv[argc++] = operands[0];
	} else if (n == 1) {
		err = find_program(operands[0], &program);
		if (program.len)
			argv[argc++] = program.s;
		argv[argc++] = "-c";
		argv[argc++] = operands[0];
	} else if (n == 2) {
		argv[argc++] = operands[0];
		argv[argc++] = "-c";
		argv[argc++] = operands[1];
	}
	argv[argc] = NULL;
	if (!err)
		err = tm_text_error(&program);
	if (!err) {
		execvp(argv[0], (char *const *)argv);
		err = errno == ENOENT && !strchr(argv[0], '/') ? tm_error_new(TM_ERR_NOTFOUND, "%s: no such program; %s names another one", argv[0], variable)
				      : tm_error_os(errno, "%s", argv[0]);
	}
	tm_text_free(&program);
	return err;
}

struct tm_error *tm_shell_gdb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup)
{
	struct tm_text plugin = { 0 };
	struct tm_error *err = tm_shell_plugin("gdb/tm_gdb.py", &plugin);
	const char *argv[9] = { tm_shell_debugger("TM_GDB", "gdb"), "-q", "-ix", tm_text_str(&plugin) };
	if (!err)
		err = launch("TM_GDB", argv, 4, n, operands);
	tm_text_free(&plugin);
	return err;
}

struct tm_error *tm_shell_import(struct tm_text *ret)
{
	struct tm_text plugin = { 0 };
	struct tm_error *err = tm_shell_plugin("lldb/tm_lldb.py", &plugin);
	tm_text_puts(ret, "command script import '");
	for (const char *p = tm_text_str(&plugin); *p; p++)
		tm_text_printf(ret, *p == '\'' ? "'\"'\"'" : "%c", *p);
	tm_text_puts(ret, "'");
	tm_text_free(&plugin);
	return err ? err : tm_text_error(ret);
}

struct tm_error *tm_shell_lldb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup)
{
	struct tm_text load = { 0 };
	struct tm_error *err = tm_shell_import(&load);
	const char *argv[10] = { tm_shell_debugger("TM_LLDB", "lldb"), "-O", TM_LLDB_SAFE, "-O", tm_text_str(&load) };
	if (!err)
		err = launch("TM_LLDB", argv, 5, n, operands);
	tm_text_free(&load);
	return err;
}
