/* From growing arrays to a frozen snapshot. */
#include "tm/builder.h"
#include <stddef.h>
#include <string.h>

void tm_builder_deinit(struct tm_builder *b)
{
	tm_array_free(&b->traces);
	tm_array_free(&b->tallies);
	tm_array_free(&b->tracebacks);
	tm_array_free(&b->frames);
	tm_intern_free(&b->names);
}

static void release(void *owner)
{
	struct tm_builder *b = owner;
	tm_builder_deinit(b);
	free(b);
}

_Static_assert(sizeof(struct tm_name) == sizeof(struct tm_text_at) &&
		offsetof(struct tm_name, len) == offsetof(struct tm_text_at, len),
	"names are handed on as they are");

struct tm_snapshot *tm_builder_freeze(struct tm_builder *b)
{
	struct tm_snapshot *s = calloc(1, sizeof *s);
	struct tm_builder *own = s ? malloc(sizeof *own) : NULL;
	if (!own) {
		free(s);
		return NULL;
	}
	*own = *b;
	*b = (struct tm_builder) { 0 };
	free(own->names.slots); /* only building needs it */
	own->names.slots = NULL;
	*s = (struct tm_snapshot) { .refs = 1,
		.traces = own->want_traces ? own->traces.items : NULL,
		.ntraces = own->ntraces,
		.tallies = own->tallies.items,
		.ntallies = own->tallies.n,
		.tracebacks = own->tracebacks.items,
		.ntracebacks = own->tracebacks.n,
		.frames = own->frames.items,
		.nframes = own->frames.n,
		.names = (const struct tm_name *)own->names.strings,
		.nnames = own->names.n,
		.text = own->names.text.items,
		.text_len = own->names.text.n,
		.release = release,
		.owner = own };
	return s;
}
