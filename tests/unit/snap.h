/* Snapshots made by hand. */
#ifndef SNAP_H
#define SNAP_H
#include "tm/builder.h"
#include "unit.h"

struct snap_frame {
	const char *name; /* newest first; the first one without a name ends the list */
	uint32_t lineno;
};

/* A traceback of these frames; TOTAL 0: as many as there are. */
static inline uint32_t snap_traceback(struct tm_builder *b, uint32_t total, const struct snap_frame *f)
{
	struct tm_traceback tb = { .first = b->frames.n };
	for (; f->name; f++, tb.nframe++) {
		uint32_t id = tm_intern(&b->names, f->name, strlen(f->name));
		assert_true(id != UINT32_MAX && tm_array_push(&b->frames, ((struct tm_frame) { id, f->lineno })));
	}
	tb.total_nframe = total ? total : tb.nframe;
	assert_true(tm_array_push(&b->tracebacks, tb));
	return (uint32_t)b->tracebacks.n - 1;
}
#define TB(b, total, ...) snap_traceback((b), (total), (const struct snap_frame[]) { __VA_ARGS__, { 0 } })

static inline void snap_trace(struct tm_builder *b, uint64_t address, uint64_t size, uint32_t domain, uint32_t traceback)
{
	struct tm_tally *t = NULL;
	assert_true(tm_array_push(&b->traces, ((struct tm_trace) { address, size, domain, traceback })));
	b->ntraces++;
	for (size_t i = 0; i < b->tallies.n && !t; i++)
		if (b->tallies.items[i].traceback == traceback && b->tallies.items[i].domain == domain)
			t = &b->tallies.items[i];
	if (!t) {
		assert_true(tm_array_push(&b->tallies, ((struct tm_tally) { .traceback = traceback, .domain = domain })));
		t = &b->tallies.items[b->tallies.n - 1];
	}
	tm_u128 sum = tm_tally_size(t) + size;
	t->count++;
	t->size_low = (uint64_t)sum;
	t->size_high = (uint64_t)(sum >> 64);
}

static inline struct tm_snapshot *snap_freeze(struct tm_builder *b)
{
	b->want_traces = true;
	struct tm_snapshot *s = tm_builder_freeze(b);
	assert_non_null(s);
	s->about.tracing = s->about.complete = s->about.has_addresses = s->about.has_total_nframe = true;
	s->about.target = strdup("made by hand");
	s->about.python = strdup("3.13.5");
	return s;
}
#endif
