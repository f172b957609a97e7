/*
 * What tests/store and tests/bench need of the room store:
 *
 *   store_check traces FILE                          domain size depth frame ..., in the file's order
 *   store_check statistics FILE KEY [cumulative]     size count frame ..., in tracemalloc's order
 *   store_check about FILE
 *   store_check dump FILE PICKLE auto|3|4
 *   store_check save FILE SNAPSHOT
 *   store_check time FILE ROUNDS PICKLE              JSON: seconds to load, group and dump it, bytes while it is loaded
 *
 * FILE: a snapshot file or a pickle, compressed or not. A frame: the filename's UTF-8 in hexadecimal, colon, line; the newest
 * first. Errors go to stderr, status 1.
 */
#include "tm/query.h"
#include "tm/store.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static struct tm_error *open_any(const char *path, struct tm_snapshot **ret)
{
	unsigned char head[16] = { 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, head, sizeof head);
	if (fd >= 0)
		close(fd);
	if (!tm_compressed_is(head, n > 0 ? (size_t)n : 0))
		return tm_snapshot_is_file(head, n > 0 ? (size_t)n : 0) ? tm_snapshot_open(path, ret) : tm_snapshot_load_pickle(path, NULL, ret);
	char inner[64];
	struct tm_error *err = tm_compressed_open(path, NULL, &fd);
	if (err)
		return err;
	snprintf(inner, sizeof inner, "/proc/self/fd/%d", fd);
	err = open_any(inner, ret);
	close(fd);
	return err;
}

static void print_frames(const struct tm_snapshot *s, const struct tm_frame *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t len;
		const char *name = tm_snapshot_name(s, f[i].filename, &len);
		putchar(' ');
		for (size_t k = 0; k < len; k++)
			printf("%02x", (unsigned char)name[k]);
		printf(":%" PRIu32, f[i].lineno);
	}
	putchar('\n');
}

static struct tm_error *print_traces(struct tm_snapshot *s)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	for (uint64_t i = 0; !err && i < s->ntraces; i++) {
		const struct tm_trace *t = &s->traces[i];
		const struct tm_traceback *tb = &s->tracebacks[t->traceback];
		printf("%" PRIu32 " %" PRIu64 " %" PRIu32, t->domain, t->size, tb->total_nframe);
		print_frames(s, s->frames + tb->first, tb->nframe);
	}
	return err;
}

static void print_number(tm_u128 v)
{
	struct tm_text t = { 0 };
	tm_text_u128(&t, v);
	fputs(tm_text_str(&t), stdout);
	tm_text_free(&t);
}

static struct tm_error *print_statistics(struct tm_snapshot *s, const char *key, bool cumulative)
{
	struct tm_statistics *st;
	enum tm_key by = !strcmp(key, "lineno") ? TM_BY_LINENO : !strcmp(key, "filename") ? TM_BY_FILENAME : TM_BY_TRACEBACK;
	struct tm_error *err = tm_statistics_make(s, by, cumulative, NULL, &st);
	if (err)
		return err;
	for (uint64_t i = 0; i < st->nrows; i++) {
		print_number(st->rows[i].size);
		printf(" %" PRIu64, st->rows[i].count);
		print_frames(s, st->rows[i].frames, st->rows[i].nframe);
	}
	tm_statistics_free(st);
	return NULL;
}

static void print_about(const struct tm_snapshot *s)
{
	const struct tm_about *a = &s->about;
	printf("target=%s\npython=%s\nminor=%#x\ntracing=%d\nlimit=%" PRIu32 "\ncomplete=%d\naddresses=%d\ndepths=%d\ntruncated=%" PRIu64
	       "\ntime=%" PRIu64 "\ntraces=%" PRIu64 "\ntallies=%" PRIu64 "\ntracebacks=%" PRIu64 "\nnames=%" PRIu64 "\n",
		a->target, a->python ? a->python : "?", a->python_minor, a->tracing, a->limit, a->complete, a->has_addresses,
		a->has_total_nframe, a->truncated, a->time, s->ntraces, s->ntallies, s->ntracebacks, s->nnames);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Bytes of our own, without mapped files. */
static uint64_t own_memory(void)
{
	char line[128];
	uint64_t n = 0, kib;
	FILE *f = fopen("/proc/self/status", "re");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "RssAnon: %" SCNu64, &kib) == 1)
			n = kib * 1024;
	if (f)
		fclose(f);
	return n;
}

