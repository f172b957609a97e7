/* The snapshots that a session keeps, by name or number. */
#include "args.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct tm_held *tm_session_held(const struct tm_session *s, const char *name)
{
	for (size_t i = 0; i < s->held.n; i++)
		if (strcmp(s->held.items[i].name, name) == 0)
			return &s->held.items[i];
	return NULL;
}

struct tm_snapshot *tm_session_snapshot(struct tm_session *s, const char *name)
{
	const struct tm_held *h = tm_session_held(s, name);
	return h ? tm_snapshot_ref(h->snapshot) : NULL;
}

struct tm_error *tm_session_name(const struct tm_session *s, const char *name, bool force)
{
	bool good = isalpha((unsigned char)*name) || *name == '_';
	for (const char *p = name; *p && good; p++)
		good = isalnum((unsigned char)*p) || strchr("_.-", *p);
	if (!good)
		return tm_error_new(TM_ERR_USAGE, "'%s' cannot name a snapshot: a name is a letter, then letters, digits, '_', '.' or '-'", name);
	if (!force && tm_session_held(s, name))
		return tm_error_new(TM_ERR_USAGE, "there is a snapshot '%s' already; --force replaces it", name);
	return NULL;
}

static void release(struct tm_held *h)
{
	tm_snapshot_unref(h->snapshot);
	free(h->name);
	free(h->where);
}

struct tm_error *tm_session_hold(struct tm_session *s, const char *name, bool force, const char *where, struct tm_snapshot *snapshot)
{
	char number[24];
	struct tm_error *err = name ? tm_session_name(s, name, force) : NULL;
	if (err)
		return err;
	if (!name) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)s->last_number + 1);
		name = number;
	}
	struct tm_held h = { strdup(name), strdup(where), tm_snapshot_ref(snapshot) };
	if (!h.name || !h.where || !tm_array_reserve(&s->held, 1)) {
		release(&h);
		return tm_error_nomem();
	}
	if (name == number)
		s->last_number++;
	tm_error_free(tm_session_drop(s, name)); /* the one that is replaced, if any */
	s->held.items[s->held.n++] = h;
	return NULL;
}

struct tm_error *tm_session_drop(struct tm_session *s, const char *name)
{
	for (size_t i = 0; i < s->held.n; i++)
		if (strcmp(s->held.items[i].name, name) == 0) {
			struct tm_held gone = s->held.items[i];
			memmove(s->held.items + i, s->held.items + i + 1, (--s->held.n - i) * sizeof gone);
			release(&gone); /* NAME may be its own */
			return NULL;
		}
	return tm_error_new(TM_ERR_NOTFOUND, "no snapshot '%s' in this session; 'tm list' shows them", name);
}

struct tm_error *tm_run_drop(struct tm_session *s, const struct tm_args *args)
{
	if (!args->noperands)
		return tm_error_new(TM_ERR_USAGE, "which snapshots? usage: tm drop NAME...");
	for (unsigned i = 0; i < args->noperands; i++) /* all of them or none */
		if (!tm_session_held(s, args->operands[i]))
			return tm_session_drop(s, args->operands[i]);
	for (unsigned i = 0; i < args->noperands; i++)
		tm_error_free(tm_session_drop(s, args->operands[i]));
	return NULL;
}
