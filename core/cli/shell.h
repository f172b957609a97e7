/* The commands of the shell's own: rows of the command table that are marked 'shell'. */
#ifndef TM_SHELL_H
#define TM_SHELL_H
#include <signal.h>
#include "tm/command.h"
#include "tm/text.h"

/* tm gdb, tm lldb: becomes the debugger. OPERANDS are a PID, a core, a program and its core, or nothing. Returns only on failure. */
struct tm_error *tm_shell_gdb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup);
struct tm_error *tm_shell_lldb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup);
/* tm run: becomes the program. Returns only on failure. */
struct tm_error *tm_shell_launch(void *ctx, const struct tm_launch *l);
/* tm install-gdb, tm install-lldb: from now on the debugger has the commands by itself. */
struct tm_error *tm_shell_install_gdb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup);
struct tm_error *tm_shell_install_lldb(const struct tm_sink *out, unsigned n, const char *const *operands, const struct tm_setup *setup);

/*
 * Row NAME, such as "start", on process PID, by a debugger that is started for it and ends with it: soon, when *STOP is a signal. NOTFOUND:
 * none is installed.
 */
struct tm_error *tm_shell_drive(const struct tm_sink *out, const volatile sig_atomic_t *stop, int pid, const char *name, const char *const *operands, unsigned n, uint64_t timeout);

/* For LLDB before it loads anything: threads that load modules can wait for each other for ever (20 to 23; llvm-project issue 205879).
   Does nothing where there is no such setting. */
#define TM_LLDB_SAFE "settings set -e target.parallel-module-load false"
/* LLDB's command that loads the plugin. */
struct tm_error *tm_shell_import(struct tm_text *ret);
/* The debugger's program: VARIABLE of the environment, else NAME. */
const char *tm_shell_debugger(const char *variable, const char *name);
/* The absolute path of FILE ("gdb/tm_gdb.py"): beside the program in the build tree, else where the installation put it. */
struct tm_error *tm_shell_plugin(const char *file, struct tm_text *ret);
#endif
