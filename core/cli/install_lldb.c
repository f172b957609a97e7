/* tm install-lldb: a line in LLDB's init file. */
#include "install.h"
#include "shell.h"
#include <string.h>

/* Loads the plugin when it is there; shlex.quote() quotes as LLDB reads it. */
static void load_line(struct tm_text *t, const char *plugin)
{
	struct tm_text path = { 0 };
	for (const char *p = plugin; *p; p++)
		tm_text_printf(&path, "%s%c", strchr("\\'", *p) ? "\\" : "", *p);
	tm_text_printf(t, "script if __import__('os').path.exists('%s'): lldb.debugger.HandleCommand('command script import ' + "
			  "__import__('shlex').quote('%s'))\n", tm_text_str(&path), tm_text_str(&path));
	t->failed |= path.failed;
	tm_text_free(&path);
}

struct tm_error *tm_shell_install_lldb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup)
{
	struct tm_text plugin = { 0 }, init_file = { 0 }, lines = { 0 };
	struct tm_error *err = tm_shell_plugin("lldb/tm_lldb.py", &plugin);
	if (!err && strpbrk(plugin.s, "\n\r"))
		err = tm_error_new(TM_ERR_UNSUPPORTED, "a path with a line break cannot stand in an init file");
	if (!err)
		err = tm_install_user_path(NULL, "", ".lldbinit", &init_file);
	if (!err) {
		load_line(&lines, plugin.s);
		err = tm_text_error(&lines);
	}
	if (!err)
		err = tm_install_lines(out, setup->write, init_file.s, &lines);
	tm_text_free(&plugin);
	tm_text_free(&init_file);
	tm_text_free(&lines);
	return err;
}
