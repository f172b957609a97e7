/* A command that needs a debugger, carried out by one in batch: GDB where it is installed, else LLDB. */
#include "shell.h"
#include "tm/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define MARK "@tm@" /* around what the command says, among all that a debugger says */

/* All that it says, or *FOUND is false: there is no such program. It gets SIGINT when *STOP becomes a signal: then it puts all back. */
static struct tm_error *run(char *const *argv, const volatile sig_atomic_t *stop, struct tm_text *said, bool *found)
{
	int fd[2], status, error;
	pid_t pid;
	posix_spawn_file_actions_t files;
	if (pipe2(fd, O_CLOEXEC))
		return tm_error_os(errno, "a pipe");
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&files, fd[1], 1);
	posix_spawn_file_actions_adddup2(&files, fd[1], 2);
	error = posix_spawnp(&pid, argv[0], &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	close(fd[1]);
	tm_autoclose int from = fd[0];
	*found = error != ENOENT;
	if (error)
		return error == ENOENT ? NULL : tm_error_os(error, "%s", argv[0]);
	char buf[4096];
	struct pollfd ready = { .fd = from, .events = POLLIN };
	for (bool told = false;;) { /* a signal between two looks is seen at the next one */
		if (*stop && !told)
			told = kill(pid, SIGINT) == 0;
		int any = poll(&ready, 1, 100);
		ssize_t n = any > 0 ? read(from, buf, sizeof buf) : -1;
		if (n > 0)
			tm_text_put(said, buf, (size_t)n);
		else if (n == 0 || (any && errno != EINTR))
			break;
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return *stop && !strstr(tm_text_str(said), "\n" MARK) ? tm_error_new(TM_ERR_INTERRUPTED, "interrupted") : tm_text_error(said);
}

static bool is_noise(const char *line, size_t n)
{
	return strncmp(line, "(lldb) ", 7) == 0 || (n == 1 && *line == '\n');
}

/* What stands between the two marks goes on as our own: text, or a message. */
static struct tm_error *answer(const struct tm_sink *out, const char *program, int pid, const char *said)
{
	static const char mark[] = "\n" MARK;
	const char *begin = strstr(said, mark), *line = begin ? strchr(begin + 1, '\n') : NULL, *end = line ? strstr(line, mark) : NULL;
	struct tm_text text = { 0 };
	if (!end) {
		size_t n = strlen(said);
		while (n && said[n - 1] == '\n')
			n--;
		const char *last = said + n;
		while (last > said && last[-1] != '\n')
			last--;
		return tm_error_new(TM_ERR_OS, "%s could not attach to process %d: %.*s", program, pid, n ? (int)(said + n - last) : 30,
			n ? last : "it ended without saying why");
	}
	for (line++; line < end + 1;) {
		const char *next = strchr(line, '\n') + 1;
		if (!is_noise(line, (size_t)(next - line)))
			tm_text_put(&text, line, (size_t)(next - line));
		line = next;
	}
	int status = atoi(end + sizeof mark - 1); /* the shell's */
	struct tm_error *err = tm_text_error(&text);
	if (!err && !status)
		out->write(out->ctx, tm_text_str(&text), text.len);
	else if (!err && status == 128 + SIGINT)
		err = tm_error_new(TM_ERR_INTERRUPTED, "interrupted");
	else if (!err) {
		static const enum tm_errcode codes[] = { TM_ERR_OS, TM_ERR_UNSUPPORTED, TM_ERR_USAGE, TM_ERR_NOTTRACING, TM_ERR_INCOMPLETE };
		const char *message = tm_text_str(&text);
		size_t n = text.len;
		while (n && message[n - 1] == '\n')
			n--;
		size_t prefix = strncmp(message, "error: ", 7) == 0 ? 7 : 0;
		err = tm_error_new(codes[status > 0 && status < 5 ? status : 1], "%.*s", (int)(n - prefix), message + prefix);
	}
	tm_text_free(&text);
	return err;
}

static struct tm_error *by_gdb(const struct tm_sink *out, const volatile sig_atomic_t *stop, int pid, const char *command, bool *found)
{
	char number[16];
	struct tm_text plugin = { 0 }, said = { 0 };
	const char *gdb = tm_shell_debugger("TM_GDB", "gdb");
	snprintf(number, sizeof number, "%d", pid);
	struct tm_error *err = tm_shell_plugin("gdb/tm_gdb.py", &plugin);
	const char *argv[] = { gdb, "-q", "-nx", "-batch", "-iex", "set debuginfod enabled off", "-iex", "set auto-load python-scripts off", "-ix",
		tm_text_str(&plugin), "-p", number, "-ex", "echo \\n" MARK "\\n", "-ex", command, "-ex", "printf \"\\n" MARK "%d\\n\", $_tm_status", NULL };
	if (!err)
		err = run((char *const *)argv, stop, &said, found);
	if (!err && *found)
		err = answer(out, gdb, pid, tm_text_str(&said));
	tm_text_free(&plugin);
	tm_text_free(&said);
	return err;
}

static struct tm_error *by_lldb(const struct tm_sink *out, const volatile sig_atomic_t *stop, int pid, const char *command, bool *found)
{
	char number[16];
	struct tm_text load = { 0 }, said = { 0 };
	const char *lldb = tm_shell_debugger("TM_LLDB", "lldb");
	snprintf(number, sizeof number, "%d", pid);
	struct tm_error *err = tm_shell_import(&load);
	const char *argv[] = { lldb, "-x", "-b", "-O", TM_LLDB_SAFE, "-O", "settings set interpreter.stop-command-source-on-error false", "-O", tm_text_str(&load), "-p", number,
		"-o", "script print('\\n" MARK "')", "-o", command, "-o",
		"script import tm; print('\\n" MARK "%d' % [host.status for host, session in tm.lldb.values()][0])", "-o", "process detach", NULL };
	if (!err)
		err = run((char *const *)argv, stop, &said, found);
	if (!err && *found)
		err = answer(out, lldb, pid, tm_text_str(&said));
	tm_text_free(&load);
	tm_text_free(&said);
	return err;
}

struct tm_error *tm_shell_drive(const struct tm_sink *out, const volatile sig_atomic_t *stop, int pid, const char *name, const char *const *operands, unsigned n, uint64_t timeout)
{
	struct tm_text command = { 0 };
	bool found = false;
	tm_text_printf(&command, "tm %s --timeout %llu", name, (unsigned long long)timeout);
	for (unsigned i = 0; i < n; i++)
		tm_text_printf(&command, " %s", operands[i]);
	struct tm_error *err = tm_text_error(&command);
	if (!err)
		err = by_gdb(out, stop, pid, tm_text_str(&command), &found);
	if (!err && !found)
		err = by_lldb(out, stop, pid, tm_text_str(&command), &found);
	if (!err && !found)
		err = tm_error_new(TM_ERR_NOTFOUND, "process %d: a Python before 3.14 is controlled by a debugger, and neither gdb nor lldb is installed; "
			"or start the program with tm run, PYTHONTRACEMALLOC=1 or python -X tracemalloc", pid);
	tm_text_free(&command);
	return err;
}
