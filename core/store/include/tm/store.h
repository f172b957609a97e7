/*
 * Snapshot files: tm's own format, described in docs/format.md, and tracemalloc's pickles. Loading executes nothing and
 * believes no length.
 */
#ifndef TM_STORE_H
#define TM_STORE_H
#include "tm/poll.h"
#include "tm/snapshot.h"

/* A file that appears whole or not at all: written beside PATH under another name and renamed. */
struct tm_file;
/* An existing PATH is an error without FORCE, and keeps its mode with it; a device or pipe is written to directly. */
struct tm_error *tm_file_create(const char *path, bool force, struct tm_file **ret);
struct tm_error *tm_file_write(struct tm_file *f, const void *p, size_t len);
/* Both free F. */
struct tm_error *tm_file_commit(struct tm_file *f);
void tm_file_abort(struct tm_file *f); /* NULL is fine; leaves PATH as it was */

/* "zlib 1.2.13, ...": the libraries that files are read and written with. */
void tm_store_versions(struct tm_text *t);

/* PATH looks like a snapshot of ours, by its first bytes. */
bool tm_snapshot_is_file(const void *head, size_t len);
struct tm_error *tm_snapshot_save(struct tm_snapshot *s, const char *path, bool force, const struct tm_poll *poll);
/*
 * Opened by mapping it, whatever its size: header, section table and lengths are checked now, the contents of a section when
 * it is first used. CORRUPT, UNSUPPORTED (a newer version), OS.
 */
struct tm_error *tm_snapshot_open(const char *path, struct tm_snapshot **ret);

/* ---- pickles: what Snapshot.dump() writes and Snapshot.load() reads (CPython Lib/tracemalloc.py) ---- */

/*
 * Fields of a block: (domain, size, traceback) up to CPython 3.8, from 3.9 on also how deep the stack was. Each side loads the
 * other's file, too, but can do nothing with it.
 */
enum tm_pickle_shape { TM_PICKLE_AUTO, TM_PICKLE_3, TM_PICKLE_4 }; /* AUTO: as the snapshot's own Python; 4 when not known */
/*
 * Blocks in the snapshot's order, without their addresses. A depth that is not known (CPython <= 3.8) is written as the number
 * of frames that there are. Bytes of names that are not UTF-8 become lone surrogates, as in os.fsdecode(). UNSUPPORTED when
 * the snapshot holds no single blocks; USAGE, OS as tm_file_create.
 */
struct tm_error *tm_snapshot_dump(struct tm_snapshot *s, const char *path, bool force, enum tm_pickle_shape shape,
	const struct tm_poll *poll);

/* PATH looks like a pickle, by its first bytes. */
bool tm_pickle_is(const void *head, size_t len);
/*
 * What Snapshot.dump() of CPython 3.6 to 3.15 wrote, read by a machine that knows just the opcodes and the two classes that
 * such a file holds. Executes nothing; memory in proportion to the file, at most. The snapshot has no addresses, its tracebacks
 * are told apart by content, of its Python it knows only what the blocks' shape says, and its traces are not there before they
 * are required. CORRUPT, UNSUPPORTED (a pickle of something else), INTERRUPTED, OS.
 */
struct tm_error *tm_snapshot_load_pickle(const char *path, const struct tm_poll *poll, struct tm_snapshot **ret);
/* The same for bytes in memory; NAME is for messages and about.target. */
struct tm_error *tm_snapshot_parse_pickle(const void *bytes, size_t len, const char *name, const struct tm_poll *poll,
	struct tm_snapshot **ret);

/* ---- compressed files ---- */

/* A gzip, xz or zstd file, by its first bytes. */
bool tm_compressed_is(const void *head, size_t len);
/*
 * Decompresses PATH into a file in $TMPDIR or /var/tmp that has no name and goes away with *RET, the caller's to close;
 * /proc/self/fd/N is a path to it. Members, streams and frames that follow each other are one file, as for gzip, xz and zstd.
 * CORRUPT (damaged, truncated), UNSUPPORTED (nothing of the kind), INTERRUPTED, OS: also when the disk is nearly full.
 */
struct tm_error *tm_compressed_open(const char *path, const struct tm_poll *poll, int *ret);
#endif
