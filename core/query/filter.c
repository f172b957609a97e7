/*
 * Snapshot.filter_traces(): each filter looks at each name and each traceback once. What it finds is kept for each traceback
 * and class of domains: those that filters name, and the rest. Blocks then only look there.
 */
#include "tm/filter.h"
#include "tm/number.h"
#include "tm/pattern.h"
#include <stdlib.h>
#include <string.h>

enum { INCLUDED = 1, EXCLUDED = 2 };

struct verdicts {
	const struct tm_snapshot *s;
	uint64_t *domains; /* that filters name */
	size_t ndomains;
	uint8_t *found; /* ndomains + 1 of them for each traceback */
};

static size_t class_of(const struct verdicts *v, uint64_t domain)
{
	size_t i = 0;
	while (i < v->ndomains && v->domains[i] != domain)
		i++;
	return i;
}

static bool passes(const struct verdicts *v, uint32_t traceback, uint32_t domain)
{
	return v->found[traceback * (v->ndomains + 1) + class_of(v, domain)] == INCLUDED;
}

static bool prepare(struct verdicts *v, const struct tm_filter *filters, size_t n)
{
	uint8_t start = INCLUDED;
	size_t size;
	if (!(v->domains = malloc((n ? n : 1) * sizeof *v->domains)))
		return false;
	for (size_t i = 0; i < n; i++) {
		if (filters[i].inclusive)
			start = 0;
		if (filters[i].has_domain && class_of(v, filters[i].domain) == v->ndomains)
			v->domains[v->ndomains++] = filters[i].domain;
	}
	if (__builtin_mul_overflow(v->s->ntracebacks, v->ndomains + 1, &size) || !(v->found = malloc(size ? size : 1)))
		return false;
	memset(v->found, start, size);
	return true;
}

static size_t without_c(const char *name, size_t len)
{
	return len >= 4 && memcmp(name + len - 4, ".pyc", 4) == 0 ? len - 1 : len;
}

static struct tm_error *match_names(const struct tm_snapshot *s, const struct tm_filter *f, const struct tm_poll *poll, bool *hits)
{
	struct tm_pattern *p = NULL;
	struct tm_error *err = tm_pattern_make(f->pattern, without_c(f->pattern, f->pattern_len), &p);
	for (uint32_t i = 0; !err && i < s->nnames; i++) {
		size_t len;
		const char *name = tm_snapshot_name(s, i, &len);
		err = tm_pattern_match(p, name, without_c(name, len), poll, &hits[i]);
	}
	tm_pattern_free(p);
	return err;
}

static bool fits(const struct tm_snapshot *s, const struct tm_filter *f, const bool *hits, const struct tm_traceback *tb)
{
	uint32_t n = f->all_frames || !tb->nframe ? tb->nframe : 1;
	bool ret = !f->pattern;
	for (uint32_t i = 0; !ret && i < n; i++) {
		const struct tm_frame *frame = &s->frames[tb->first + i];
		ret = hits[frame->filename] && (!f->has_lineno || frame->lineno == f->lineno);
	}
	return ret;
}

static struct tm_error *apply(struct verdicts *v, const struct tm_filter *f, const struct tm_poll *poll, bool *hits)
{
	const struct tm_snapshot *s = v->s;
	struct tm_error *err = f->pattern ? match_names(s, f, poll, hits) : NULL;
	size_t first = f->has_domain ? class_of(v, f->domain) : 0, last = f->has_domain ? first : v->ndomains;
	for (uint64_t i = 0; !err && i < s->ntracebacks; i++) {
		if (fits(s, f, hits, &s->tracebacks[i]))
			for (size_t k = first; k <= last; k++)
				v->found[i * (v->ndomains + 1) + k] |= f->inclusive ? INCLUDED : EXCLUDED;
		if (i % 262144 == 262143)
			err = tm_poll(poll, "filtering", i, s->ntracebacks);
	}
	return err;
}

/* ---- what passes; of an array for all, only as much is touched and kept as is filled ---- */

static void *cut(void *items, uint64_t n, size_t size)
{
	void *fit = realloc(items, (n ? (size_t)n : 1) * size);
	return fit ? fit : items;
}

