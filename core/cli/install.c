/* What putting a plugin in place takes, whatever the debugger. */
#include "install.h"
#include "tm/store.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- what other programs know ---- */

static struct tm_error *read_all(int fd, struct tm_text *ret)
{
	char buf[4096];
	for (;;) {
		ssize_t n = read(fd, buf, sizeof buf);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tm_error_os(errno, "reading");
		if (!n)
			return tm_text_error(ret);
		tm_text_put(ret, buf, (size_t)n);
	}
}

struct tm_error *tm_install_ask(const char *const *argv, const char *what, struct tm_text *ret)
{
	int fds[2], status = 0;
	pid_t pid;
	if (pipe2(fds, O_CLOEXEC))
		return tm_error_os(errno, "pipe");
	posix_spawn_file_actions_t actions;
	int failed = posix_spawn_file_actions_init(&actions);
	if (!failed) {
		failed = posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
		if (!failed)
			failed = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
		if (!failed)
			failed = posix_spawnp(&pid, argv[0], &actions, NULL, (char *const *)argv, environ);
		posix_spawn_file_actions_destroy(&actions);
	}
	close(fds[1]);
	struct tm_error *err = failed ? tm_error_os(failed, "%s", argv[0]) : read_all(fds[0], ret);
	close(fds[0]);
	while (!failed && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!err && (status || !ret->len))
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s is no %s", argv[0], what);
	return err;
}

struct tm_error *tm_install_each(const char *list, const char *separators, struct tm_error *(*act)(void *ctx, const char *part), void *ctx)
{
	struct tm_error *err = NULL;
	char *copy = strdup(list), *rest = copy;
	if (!copy)
		return tm_error_nomem();
	for (char *part = strtok_r(rest, separators, &rest); part && !err; part = strtok_r(NULL, separators, &rest))
		err = act(ctx, part);
	free(copy);
	return err;
}

/* ---- files ---- */

struct tm_error *tm_install_folders(const char *path)
{
	char *copy = strdup(path);
	struct tm_error *err = copy ? NULL : tm_error_nomem();
	for (char *p = copy ? strchr(copy + 1, '/') : NULL; p && !err; p = strchr(p + 1, '/')) {
		*p = 0;
		if (mkdir(copy, 0777) && errno != EEXIST)
			err = tm_error_os(errno, "%s", copy);
		*p = '/';
	}
	free(copy);
	return err;
}

struct tm_error *tm_install_file(const char *path, const struct tm_text *text)
{
	struct tm_file *f;
	struct tm_error *err = tm_file_create(path, true, &f);
	if (err)
		return err;
	err = tm_file_write(f, tm_text_str(text), text->len);
	if (!err)
		return tm_file_commit(f);
	tm_file_abort(f);
	return err;
}

/* A file that need not be there. */
static struct tm_error *read_file(const char *path, struct tm_text *ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? NULL : tm_error_os(errno, "%s", path);
	struct tm_error *err = read_all(fd, ret);
	close(fd);
	return err ? tm_error_prefix(err, "%s", path) : NULL;
}

static bool has_line(const struct tm_text *text, const char *line)
{
	size_t len = strlen(line);
	for (const char *p = tm_text_str(text); (p = strstr(p, line)); p += len)
		if ((p == text->s || p[-1] == '\n') && (p[len] == '\n' || !p[len]))
			return true;
	return false;
}

struct addition {
	struct tm_text text; /* the file's */
	bool changed;
};

static struct tm_error *add_line(void *ctx, const char *line)
{
	struct addition *a = ctx;
	if (has_line(&a->text, line))
		return NULL;
	if (a->text.len && a->text.s[a->text.len - 1] != '\n')
		tm_text_putc(&a->text, '\n');
	tm_text_printf(&a->text, "%s\n", line);
	a->changed = true;
	return tm_text_error(&a->text);
}

/* Adds those of the LINES that are not in the file; a link stays one. */
static struct tm_error *add_lines(const char *path, const struct tm_text *lines, bool *changed)
{
	char real[PATH_MAX];
	struct addition a = { 0 };
	struct stat st;
	const char *to = realpath(path, real) ? real : path;
	if (to == path && !lstat(path, &st) && S_ISLNK(st.st_mode))
		return tm_error_new(TM_ERR_NOTFOUND, "%s is a link to what is not there", path);
	struct tm_error *err = read_file(to, &a.text);
	if (!err && a.text.len && strlen(a.text.s) != a.text.len)
		err = tm_error_new(TM_ERR_UNSUPPORTED, "%s is no text file", path);
	if (!err)
		err = tm_install_each(tm_text_str(lines), "\n", add_line, &a);
	if (!err && a.changed)
		err = tm_install_file(to, &a.text);
	*changed = a.changed;
	tm_text_free(&a.text);
	return err;
}

struct tm_error *tm_install_user_path(const char *variable, const char *default_folder, const char *name, struct tm_text *ret)
{
	const char *folder = variable ? getenv(variable) : NULL, *home = getenv("HOME");
	tm_text_clear(ret);
	if (folder && *folder == '/')
		tm_text_printf(ret, "%s/%s", folder, name);
	else if (home && *home == '/')
		tm_text_printf(ret, "%s/%s%s", home, default_folder, name);
	else
		return tm_error_new(TM_ERR_NOTFOUND, "HOME is not set to a folder");
	return tm_text_error(ret);
}

struct tm_error *tm_install_lines(const struct tm_sink *out, bool write, const char *init_file, const struct tm_text *lines)
{
	struct tm_text t = { 0 };
	bool changed = false;
	struct tm_error *err = write ? add_lines(init_file, lines, &changed) : NULL;
	if (!write)
		tm_text_printf(&t, "# For %s:\n%s", init_file, tm_text_str(lines));
	else
		tm_text_printf(&t, changed ? "# Written: %s\n" : "# Nothing to do: it is in %s already\n", init_file);
	if (!err)
		err = tm_text_error(&t);
	if (!err)
		out->write(out->ctx, t.s, t.len);
	tm_text_free(&t);
	return err;
}
