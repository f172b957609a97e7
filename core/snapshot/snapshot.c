/* Snapshots: reference counts, parts, totals, notes. */
#include "tm/snapshot.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tm_snapshot *tm_snapshot_ref(struct tm_snapshot *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void tm_snapshot_unref(struct tm_snapshot *s)
{
	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	if (s->release)
		s->release(s->owner);
	free(s->about.target);
	free(s->about.executable);
	free(s->about.python);
	free(s->about.build);
	free(s->about.source);
	free(s->about.stopped_by);
	for (size_t i = 0; i < s->nnotes; i++)
		free(s->notes[i].text);
	free(s->notes);
	free(s->tables);
	free(s);
}

struct tm_error *tm_snapshot_require(const struct tm_snapshot *s, unsigned sections)
{
	return s->verify ? s->verify(s->owner, s, sections) : NULL;
}

/* ---- parts ---- */

struct share {
	struct tm_snapshot *whole;
	struct tm_snapshot_part part;
};

static void release(void *owner)
{
	struct share *share = owner;
	tm_snapshot_unref(share->whole);
	free(share->part.traces);
	free(share->part.tallies);
	free(share);
}

static bool copy_facts(struct tm_snapshot *to, const struct tm_snapshot *from)
{
	struct tm_about *a = &to->about;
	char **strings[] = { &a->target, &a->executable, &a->python, &a->build, &a->source, &a->stopped_by };
	bool ok = true;
	*a = from->about;
	for (size_t i = 0; i < sizeof strings / sizeof *strings; i++)
		if (*strings[i] && !(*strings[i] = strdup(*strings[i])))
			ok = false; /* and on: none may stay that is another's */
	for (size_t i = 0; ok && i < from->nnotes; i++)
		ok = tm_snapshot_note(to, from->notes[i].gap, "%s", from->notes[i].text);
	if (ok && from->ntables && (ok = (to->tables = malloc(from->ntables * sizeof *to->tables)))) {
		memcpy(to->tables, from->tables, from->ntables * sizeof *to->tables);
		to->ntables = from->ntables;
	}
	return ok;
}

struct tm_snapshot *tm_snapshot_derive(struct tm_snapshot *s, struct tm_snapshot_part *part)
{
	struct tm_snapshot *ret = malloc(sizeof *ret);
	struct share *share = malloc(sizeof *share);
	if (ret)
		*ret = (struct tm_snapshot) { .refs = 1, .traces = part->traces, .ntraces = part->ntraces, .tallies = part->tallies,
			.ntallies = part->ntallies, .tracebacks = s->tracebacks, .ntracebacks = s->ntracebacks, .frames = s->frames,
			.nframes = s->nframes, .names = s->names, .nnames = s->nnames, .text = s->text, .text_len = s->text_len };
	if (!ret || !share || !copy_facts(ret, s)) {
		tm_snapshot_unref(ret);
		free(share);
		return NULL;
	}
	*share = (struct share) { tm_snapshot_ref(s), *part };
	*part = (struct tm_snapshot_part) { 0 };
	ret->release = release;
	ret->owner = share;
	return ret;
}

/* ---- totals and notes ---- */

void tm_snapshot_total(const struct tm_snapshot *s, uint64_t *count, tm_u128 *size)
{
	*count = 0;
	*size = 0;
	for (uint64_t i = 0; i < s->ntallies; i++) {
		*count += s->tallies[i].count;
		*size += tm_tally_size(&s->tallies[i]);
	}
}

bool tm_snapshot_note(struct tm_snapshot *s, bool gap, const char *fmt, ...)
{
	struct tm_note *notes = realloc(s->notes, (s->nnotes + 1) * sizeof *notes);
	if (!notes)
		return false;
	s->notes = notes;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&notes[s->nnotes].text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return false;
	notes[s->nnotes++].gap = gap;
	return true;
}
