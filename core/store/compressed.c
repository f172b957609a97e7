/*
 * Compressed files: gzip, xz and zstd, decompressed into a file without a name, which everybody can then map. Knows nothing of
 * what is in them.
 */
#include "tm/store.h"
#include "tm/cleanup.h"
#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#define ZLIB_CONST
#include <xxhash.h>
#include <zlib.h>
#include <zstd.h>

enum {
	IN = 1 << 16,
	OUT = 1 << 18,
	BLOCK = 1 << 12, /* zeros by this many become a hole: cores have many of them */
	WINDOW_BITS = 29, /* zstd's memory: what a file may ask for */
	POLL = 1 << 20,
	CHECK = 32 << 20, /* bytes between two looks at the disk */
};
static const uint64_t most_memory = 512ull << 20; /* xz's */

struct stream {
	const char *path;
	const struct tm_poll *poll;
	const uint8_t *in, *in_end;
	uint8_t *out; /* OUT bytes */
	size_t nout;
	bool at_end;  /* of the file: nothing follows IN */
	bool between; /* one frame or member has ended, and the next has not begun */
	int fd;
	uint64_t read, size, written, checked, polled;
};

/* A kind of compression. STEP turns some of s->in into s->out; what is wrong comes back as words, NULL: nothing. */
struct codec {
	const char *name;
	unsigned char magic[6];
	size_t nmagic;
	void *(*open)(void);
	const char *(*step)(void *state, struct stream *s);
	void (*close)(void *state);
};

/* ---- gzip ---- */

static void *gzip_open(void)
{
	z_stream *z = calloc(1, sizeof *z);
	if (z && inflateInit2(z, 15 + 16) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static const char *gzip_step(void *state, struct stream *s)
{
	z_stream *z = state;
	while (s->between && s->in < s->in_end && !*s->in) /* filled up with zeros, as tapes are */
		s->in++;
	if (s->between && s->in == s->in_end)
		return NULL;
	z->next_in = s->in;
	z->avail_in = (uInt)(s->in_end - s->in);
	z->next_out = s->out;
	z->avail_out = OUT;
	int e = inflate(z, Z_NO_FLUSH);
	s->between = e == Z_STREAM_END;
	s->in = z->next_in;
	s->nout = OUT - z->avail_out;
	if (e == Z_STREAM_END)
		e = inflateReset(z);
	return e == Z_OK || e == Z_BUF_ERROR ? NULL : e == Z_MEM_ERROR ? "it needs too much memory" : z->msg ? z->msg : "its data is damaged";
}

static void gzip_close(void *state)
{
	inflateEnd(state);
	free(state);
}

/* ---- xz ---- */

static void *xz_open(void)
{
	static const lzma_stream fresh = LZMA_STREAM_INIT;
	lzma_stream *x = malloc(sizeof *x);
	if (!x)
		return NULL;
	*x = fresh;
	if (lzma_stream_decoder(x, most_memory, LZMA_CONCATENATED) != LZMA_OK) {
		free(x);
		return NULL;
	}
	return x;
}

static const char *xz_step(void *state, struct stream *s)
{
	lzma_stream *x = state;
	x->next_in = s->in;
	x->avail_in = (size_t)(s->in_end - s->in);
	x->next_out = s->out;
	x->avail_out = OUT;
	lzma_ret e = lzma_code(x, s->at_end ? LZMA_FINISH : LZMA_RUN);
	s->between = e == LZMA_STREAM_END;
	s->in = x->next_in;
	s->nout = OUT - x->avail_out;
	switch (e) {
	case LZMA_OK:
	case LZMA_STREAM_END:
	case LZMA_BUF_ERROR:
		return NULL;
	case LZMA_MEM_ERROR:
	case LZMA_MEMLIMIT_ERROR:
		return "it needs too much memory";
	case LZMA_OPTIONS_ERROR:
		return "it uses options that are not known here";
	default:
		return "its data is damaged";
	}
}

static void xz_close(void *state)
{
	lzma_end(state);
	free(state);
}

/* ---- zstd ---- */

static void *zstd_open(void)
{
	ZSTD_DCtx *z = ZSTD_createDCtx();
	if (z)
		ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_BITS);
	return z;
}

static const char *zstd_step(void *state, struct stream *s)
{
	ZSTD_inBuffer in = { s->in, (size_t)(s->in_end - s->in), 0 };
	ZSTD_outBuffer out = { s->out, OUT, 0 };
	if (s->between && s->in == s->in_end)
		return NULL;
	size_t e = ZSTD_decompressStream(state, &out, &in);
	s->between = e == 0;
	s->in += in.pos;
	s->nout = out.pos;
	return ZSTD_isError(e) ? ZSTD_getErrorName(e) : NULL;
}

static void zstd_close(void *state)
{
	ZSTD_freeDCtx(state);
}

static const struct codec codecs[] = {
	{ "gzip", { 0x1f, 0x8b, 8 }, 3, gzip_open, gzip_step, gzip_close },
	{ "xz", { 0xfd, '7', 'z', 'X', 'Z', 0 }, 6, xz_open, xz_step, xz_close },
	{ "zstd", { 0x28, 0xb5, 0x2f, 0xfd }, 4, zstd_open, zstd_step, zstd_close },
	{ "zstd", { 0x50, 0x2a, 0x4d, 0x18 }, 4, zstd_open, zstd_step, zstd_close }, /* pzstd's: something to skip comes first */
};

static const struct codec *codec_of(const void *head, size_t len)
{
	for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++)
		if (len >= codecs[i].nmagic && !memcmp(head, codecs[i].magic, codecs[i].nmagic))
			return &codecs[i];
	return NULL;
}

