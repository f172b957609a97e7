/* Snapshots: reference counts, totals, notes. */
#include "tm/snapshot.h"
#include <stdio.h>
#include <stdlib.h>

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
