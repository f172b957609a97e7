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

static void release(void *owner)
{
	tm_snapshot_part_deinit(owner);
	free(owner);
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

struct tm_snapshot *tm_snapshot_derive(const struct tm_snapshot *s, struct tm_snapshot_part *part)
{
	struct tm_snapshot *ret = malloc(sizeof *ret);
	struct tm_snapshot_part *own = malloc(sizeof *own);
	if (ret)
		*ret = (struct tm_snapshot) { .refs = 1, .traces = part->traces, .ntraces = part->ntraces, .tallies = part->tallies,
			.ntallies = part->ntallies, .tracebacks = part->tracebacks, .ntracebacks = part->ntracebacks, .frames = part->frames,
			.nframes = part->nframes, .names = part->names, .nnames = part->nnames, .text = part->text, .text_len = part->text_len };
	if (!ret || !own || !copy_facts(ret, s)) {
		tm_snapshot_unref(ret);
		free(own);
		return NULL;
	}
	*own = *part;
	*part = (struct tm_snapshot_part) { 0 };
	ret->release = release;
	ret->owner = own;
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