bool tm_compressed_is(const void *head, size_t len)
{
	return codec_of(head, len);
}

/* ---- from file to file ---- */

static struct tm_error *damaged(const struct stream *s, const struct codec *c, const char *why)
{
	return tm_error_new(TM_ERR_CORRUPT, "%s: damaged %s file: %s", s->path, c->name, why);
}

static const char *folder(void)
{
	const char *dir = getenv("TMPDIR");
	return dir && *dir ? dir : "/var/tmp"; /* not /tmp: that may be memory */
}

static struct tm_error *create(int *ret)
{
	char *name;
	int fd = open(folder(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0) { /* a file system without that, or nothing of the kind: the second try tells */
		if (asprintf(&name, "%s/tm-XXXXXX", folder()) < 0)
			return tm_error_nomem();
		fd = mkostemp(name, O_CLOEXEC);
		int e = errno;
		if (fd >= 0)
			unlink(name);
		free(name);
		if (fd < 0)
			return tm_error_os(e, "no temporary file in %s", folder());
	}
	*ret = fd;
	return NULL;
}

/* A twentieth of the disk, but not more than 256 MiB, stays free for the others. */
static struct tm_error *check_disk(const struct stream *s)
{
	struct statvfs v;
	if (fstatvfs(s->fd, &v))
		return NULL;
	uint64_t total = (uint64_t)v.f_blocks * v.f_frsize, left = (uint64_t)v.f_bavail * v.f_frsize;
	uint64_t keep = total / 20 < 256u << 20 ? total / 20 : 256u << 20;
	if (left >= keep)
		return NULL;
	return tm_error_new(TM_ERR_OS, "decompressing %s: the disk of %s is nearly full; set TMPDIR to a folder on a larger one", s->path, folder());
}

static bool all_zero(const uint8_t *p, size_t n)
{
	return !*p && !memcmp(p, p + 1, n - 1);
}

static struct tm_error *write_at(struct stream *s, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t k = pwrite(s->fd, p, n, (off_t)s->written);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return tm_error_os(errno, "decompressing %s into %s", s->path, folder());
		p += k;
		n -= (size_t)k;
		s->written += (uint64_t)k;
		s->checked += (uint64_t)k;
	}
	return NULL;
}

