/* tm install-gdb: a line in GDB's init file, or scripts that it loads by itself together with a Python. */
#include "install.h"
#include "shell.h"
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Since GDB 11 it is the first of the two that is there. */
static struct tm_error *init_file_path(struct tm_text *ret)
{
	struct tm_error *err = tm_install_user_path("XDG_CONFIG_HOME", ".config/", "gdb/gdbinit", ret);
	if (err || access(ret->s, F_OK) == 0)
		return err;
	return tm_install_user_path(NULL, "", ".gdbinit", ret);
}

/* Loads the plugin when it is there. */
static void load_line(struct tm_text *t, const char *plugin)
{
	struct tm_text path = { 0 };
	for (const char *p = plugin; *p; p++)
		tm_text_printf(&path, "%s%c", strchr("\\'", *p) ? "\\" : "", *p);
	tm_text_printf(t, "python __import__('os').path.exists('%s') and gdb.execute('source %s')\n", tm_text_str(&path), tm_text_str(&path));
	t->failed |= path.failed;
	tm_text_free(&path);
}

/* Where GDB looks for files that belong to a program, and which of them it trusts: two lines. */
static struct tm_error *trusted_folders(struct tm_text *ret)
{
	static const char question[] =
		"python f = lambda name: (gdb.parameter('auto-load ' + name).replace('$debugdir', gdb.parameter('debug-file-directory') or '')"
		".replace('$datadir', gdb.parameter('data-directory')) + '\\n'); gdb.write(f('scripts-directory') + f('safe-path'))";
	const char *argv[] = { tm_shell_debugger("TM_GDB", "gdb"), "-nx", "-batch", "-ex", question, NULL };
	return tm_install_ask(argv, "GDB with Python in it", ret);
}

/* Can it be written in, perhaps after it was made? */
static bool writable(const char *folder)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, "%s", folder);
	while (access(path, F_OK) && strrchr(path, '/') > path)
		*strrchr(path, '/') = 0;
	return access(path, W_OK) == 0;
}

static struct tm_error *choose_folder(void *ctx, const char *folder)
{
	struct tm_text *chosen = ctx;
	if (*folder == '/' && writable(folder)) {
		tm_text_clear(chosen);
		tm_text_puts(chosen, folder);
	}
	return tm_text_error(chosen);
}

struct sought {
	const char *folder;
	bool whole, found; /* WHOLE: it itself is wanted, not one above it */
};

static struct tm_error *compare_folder(void *ctx, const char *folder)
{
	struct sought *s = ctx;
	char real[PATH_MAX];
	const char *above = realpath(folder, real) ? real : folder;
	size_t len = strlen(above);
	while (len && above[len - 1] == '/')
		len--;
	if (strncmp(s->folder, above, len) == 0 && (!s->folder[len] || (!s->whole && s->folder[len] == '/')))
		s->found = true;
	return NULL;
}

static struct tm_error *in_list(const char *list, const char *folder, bool whole, bool *ret)
{
	struct sought s = { folder, whole, false };
	struct tm_error *err = tm_install_each(list, ":", compare_folder, &s);
	*ret = s.found;
	return err;
}

/* The last of GDB's own folders that can be written in, else one of the user's, or DIR: made, and without links in its name. */
static struct tm_error *auto_load_folder(const char *dir, const char *scripts, struct tm_text *ret)
{
	char real[PATH_MAX];
	struct tm_error *err = NULL;
	if (dir)
		tm_text_puts(ret, dir);
	else
		err = tm_install_each(scripts, ":", choose_folder, ret);
	if (!err && !ret->len)
		err = tm_install_user_path("XDG_DATA_HOME", ".local/share/", "tm/auto-load", ret);
	tm_text_putc(ret, '/');
	if (!err)
		err = tm_text_error(ret);
	if (!err)
		err = tm_install_folders(ret->s);
	if (!err && !realpath(ret->s, real))
		err = tm_error_os(errno, "%s", ret->s);
	if (err)
		return err;
	tm_text_clear(ret);
	tm_text_puts(ret, real);
	return tm_text_error(ret);
}

struct loader {
	const struct tm_sink *out;
	const char *folder;
	struct tm_text script, path;
};