struct peak {
	uint64_t most;
};

static bool watch(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	struct peak *p = ctx;
	uint64_t n = own_memory();
	p->most = n > p->most ? n : p->most;
	return false;
}

static double least(double a, double b)
{
	return a < b ? a : b;
}

struct seconds {
	double load, statistics, dump;
};

static struct tm_error *time_one(const char *path, const char *output, struct seconds *best)
{
	struct tm_snapshot *s;
	struct tm_statistics *st;
	double t0 = now();
	struct tm_error *err = open_any(path, &s);
	if (err)
		return err;
	double t1 = now();
	err = tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st);
	double t2 = now();
	if (!err) {
		tm_statistics_free(st);
		err = tm_snapshot_dump(s, output, true, TM_PICKLE_AUTO, NULL);
	}
	double t3 = now();
	tm_snapshot_unref(s);
	*best = (struct seconds) { least(best->load, t1 - t0), least(best->statistics, t2 - t1), least(best->dump, t3 - t2) };
	return err;
}

/* The best of ROUNDS; how much memory a pickle needs is seen while it is loaded once more. */
static struct tm_error *time_it(const char *path, int rounds, const char *output)
{
	struct peak p = { 0 };
	const struct tm_poll poll = { watch, &p };
	struct seconds best = { 1e9, 1e9, 1e9 };
	struct tm_snapshot *s = NULL;
	uint64_t before = own_memory(), traces = 0;
	struct tm_error *err = tm_snapshot_load_pickle(path, &poll, &s);
	if (!err) {
		watch(&p, "", 0, 0);
		traces = s->ntraces;
	}
	tm_snapshot_unref(s);
	tm_error_free(err); /* not a pickle */
	err = NULL;
	for (int i = 0; !err && i < rounds; i++)
		err = time_one(path, output, &best);
	if (!err)
		printf("{\"load\": %.6f, \"statistics\": %.6f, \"dump\": %.6f, \"traces\": %" PRIu64 ", \"peak\": %" PRIu64 "}\n", best.load,
			best.statistics, best.dump, traces, p.most > before ? p.most - before : 0);
	return err;
}

static enum tm_pickle_shape shape_of(const char *word)
{
	return word[0] == '3' ? TM_PICKLE_3 : word[0] == '4' ? TM_PICKLE_4 : TM_PICKLE_AUTO;
}

static struct tm_error *work(int argc, char **argv, struct tm_snapshot *s)
{
	const char *word = argv[1];
	if (!strcmp(word, "traces"))
		return print_traces(s);
	if (!strcmp(word, "about"))
		return print_about(s), NULL;
	if (!strcmp(word, "statistics") && argc > 3)
		return print_statistics(s, argv[3], argc > 4);
	if (!strcmp(word, "dump") && argc > 4)
		return tm_snapshot_dump(s, argv[3], true, shape_of(argv[4]), NULL);
	if (!strcmp(word, "save") && argc > 3)
		return tm_snapshot_save(s, argv[3], true, NULL);
	return tm_error_new(TM_ERR_USAGE, "see the top of store_check.c");
}

int main(int argc, char **argv)
{
	struct tm_snapshot *s = NULL;
	struct tm_error *err;
	if (argc < 3)
		return 2;
	if (!strcmp(argv[1], "time") && argc > 4) {
		err = time_it(argv[2], atoi(argv[3]), argv[4]);
	} else {
		err = open_any(argv[2], &s);
		if (!err)
			err = work(argc, argv, s);
		tm_snapshot_unref(s);
	}
	if (err)
		fprintf(stderr, "%s\n", tm_error_message(err));
	bool failed = err;
	tm_error_free(err);
	return failed;
}
