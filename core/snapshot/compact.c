/* What the blocks of a part use: the rest of the whole is left behind. */
#include "tm/snapshot.h"
#include <stdlib.h>
#include <string.h>

enum { UNUSED, USED };

static void *array(uint64_t n, size_t size)
{
	return calloc(n ? (size_t)n : 1, size);
}

/* The used entries get numbers from 0 on, in their order. */
static uint64_t number(uint32_t *map, uint64_t n)
{
	uint64_t used = 0;
	for (uint64_t i = 0; i < n; i++)
		map[i] = map[i] == USED ? (uint32_t)used++ : UINT32_MAX;
	return used;
}

static bool take_names(const struct tm_snapshot *s, const uint32_t *map, struct tm_snapshot_part *part)
{
	uint64_t len = 0;
	for (uint64_t i = 0; i < s->nnames; i++)
		len += map[i] == UINT32_MAX ? 0 : s->names[i].len + 1;
	part->names = array(part->nnames, sizeof *part->names);
	part->text = array(len, 1);
	if (!part->names || !part->text)
		return false;
	for (uint64_t i = 0; i < s->nnames; i++) {
		if (map[i] == UINT32_MAX)
			continue;
		part->names[map[i]] = (struct tm_name) { part->text_len, s->names[i].len };
		memcpy(part->text + part->text_len, s->text + s->names[i].offset, (size_t)s->names[i].len);
		part->text_len += s->names[i].len + 1;
	}
	return true;
}

static bool take_tracebacks(const struct tm_snapshot *s, const uint32_t *map, uint32_t *names, struct tm_snapshot_part *part)
{
	for (uint64_t i = 0; i < s->ntracebacks; i++)
		part->nframes += map[i] == UINT32_MAX ? 0 : s->tracebacks[i].nframe;
	part->tracebacks = array(part->ntracebacks, sizeof *part->tracebacks);
	part->frames = array(part->nframes, sizeof *part->frames);
	if (!part->tracebacks || !part->frames)
		return false;
	uint64_t n = 0;
	for (uint64_t i = 0; i < s->ntracebacks; i++) {
		const struct tm_traceback *tb = &s->tracebacks[i];
		if (map[i] == UINT32_MAX)
			continue;
		part->tracebacks[map[i]] = (struct tm_traceback) { n, tb->nframe, tb->total_nframe };
		for (uint32_t k = 0; k < tb->nframe; k++)
			names[(part->frames[n++] = s->frames[tb->first + k]).filename] = USED;
	}
	return true;
}

bool tm_snapshot_compact(const struct tm_snapshot *s, struct tm_snapshot_part *part)
{
	uint32_t *tracebacks = array(s->ntracebacks, sizeof *tracebacks), *names = array(s->nnames, sizeof *names);
	bool ok = tracebacks && names;
	for (uint64_t i = 0; ok && i < part->ntallies; i++)
		tracebacks[part->tallies[i].traceback] = USED;
	if (ok) {
		part->ntracebacks = number(tracebacks, s->ntracebacks);
		ok = take_tracebacks(s, tracebacks, names, part);
	}
	if (ok) {
		part->nnames = number(names, s->nnames);
		ok = take_names(s, names, part);
	}
	for (uint64_t i = 0; ok && i < part->nframes; i++)
		part->frames[i].filename = names[part->frames[i].filename];
	for (uint64_t i = 0; ok && i < part->ntallies; i++)
		part->tallies[i].traceback = tracebacks[part->tallies[i].traceback];
	for (uint64_t i = 0; ok && part->traces && i < part->ntraces; i++)
		part->traces[i].traceback = tracebacks[part->traces[i].traceback];
	free(tracebacks);
	free(names);
	return ok;
}

void tm_snapshot_part_deinit(struct tm_snapshot_part *part)
{
	free(part->traces);
	free(part->tallies);
	free(part->tracebacks);
	free(part->frames);
	free(part->names);
	free(part->text);
}