/* The script of one program or library; GDB loads FILE-gdb.gdb besides the FILE-gdb.py that CPython may bring. */
static struct tm_error *write_script(void *ctx, const char *file)
{
	struct loader *l = ctx;
	tm_text_clear(&l->path);
	tm_text_printf(&l->path, "%s%s-gdb.gdb", l->folder, file);
	struct tm_error *err = tm_text_error(&l->path);
	if (!err)
		err = tm_install_folders(l->path.s);
	if (!err)
		err = tm_install_file(l->path.s, &l->script);
	if (err)
		return err;
	struct tm_text t = { 0 };
	tm_text_printf(&t, "# Written: %s\n", l->path.s);
	l->out->write(l->out->ctx, tm_text_str(&t), t.len);
	tm_text_free(&t);
	return NULL;
}

/* A PYTHON may be a link or a script: it tells itself which program it is, and which libpython it has. */
static struct tm_error *python_files(const char *python, struct tm_text *ret)
{
	static const char question[] =
		"import os, re\n"
		"print(os.readlink('/proc/self/exe'))\n"
		"for name in sorted(set(re.findall(r'(/.*/libpython[^/\\n]*\\.so.*)', open('/proc/self/maps').read()))):\n"
		"    print(name)\n";
	const char *argv[] = { python, "-I", "-S", "-c", question, NULL };
	struct tm_error *err = tm_install_ask(argv, "Python", ret);
	if (!err && *tm_text_str(ret) != '/')
		err = tm_error_new(TM_ERR_NOTPYTHON, "%s is no Python", python);
	return err;
}

/* Writes the scripts; LINES gets what GDB needs to be told of their folder. */
static struct tm_error *auto_load(const struct tm_sink *out, const char *plugin, const struct tm_setup *setup, struct tm_text *lines)
{
	struct tm_text folders = { 0 }, folder = { 0 }, files = { 0 };
	struct loader l = { .out = out };
	bool looks = false, trusts = false;
	struct tm_error *err = python_files(setup->auto_load, &files);
	if (!err)
		err = trusted_folders(&folders);
	char *scripts = folders.s, *safe = scripts ? scripts + strcspn(scripts, "\n") : NULL;
	if (!err) {
		if (*safe)
			*safe++ = 0;
		safe[strcspn(safe, "\n")] = 0;
		err = auto_load_folder(setup->dir, scripts, &folder);
	}
	l.folder = tm_text_str(&folder);
	load_line(&l.script, plugin);
	if (!err)
		err = tm_text_error(&l.script);
	if (!err)
		err = tm_install_each(tm_text_str(&files), "\n", write_script, &l);
	if (!err)
		err = in_list(scripts, l.folder, true, &looks);
	if (!err)
		err = in_list(safe, l.folder, false, &trusts);
	if (!err && !looks)
		tm_text_printf(lines, "add-auto-load-scripts-directory %s\n", l.folder);
	if (!err && !trusts)
		tm_text_printf(lines, "add-auto-load-safe-path %s\n", l.folder);
	tm_text_free(&folders);
	tm_text_free(&folder);
	tm_text_free(&files);
	tm_text_free(&l.script);
	tm_text_free(&l.path);
	return err;
}

struct tm_error *tm_shell_install_gdb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup)
{
	struct tm_text plugin = { 0 }, init_file = { 0 }, lines = { 0 };
	if (setup->dir && !setup->auto_load)
		return tm_error_new(TM_ERR_USAGE, "--dir is for --auto-load");
	struct tm_error *err = tm_shell_plugin("gdb/tm_gdb.py", &plugin);
	if (!err && strpbrk(plugin.s, "\n\r"))
		err = tm_error_new(TM_ERR_UNSUPPORTED, "a path with a line break cannot stand in an init file");
	if (!err)
		err = init_file_path(&init_file);
	if (!err && setup->auto_load)
		err = auto_load(out, plugin.s, setup, &lines);
	else if (!err)
		load_line(&lines, plugin.s);
	if (!err)
		err = tm_text_error(&lines);
	if (!err && lines.len)
		err = tm_install_lines(out, setup->write, init_file.s, &lines);
	tm_text_free(&plugin);
	tm_text_free(&init_file);
	tm_text_free(&lines);
	return err;
}
