/* What is done with a snapshot that came out of a hostile file: all that commands do with one. */
#ifndef EXERCISE_H
#define EXERCISE_H
#include <stdint.h>
#include <stdlib.h>
#include "tm/query.h"
#include "tm/render.h"
#include "tm/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Errors are fine, as long as there is one sentence. */
static inline void sentence(struct tm_error *err)
{
	if (err && (!*tm_error_message(err) || strchr(tm_error_message(err), '\n')))
		abort();
	tm_error_free(err);
}

static inline void group(struct tm_snapshot *s, enum tm_key key, bool cumulative)
{
	struct tm_statistics *st = NULL;
	struct tm_text t = { 0 };
	struct tm_error *err = tm_statistics_make(s, key, cumulative, NULL, &st);
	uint64_t count = 0;
	for (uint64_t i = 0; !err && i < st->nrows; i++) {
		if (i < 1000)
			tm_str_statistic(&t, s, &st->rows[i]);
		count += st->rows[i].count;
	}
	if (!err && !cumulative && count != st->count)
		abort();
	sentence(err);
	tm_statistics_free(st);
	tm_text_free(&t);
}

static inline void exercise(struct tm_snapshot *s)
{
	struct tm_error *err = tm_snapshot_require(s, TM_SECTIONS_ALL);
	uint64_t *found = NULL, n = 0;
	struct tm_text t = { 0 };
	if (err) {
		sentence(err);
		return;
	}
	for (int key = TM_BY_LINENO; key <= TM_BY_TRACEBACK; key++)
		group(s, (enum tm_key)key, false);
	group(s, TM_BY_LINENO, true);
	group(s, TM_BY_FILENAME, true);
	sentence(tm_traces_biggest(s, 100, NULL, &found, &n));
	for (uint64_t i = 0; i < n; i++)
		tm_str_trace(&t, s, &s->traces[found[i]]);
	free(found);
	found = NULL;
	sentence(tm_traces_at(s, 100, &found, &n));
	free(found);
	sentence(tm_snapshot_dump(s, "/dev/null", true, TM_PICKLE_AUTO, NULL));
	tm_text_free(&t);
}
#endif
