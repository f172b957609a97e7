/* tm in the shell: argv → command → stdout. The only place that handles signals, prints and exits. */
#include "shell.h"
#include "tm/command.h"
#include "tm/number.h"
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	interrupted = sig;
}

struct progress {
	struct timespec start;
	bool terminal, shown;
	long last; /* milliseconds */
};

static long elapsed(const struct progress *p)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - p->start.tv_sec) * 1000 + (now.tv_nsec - p->start.tv_nsec) / 1000000;
}

static void clear_progress(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}

static bool poll(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct progress *p = ctx;
	if (!p->terminal)
		return interrupted;
	long ms = elapsed(p);
	if (ms < 500 || ms - p->last < 100)
		return interrupted;
	p->last = ms;
	p->shown = true;
	if (total)
		fprintf(stderr, "\r\033[K%s ... %d%%", what, (int)(done > total ? 100 : done * 100 / total));
	else
		fprintf(stderr, "\r\033[K%s ...", what);
	fflush(stderr);
	return interrupted;
}

struct output {
	struct progress *progress;
	int failed; /* errno */
};

static void write_out(void *ctx, const char *text, size_t len)
{
	struct output *o = ctx;
	clear_progress(o->progress);
	if (!o->failed && fwrite(text, 1, len, stdout) != len)
		o->failed = errno ? errno : EIO;
}

static int report(struct progress *p, struct tm_error *err)
{
	int status = tm_error_status(tm_error_code(err));
	clear_progress(p);
	if (tm_error_code(err) == TM_ERR_INTERRUPTED)
		status = 128 + (interrupted ? interrupted : SIGINT);
	struct tm_text t = { 0 };
	tm_text_puts(&t, "tm: ");
	tm_text_escape(&t, tm_error_message(err), strlen(tm_error_message(err)));
	fprintf(stderr, "%s\n", tm_text_str(&t));
	tm_text_free(&t);
	tm_error_free(err);
	return status;
}

static struct tm_error *run_own(void *ctx, const char *name, unsigned n, const char *const *operands, const struct tm_setup *setup)
{
	static const struct {
		const char *name;
		struct tm_error *(*run)(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup);
	} rows[] = { { "gdb", tm_shell_gdb }, { "lldb", tm_shell_lldb }, { "install-gdb", tm_shell_install_gdb },
		{ "install-lldb", tm_shell_install_lldb } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, name) == 0)
			return rows[i].run(ctx, n, operands, setup);
	return tm_error_new(TM_ERR_UNSUPPORTED, "'tm %s' is not in this program", name);
}

static struct tm_error *drive(void *ctx, int pid, const char *name, const char *const *operands, unsigned n, uint64_t timeout)
{
	return tm_shell_drive(ctx, &interrupted, pid, name, operands, n, timeout);
}

/* "--help" and "--version" in place of a command. */
static const char *dashed(const char *word)
{
	static const struct {
		const char *word, *command;
	} words[] = { { "--help", "help" }, { "-h", "help" }, { "--version", "version" }, { "-V", "version" } };
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i].word, word) == 0)
			return words[i].command;
	return word;
}

/* Unlike SIG_IGN, what 'tm run' starts does not inherit it. */
static void ignore(int number)
{
}

int main(int argc, char **argv)
{
	struct progress progress = { .terminal = isatty(STDERR_FILENO) };
	struct output output = { &progress, 0 };
	struct winsize ws = { 0 };
	clock_gettime(CLOCK_MONOTONIC, &progress.start);
	if (isatty(STDOUT_FILENO))
		ioctl(STDOUT_FILENO, TIOCGWINSZ, &ws);
	/* The second signal ends us the ordinary way. */
	struct sigaction sa = { .sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND };
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		struct sigaction old; /* what nohup and the like ignore stays ignored */
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &sa, NULL);
	}
	struct sigaction nothing = { .sa_handler = ignore }, old; /* a file that grows too large is an error of write() then */
	if (!sigaction(SIGXFSZ, NULL, &old) && old.sa_handler != SIG_IGN)
		sigaction(SIGXFSZ, &nothing, NULL);
	struct tm_front front = { .out = { write_out, &output }, .poll = { poll, &progress }, .terminal = isatty(STDOUT_FILENO),
		.width = ws.ws_col, .shell = run_own, .control = drive, .launch = tm_shell_launch };
	front.ctx = &front.out;
	struct tm_session *session;
	struct tm_error *err = tm_session_open(&front, &session);
	if (err)
		return report(&progress, err);
	const char *help[] = { "help" };
	if (argc > 1)
		argv[1] = (char *)dashed(argv[1]);
	err = argc > 1 ? tm_session_run(session, argc - 1, (const char *const *)argv + 1) : tm_session_run(session, 1, help);
	tm_session_close(session);
	clear_progress(&progress);
	if (fflush(stdout) && !output.failed)
		output.failed = errno;
	if (output.failed) {
		tm_error_free(err);
		return report(&progress, tm_error_os(output.failed, "writing the output"));
	}
	return err ? report(&progress, err) : 0;
}