static struct tm_error *pick_tallies(const struct verdicts *v, struct tm_snapshot_part *part)
{
	const struct tm_snapshot *s = v->s;
	struct tm_tally *out = malloc((s->ntallies ? (size_t)s->ntallies : 1) * sizeof *out);
	if (!out)
		return tm_error_nomem();
	uint64_t k = 0;
	for (uint64_t i = 0; i < s->ntallies; i++) {
		out[k] = s->tallies[i];
		k += passes(v, s->tallies[i].traceback, s->tallies[i].domain);
	}
	part->tallies = cut(out, k, sizeof *out);
	part->ntallies = k;
	return NULL;
}

static struct tm_error *pick_traces(const struct verdicts *v, const struct tm_poll *poll, struct tm_snapshot_part *part)
{
	const struct tm_snapshot *s = v->s;
	struct tm_trace *out = malloc((s->ntraces ? (size_t)s->ntraces : 1) * sizeof *out);
	struct tm_error *err = out ? NULL : tm_error_nomem();
	uint64_t k = 0;
	for (uint64_t i = 0; !err && i < s->ntraces;) {
		for (uint64_t end = s->ntraces - i < 1048576 ? s->ntraces : i + 1048576; i < end; i++) {
			out[k] = s->traces[i];
			k += passes(v, s->traces[i].traceback, s->traces[i].domain);
		}
		err = tm_poll(poll, "filtering", i, s->ntraces);
	}
	if (err) {
		free(out);
		return err;
	}
	part->traces = cut(out, k, sizeof *out);
	part->ntraces = k;
	return NULL;
}

static struct tm_error *pick(const struct verdicts *v, bool want_traces, const struct tm_poll *poll, struct tm_snapshot_part *part)
{
	struct tm_error *err = pick_tallies(v, part);
	for (uint64_t i = 0; !err && i < part->ntallies; i++)
		part->ntraces += part->tallies[i].count;
	return !err && want_traces ? pick_traces(v, poll, part) : err;
}

static bool describe(struct tm_snapshot *part, const struct tm_snapshot *all)
{
	tm_u128 size;
	uint64_t passed, of;
	tm_snapshot_total(part, &passed, &size);
	tm_snapshot_total(all, &of, &size);
	part->about.truncated = 0;
	for (uint64_t i = 0; i < part->ntallies; i++) {
		const struct tm_traceback *tb = &part->tracebacks[part->tallies[i].traceback];
		part->about.truncated += tb->total_nframe > tb->nframe ? part->tallies[i].count : 0;
	}
	return tm_snapshot_note(part, false, "%llu of %llu blocks passed the filters", (unsigned long long)passed,
		(unsigned long long)of);
}

struct tm_error *tm_snapshot_filter(struct tm_snapshot *s, const struct tm_filter *filters, size_t n, bool want_traces,
	const struct tm_poll *poll, struct tm_snapshot **ret)
{
	want_traces = want_traces && s->traces;
	struct tm_error *err = tm_snapshot_require(s, want_traces ? TM_SECTIONS_ALL : TM_SECTIONS_STATISTICS);
	if (err)
		return err;
	struct verdicts v = { .s = s };
	struct tm_snapshot_part part = { 0 };
	struct tm_snapshot *snap = NULL;
	bool *hits = calloc(s->nnames ? (size_t)s->nnames : 1, sizeof *hits);
	if (!hits || !prepare(&v, filters, n))
		err = tm_error_nomem();
	for (size_t i = 0; !err && i < n; i++)
		err = apply(&v, &filters[i], poll, hits);
	if (!err)
		err = pick(&v, want_traces, poll, &part);
	if (!err && (!tm_snapshot_compact(s, &part) || !(snap = tm_snapshot_derive(s, &part)) || (n && !describe(snap, s))))
		err = tm_error_nomem();
	free(hits);
	free(v.domains);
	free(v.found);
	tm_snapshot_part_deinit(&part);
	if (err) {
		tm_snapshot_unref(snap);
		return err;
	}
	*ret = snap;
	return NULL;
}

struct tm_error *tm_filter_parse(const char *text, struct tm_filter *ret)
{
	size_t len = strlen(text), at = len;
	while (at && text[at - 1] >= '0' && text[at - 1] <= '9')
		at--;
	uint64_t line = 0;
	bool has_line = at && at < len && text[at - 1] == ':';
	for (size_t i = at; has_line && i < len; i++)
		if ((line = line * 10 + (uint64_t)(text[i] - '0')) > UINT32_MAX)
			return tm_error_new(TM_ERR_USAGE, "%s: no line has the number %s", text, text + at);
	ret->pattern = text;
	ret->pattern_len = has_line ? at - 1 : len;
	ret->has_lineno = has_line;
	ret->lineno = line;
	return NULL;
}
