/* Files that appear whole or not at all. */
#include "tm/store.h"
#include "tm/text.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct tm_file {
	char *path;
	char *temporary; /* NULL: PATH is written to directly */
	bool force;
	int fd;
};

static struct tm_error *exists(const char *path)
{
	return tm_error_new(TM_ERR_USAGE, "%s exists already; --force overwrites it", path);
}

static struct tm_error *open_temporary(struct tm_file *f)
{
	struct tm_text name = { 0 };
	for (unsigned i = 0; i < 100; i++) {
		tm_text_clear(&name);
		tm_text_printf(&name, "%s.%d-%u.part", f->path, (int)getpid(), i);
		if (name.failed)
			break;
		f->fd = open(name.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (f->fd >= 0) {
			f->temporary = name.s;
			return NULL;
		}
		if (errno != EEXIST)
			break;
	}
	int e = errno;
	bool nomem = name.failed;
	tm_text_free(&name);
	return nomem ? tm_error_nomem() : tm_error_os(e, "%s", f->path);
}

/* Who overwrites a file leaves its owner and mode, as far as he may. */
static void take_over(struct tm_file *f, const struct stat *st)
{
	if (fchown(f->fd, st->st_uid, st->st_gid) == 0)
		fchmod(f->fd, st->st_mode & 07777);
	else
		fchmod(f->fd, st->st_mode & 0777);
}

/* A link stays a link: what it leads to is replaced. */
static char *named_by(const char *path)
{
	struct stat st;
	char *real = !lstat(path, &st) && S_ISLNK(st.st_mode) ? realpath(path, NULL) : NULL;
	return real ? real : strdup(path);
}

struct tm_error *tm_file_create(const char *path, bool force, struct tm_file **ret)
{
	struct stat st;
	bool there = !stat(path, &st);
	bool special = there && !S_ISREG(st.st_mode);
	if (there && S_ISDIR(st.st_mode))
		return tm_error_os(EISDIR, "%s", path);
	if (there && !special && !force)
		return exists(path);
	struct tm_file *f = calloc(1, sizeof *f);
	if (!f || !(f->path = named_by(path))) {
		free(f);
		return tm_error_nomem();
	}
	f->fd = -1;
	f->force = force;
	struct tm_error *err = NULL;
	if (special) {
		f->fd = open(path, O_WRONLY | O_CLOEXEC);
		if (f->fd < 0)
			err = tm_error_os(errno, "%s", path);
	} else {
		err = open_temporary(f);
		if (!err && there)
			take_over(f, &st);
	}
	if (err) {
		tm_file_abort(f);
		return err;
	}
	*ret = f;
	return NULL;
}

struct tm_error *tm_file_write(struct tm_file *f, const void *p, size_t len)
{
	const char *s = p;
	while (len) {
		ssize_t n = write(f->fd, s, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return tm_error_os(errno, "writing %s", f->path);
		s += n;
		len -= (size_t)n;
	}
	return NULL;
}

/* Without force, nothing that came to be in the meantime is overwritten either. */
static struct tm_error *put_in_place(struct tm_file *f)
{
	if (f->force)
		return rename(f->temporary, f->path) ? tm_error_os(errno, "%s", f->path) : NULL;
	if (!renameat2(AT_FDCWD, f->temporary, AT_FDCWD, f->path, RENAME_NOREPLACE))
		return NULL;
	if (errno == EEXIST)
		return exists(f->path);
	if (errno != EINVAL && errno != ENOSYS)
		return tm_error_os(errno, "%s", f->path);
	/* A file system without that: a hard link does not overwrite either. */
	if (link(f->temporary, f->path))
		return errno == EEXIST ? exists(f->path) : tm_error_os(errno, "%s", f->path);
	unlink(f->temporary);
	return NULL;
}

struct tm_error *tm_file_commit(struct tm_file *f)
{
	struct tm_error *err = NULL;
	int fd = f->fd;
	f->fd = -1;
	if (close(fd))
		err = tm_error_os(errno, "writing %s", f->path);
	if (!err && f->temporary)
		err = put_in_place(f);
	if (!err) {
		free(f->temporary);
		f->temporary = NULL;
	}
	tm_file_abort(f);
	return err;
}

void tm_file_abort(struct tm_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	if (f->temporary)
		unlink(f->temporary);
	free(f->temporary);
	free(f->path);
	free(f);
}
