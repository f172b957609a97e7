/* SOURCE: a core, a process, a snapshot file. Files are told apart by their content, never by their name. */
#include "args.h"
#include "tm/cleanup.h"
#include "tm/number.h"
#include "tm/store.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *tm_plural(uint64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

static struct tm_error *require(const char *option, const char *path, bool folder)
{
	struct stat st;
	if (!path)
		return NULL;
	int error = stat(path, &st) ? errno : folder && !S_ISDIR(st.st_mode) ? ENOTDIR : !folder && S_ISDIR(st.st_mode) ? EISDIR : 0;
	return error ? tm_error_os(error, "%s %s", option, path) : NULL;
}

static const char *given(const char *path)
{
	return path && *path ? path : NULL;
}

static struct tm_search search_of(const struct tm_args *args)
{
	return (struct tm_search) { .exe = given(args->exe), .sysroot = given(args->sysroot), .debug_dirs = args->debug_dirs };
}

/* A mistyped path would be no different from a file that does not help. */
static struct tm_error *check_search(const struct tm_search *search)
{
	struct tm_error *err = require("--exe", search->exe, false);
	if (!err)
		err = require("--sysroot", search->sysroot, true);
	for (const char *const *d = search->debug_dirs; !err && d && *d; d++)
		err = require("--debug-dir", given(*d), true);
	return err;
}

static struct tm_error *open_compressed(const char *path, const struct tm_search *search, const struct tm_poll *poll,
	struct tm_snapshot **snapshot, struct tm_target **target);

/* FD is of the file at PATH; TWICE: it was compressed already. */
static struct tm_error *open_by_content(const char *path, int fd, bool twice, const struct tm_search *search, const struct tm_poll *poll,
	struct tm_snapshot **snapshot, struct tm_target **target)
{
	unsigned char head[16] = { 0 };
	ssize_t n = pread(fd, head, sizeof head, 0);
	if (n < 0)
		return tm_error_os(errno, "%s", path);
	if (!n)
		return tm_error_new(TM_ERR_CORRUPT, "%s is empty", path);
	if (tm_snapshot_is_file(head, (size_t)n))
		return tm_snapshot_open(path, snapshot);
	if (memcmp(head, ELFMAG, SELFMAG) == 0) {
		struct tm_error *err = check_search(search);
		return err ? err : tm_target_open_core(path, search, *poll, target);
	}
	if (tm_pickle_is(head, (size_t)n))
		return tm_snapshot_load_pickle(path, poll, snapshot);
	if (tm_compressed_is(head, (size_t)n) && !twice)
		return open_compressed(path, search, poll, snapshot, target);
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s is neither an ELF core file nor a snapshot file of tm or tracemalloc", path);
}

/* INSIDE within *TEXT becomes PATH. */
static bool rename_text(char **text, const char *inside, const char *path)
{
	const char *at = *text ? strstr(*text, inside) : NULL;
	struct tm_text t = { 0 };
	if (!at)
		return true;
	tm_text_printf(&t, "%.*s%s%s", (int)(at - *text), *text, path, at + strlen(inside));
	if (t.failed) {
		tm_text_free(&t);
		return false;
	}
	free(*text);
	*text = t.s;
	return true;
}

/* What is inside is read from a file without a name, but goes by the name of PATH. */
static struct tm_error *open_compressed(const char *path, const struct tm_search *search, const struct tm_poll *poll,
	struct tm_snapshot **snapshot, struct tm_target **target)
{
	char inside[32];
	tm_autoclose int fd = -1;
	struct tm_error *err = tm_compressed_open(path, poll, &fd);
	if (err)
		return err;
	snprintf(inside, sizeof inside, "/proc/self/fd/%d", fd);
	err = open_by_content(inside, fd, true, search, poll, snapshot, target);
	if (err) {
		struct tm_text name = { 0 };
		tm_text_printf(&name, "%s (decompressed)", path);
		err = tm_error_rename(err, inside, name.failed ? path : tm_text_str(&name));
		tm_text_free(&name);
		return err;
	}
	return rename_text(*target ? &(*target)->name : &(*snapshot)->about.target, inside, path) ? NULL : tm_error_nomem();
}

struct tm_error *tm_open_file(const char *path, const struct tm_search *search, const struct tm_poll *poll, struct tm_snapshot **snapshot,
	struct tm_target **target)
{
	struct stat st;
	tm_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return tm_error_os(errno, "%s", path);
	if (!fstat(fd, &st) && !S_ISREG(st.st_mode))
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s is %s, not a core or snapshot file", path,
			S_ISDIR(st.st_mode) ? "a folder" : "no regular file");
	return open_by_content(path, fd, false, search, poll, snapshot, target);
}

static struct tm_error *open_file(struct tm_session *s, const struct tm_args *args, const char *path, struct tm_snapshot **snapshot,
	struct tm_target **target)
{
	struct tm_search search = search_of(args);
	return tm_open_file(path, &search, &s->front.poll, snapshot, target);
}

static bool all_digits(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s);
}

