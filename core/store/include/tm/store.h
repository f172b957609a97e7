/* Snapshot files: tm's own format, described in docs/format.md. Loading executes nothing and believes no length. */
#ifndef TM_STORE_H
#define TM_STORE_H
#include "tm/poll.h"
#include "tm/snapshot.h"

/* A file that appears whole or not at all: written beside PATH under another name and renamed. */
struct tm_file;
/* An existing PATH is an error without FORCE; a device or pipe is written to directly. */
struct tm_error *tm_file_create(const char *path, bool force, struct tm_file **ret);
struct tm_error *tm_file_write(struct tm_file *f, const void *p, size_t len);
/* Both free F. */
struct tm_error *tm_file_commit(struct tm_file *f);
void tm_file_abort(struct tm_file *f); /* NULL is fine; leaves PATH as it was */

/* PATH looks like a snapshot of ours, by its first bytes. */
bool tm_snapshot_is_file(const void *head, size_t len);
struct tm_error *tm_snapshot_save(struct tm_snapshot *s, const char *path, bool force, const struct tm_poll *poll);
/*
 * Opened by mapping it, whatever its size: header, section table and lengths are checked now, the contents of a section when
 * it is first used. CORRUPT, UNSUPPORTED (a newer version), OS.
 */
struct tm_error *tm_snapshot_open(const char *path, struct tm_snapshot **ret);
#endif
