/* What putting a plugin in place takes, whatever the debugger. */
#ifndef TM_INSTALL_H
#define TM_INSTALL_H
#include "tm/sink.h"
#include "tm/text.h"

/* What the program ARGV prints to its standard output. UNSUPPORTED when it fails: it is no WHAT. */
struct tm_error *tm_install_ask(const char *const *argv, const char *what, struct tm_text *ret);
/* Calls ACT for each part of LIST, up to the first error; any of SEPARATORS is between two. */
struct tm_error *tm_install_each(const char *list, const char *separators, struct tm_error *(*act)(void *ctx, const char *part), void *ctx);
/* Makes the folders above PATH, those that are not there. */
struct tm_error *tm_install_folders(const char *path);
/* Writes a file, whole or not at all; an existing one keeps its mode. */
struct tm_error *tm_install_file(const char *path, const struct tm_text *text);
/* $VARIABLE/NAME; where that is not set, $HOME/FOLDER/NAME. FOLDER is empty or ends with a slash. */
struct tm_error *tm_install_user_path(const char *variable, const char *folder, const char *name, struct tm_text *ret);
/* Shows the LINES that belong into the INIT_FILE; with WRITE adds those that are not in it. */
struct tm_error *tm_install_lines(const struct tm_sink *out, bool write, const char *init_file, const struct tm_text *lines);
#endif