static struct tm_error *open_pid(struct tm_session *s, const struct tm_args *args, uint64_t pid, struct tm_target **target)
{
	struct tm_search search = search_of(args);
	struct tm_error *err = check_search(&search);
	if (!err && (!pid || pid > INT32_MAX))
		err = tm_error_new(TM_ERR_NOTFOUND, "no process %llu", (unsigned long long)pid);
	return err ? err : tm_target_open_process((int)pid, &search, s->front.poll, target);
}

/* A snapshot that is gone is not taken for a process of its number. */
static struct tm_error *open_number(struct tm_session *s, const struct tm_args *args, uint64_t number, struct tm_target **target)
{
	if (s->front.lasting && number && number <= s->last_number)
		return tm_error_new(TM_ERR_NOTFOUND, "snapshot %llu is gone; --pid %llu means the process of that number", (unsigned long long)number,
			(unsigned long long)number);
	return open_pid(s, args, number, target);
}

static struct tm_error *open_named(struct tm_session *s, const struct tm_args *args, const char *source, struct tm_snapshot **snapshot,
	struct tm_target **target)
{
	struct stat st;
	uint64_t pid;
	if (!*source)
		return tm_error_new(TM_ERR_NOTFOUND, "SOURCE is empty: no such file");
	const struct tm_held *held = tm_session_held(s, source);
	if (held) {
		*snapshot = tm_snapshot_ref(held->snapshot);
		return NULL;
	}
	if (!stat(source, &st) || strchr(source, '/'))
		return open_file(s, args, source, snapshot, target);
	if (all_digits(source))
		return tm_parse_u64(source, &pid) ? open_number(s, args, pid, target) : tm_error_new(TM_ERR_NOTFOUND, "no process %s", source);
	return tm_error_new(TM_ERR_NOTFOUND, "%s: no such file%s, and not a process ID", source, s->front.lasting ? " or snapshot of this session" : "");
}

static struct tm_error *no_source(const struct tm_command *c)
{
	return c->groups & TM_GROUP_IN ? tm_error_new(TM_ERR_USAGE, "in which core, process or snapshot file? say it with --in SOURCE")
				       : tm_error_new(TM_ERR_USAGE, "which core, process or snapshot file? usage: tm %s %s", c->name, c->operands);
}

struct tm_error *tm_source_open(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret, struct tm_target **ret_target)
{
	struct tm_snapshot *snapshot = NULL;
	struct tm_target *target = NULL;
	struct tm_error *err;
	int given = (source != NULL) + (args->core != NULL) + args->has_pid;
	if (given > 1)
		return tm_error_new(TM_ERR_USAGE, "one SOURCE, please: a name, --core or --pid");
	if (args->core)
		err = open_file(s, args, args->core, &snapshot, &target);
	else if (args->has_pid)
		err = open_pid(s, args, args->pid, &target);
	else if (source)
		err = open_named(s, args, source, &snapshot, &target);
	else if (s->front.target) {
		struct tm_search search = search_of(args);
		err = check_search(&search);
		if (!err)
			err = s->front.target(s->front.ctx, &search, (enum tm_road)args->road, &target);
	} else
		err = no_source(args->command);
	if (!err && target) {
		struct tm_capture_options o = { .traces = traces, .no_stop = args->no_stop, .verify = args->verify };
		err = tm_capture(target, &o, &snapshot);
	}
	if (!err)
		err = tm_args_filter(s, args, traces, &snapshot);
	if (err || !ret_target) {
		tm_target_close(target);
		target = NULL;
	}
	if (err) {
		tm_snapshot_unref(snapshot);
		return err;
	}
	*ret = snapshot;
	if (ret_target)
		*ret_target = target;
	return NULL;
}

struct tm_error *tm_source_snapshot(struct tm_session *s, const struct tm_args *args, const char *source, bool traces,
	struct tm_snapshot **ret)
{
	struct tm_error *err = tm_source_open(s, args, source, traces, ret, NULL);
	if (err)
		return err;
	err = tm_source_tracing(*ret);
	if (err) {
		tm_snapshot_unref(*ret);
		*ret = NULL;
	}
	return err;
}

struct tm_error *tm_source_tracing(const struct tm_snapshot *s)
{
	if (s->about.tracing)
		return NULL;
	return tm_error_new(TM_ERR_NOTTRACING,
		"%s (Python %s): tracemalloc is not tracing; %sstart the program with PYTHONTRACEMALLOC=1 or python -X tracemalloc",
		s->about.target, s->about.python ? s->about.python : "?", s->about.is_live ? "switch it on (tm start), or " : "");
}

struct tm_error *tm_source_strict(const struct tm_args *args, const struct tm_snapshot *s)
{
	if (!args->strict || s->about.complete)
		return NULL;
	for (size_t i = 0; i < s->nnotes; i++)
		if (s->notes[i].gap)
			return tm_error_new(TM_ERR_INCOMPLETE, "the result is incomplete: %s", s->notes[i].text);
	return tm_error_new(TM_ERR_INCOMPLETE, "the result is incomplete");
}

void tm_text_origin(struct tm_text *t, const struct tm_snapshot *s)
{
	if (s->about.python)
		tm_text_printf(t, "Python %s, ", s->about.python);
	tm_text_puts(t, s->about.target ? s->about.target : "snapshot");
}
