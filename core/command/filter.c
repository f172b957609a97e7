/* The filters of a command line. They are applied where a source is read, so tm filter is tm snapshot. */
#include "args.h"
#include "tm/filter.h"

struct filters {
	struct tm_filter items[4 * TM_MOST_STRINGS];
	size_t n;
};

static struct tm_error *add_patterns(struct filters *f, const tm_strings patterns, bool inclusive, bool all_frames)
{
	struct tm_error *err = NULL;
	for (unsigned i = 0; !err && patterns[i]; i++) {
		struct tm_filter *to = &f->items[f->n++];
		*to = (struct tm_filter) { .inclusive = inclusive, .all_frames = all_frames };
		err = tm_filter_parse(patterns[i], to);
	}
	return err;
}

static struct tm_error *add_domains(struct filters *f, const tm_strings domains, bool inclusive)
{
	for (unsigned i = 0; domains[i]; i++) {
		struct tm_filter *to = &f->items[f->n++];
		*to = (struct tm_filter) { .inclusive = inclusive, .has_domain = true };
		if (!tm_parse_u64(domains[i], &to->domain))
			return tm_error_new(TM_ERR_USAGE, "a domain is a number, not '%s'", domains[i]);
	}
	return NULL;
}

struct tm_error *tm_args_filter(struct tm_session *s, const struct tm_args *args, bool traces, struct tm_snapshot **snapshot)
{
	struct filters f = { .n = 0 };
	struct tm_error *err = add_patterns(&f, args->include, true, args->all_frames);
	if (!err)
		err = add_patterns(&f, args->exclude, false, args->all_frames);
	if (!err)
		err = add_domains(&f, args->domain, true);
	if (!err)
		err = add_domains(&f, args->exclude_domain, false);
	if (err || !f.n)
		return err;
	struct tm_snapshot *passed;
	err = tm_snapshot_filter(*snapshot, f.items, f.n, traces, &s->front.poll, &passed);
	if (err)
		return err;
	tm_snapshot_unref(*snapshot);
	*snapshot = passed;
	return NULL;
}
