/* A file's bytes: read when there are few, else mapped. */
#include "mapped.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ALIGN = 64, SMALL = 4 << 20 };

static struct tm_error *shorter(const char *path)
{
	return tm_error_new(TM_ERR_CORRUPT, "%s: it became shorter while it was read", path);
}

static struct tm_error *read_all(struct tm_mapped *m, const char *path)
{
	m->is_read = true;
	m->bytes = aligned_alloc(ALIGN, m->size / ALIGN * ALIGN + ALIGN);
	if (!m->bytes)
		return tm_error_nomem();
	for (size_t done = 0; done < m->size;) {
		ssize_t n = pread(m->fd, m->bytes + done, m->size - done, (off_t)done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? tm_error_os(errno, "%s", path) : shorter(path);
		done += (size_t)n;
	}
	return NULL;
}

static struct tm_error *load(struct tm_mapped *m, const char *path)
{
	struct stat st;
	if (m->fd < 0 || fstat(m->fd, &st))
		return tm_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a file", path);
	m->size = (size_t)st.st_size;
	m->time = st.st_mtime > 0 ? (uint64_t)st.st_mtime : 0;
	if (m->size <= SMALL)
		return read_all(m, path);
	void *p = mmap(NULL, m->size, PROT_READ, MAP_PRIVATE, m->fd, 0);
	if (p == MAP_FAILED)
		return tm_error_os(errno, "%s", path);
	m->bytes = p;
	return NULL;
}

struct tm_error *tm_mapped_open(const char *path, struct tm_mapped *ret)
{
	struct tm_mapped m = { .fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) };
	struct tm_error *err = load(&m, path);
	if (err)
		tm_mapped_close(&m);
	else
		*ret = m;
	return err;
}

struct tm_error *tm_mapped_check(const struct tm_mapped *m, const char *path)
{
	struct stat st;
	return !m->is_read && (fstat(m->fd, &st) || (uint64_t)st.st_size < m->size) ? shorter(path) : NULL;
}

void tm_mapped_close(struct tm_mapped *m)
{
	if (m->is_read)
		free(m->bytes);
	else if (m->bytes)
		munmap(m->bytes, m->size);
	if (m->fd >= 0)
		close(m->fd);
	*m = (struct tm_mapped) { .fd = -1 };
}