/* What STEP made; runs of zeros are left out. */
static struct tm_error *write_out(struct stream *s)
{
	struct tm_error *err = NULL;
	if (s->written > INT64_MAX - OUT)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: too much for a file", s->path);
	for (size_t at = 0, n; !err && at < s->nout; at += n) {
		n = BLOCK - s->written % BLOCK; /* to the end of the output's block */
		n = n < s->nout - at ? n : s->nout - at;
		if (n == BLOCK && all_zero(s->out + at, n)) {
			s->written += n;
			continue;
		}
		while (at + n < s->nout && !(s->nout - at - n >= BLOCK && all_zero(s->out + at + n, BLOCK)))
			n += s->nout - at - n < BLOCK ? s->nout - at - n : BLOCK;
		err = write_at(s, s->out + at, n);
	}
	if (!err && s->checked >= CHECK) {
		s->checked = 0;
		err = check_disk(s);
	}
	return err;
}

static struct tm_error *refill(struct stream *s, int fd, uint8_t *buffer)
{
	ssize_t n;
	do
		n = read(fd, buffer, IN);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return tm_error_os(errno, "%s", s->path);
	s->in = buffer;
	s->in_end = buffer + n;
	s->read += (uint64_t)n;
	s->at_end = !n;
	return NULL;
}

static struct tm_error *decompress(struct stream *s, const struct codec *c, void *state, int fd, uint8_t *buffer)
{
	struct tm_error *err = check_disk(s);
	while (!err) {
		if (s->in == s->in_end && !s->at_end)
			err = refill(s, fd, buffer);
		if (err)
			return err;
		const uint8_t *before = s->in;
		s->nout = 0;
		const char *why = c->step(state, s);
		if (why)
			return damaged(s, c, why);
		err = write_out(s);
		bool idle = s->at_end && !s->nout && s->in == before;
		if (!err && idle)
			return s->between ? NULL : damaged(s, c, "it is truncated");
		s->polled += s->nout + (size_t)(s->in - before);
		if (!err && s->polled >= POLL) {
			s->polled = 0;
			err = tm_poll(s->poll, "decompressing", s->read, s->size);
		}
	}
	return err;
}

struct tm_error *tm_compressed_open(const char *path, const struct tm_poll *poll, int *ret)
{
	struct stat st;
	struct stream s = { .path = path, .poll = poll, .fd = -1 };
	tm_autofree uint8_t *buffers = malloc(IN + OUT);
	if (!buffers)
		return tm_error_nomem();
	tm_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st))
		return tm_error_os(errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: not a file", path);
	s.size = (uint64_t)st.st_size;
	s.out = buffers + IN;
	struct tm_error *err = refill(&s, fd, buffers);
	if (err)
		return err;
	const struct codec *c = codec_of(s.in, (size_t)(s.in_end - s.in));
	if (!c)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: neither gzip nor xz nor zstd", path);
	err = create(&s.fd);
	void *state = err ? NULL : c->open();
	if (!err && !state)
		err = tm_error_nomem();
	if (!err)
		err = decompress(&s, c, state, fd, buffers);
	if (state)
		c->close(state);
	if (!err && ftruncate(s.fd, (off_t)s.written)) /* it may end with a hole */
		err = tm_error_os(errno, "decompressing %s into %s", path, folder());
	if (err) {
		if (s.fd >= 0)
			close(s.fd);
		return err;
	}
	*ret = s.fd;
	return NULL;
}

void tm_store_versions(struct tm_text *t)
{
	tm_text_printf(t, "zlib %s, liblzma %s, zstd %s, xxHash %d.%d.%d", zlibVersion(), lzma_version_string(), ZSTD_versionString(),
		XXH_VERSION_MAJOR, XXH_VERSION_MINOR, XXH_VERSION_RELEASE);
}
