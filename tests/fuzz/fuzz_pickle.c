/* Any bytes as a pickle of tracemalloc; what is read can be written, and is the same when it is read again. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "exercise.h"

static void read_again(struct tm_snapshot *s)
{
	struct tm_snapshot *back = NULL;
	char path[64];
	snprintf(path, sizeof path, "/dev/shm/tm-fuzz-%d", (int)getpid());
	struct tm_error *err = tm_snapshot_dump(s, path, true, TM_PICKLE_AUTO, NULL);
	if (!err)
		err = tm_snapshot_load_pickle(path, NULL, &back);
	if (!err)
		err = tm_snapshot_require(back, TM_SECTIONS_ALL);
	unlink(path);
	if (err) {
		fprintf(stderr, "%s\n", tm_error_message(err));
		abort();
	}
	bool same = back->ntraces == s->ntraces && back->about.limit == s->about.limit;
	for (uint64_t i = 0; same && i < s->ntraces; i++) {
		const struct tm_traceback *a = &s->tracebacks[s->traces[i].traceback], *b = &back->tracebacks[back->traces[i].traceback];
		same = s->traces[i].size == back->traces[i].size && s->traces[i].domain == back->traces[i].domain && a->nframe == b->nframe &&
			(a->total_nframe == b->total_nframe || !a->total_nframe);
		for (uint32_t k = 0; same && k < a->nframe && k < 100; k++) {
			const struct tm_frame *f = &s->frames[a->first + k], *g = &back->frames[b->first + k];
			size_t nf, ng;
			const char *x = tm_snapshot_name(s, f->filename, &nf), *y = tm_snapshot_name(back, g->filename, &ng);
			same = f->lineno == g->lineno && nf == ng && !memcmp(x, y, nf);
		}
	}
	if (!same)
		abort();
	tm_snapshot_unref(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct tm_snapshot *s = NULL;
	struct tm_error *err = tm_snapshot_parse_pickle(p, n, "fuzz", NULL, &s);
	sentence(err);
	if (!s)
		return 0;
	exercise(s);
	read_again(s);
	tm_snapshot_unref(s);
	return 0;
}
