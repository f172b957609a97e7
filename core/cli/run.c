/* tm run in the shell. */
#include "shell.h"
#include "tm/array.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tm_error *tm_shell_launch(void *ctx, const struct tm_launch *l)
{
	char environment[24], option[40];
	TM_ARRAY(const char *) argv = { 0 };
	snprintf(environment, sizeof environment, "%llu", (unsigned long long)l->nframe);
	snprintf(option, sizeof option, "tracemalloc=%llu", (unsigned long long)l->nframe);
	if (!tm_array_reserve(&argv, l->n + 4) || setenv("PYTHONTRACEMALLOC", environment, true)) {
		tm_array_free(&argv);
		return tm_error_nomem();
	}
	argv.items[argv.n++] = l->program;
	if (l->python) {
		argv.items[argv.n++] = "-X";
		argv.items[argv.n++] = option;
	}
	for (unsigned i = 0; i < l->n; i++)
		argv.items[argv.n++] = l->args[i];
	argv.items[argv.n] = NULL;
	execvp(l->program, (char *const *)argv.items);
	struct tm_error *err = tm_error_os(errno, "%s", l->program);
	tm_array_free(&argv);
	return err;
}
