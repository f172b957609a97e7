/* From candidates to a snapshot; and for a live process, when to hold it and when to let it run. */
#include "find.h"
#include "tm/layout.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
	ROUNDS = 3,    /* times that a live process is held before its tables are decoded while it waits */
	MOST_TORN = 7, /* times that one met inside an update is held once more, 1 to 64 ms later */
};

/* One look at the target as it is now. */
struct look {
	struct tm_finder finder;
	struct tm_candidate chosen;
	struct tm_judgement tracing; /* verdict TM_TRACING once found */
	size_t chosen_at; /* among the finder's candidates */
	bool have_chosen;
	bool not_tracing; /* some candidate says so positively */
	bool doubtful;	  /* another one holds traces although it says that it is off */
	struct tm_state off_state;
	struct tm_candidate off;
	size_t others; /* further interpreters in this process that trace, too */
};

static void look_deinit(struct look *l)
{
	tm_finder_deinit(&l->finder);
	tm_judgement_deinit(&l->tracing);
}

static const char *module_name(const struct tm_candidate *c)
{
	return c->python ? c->python->module->path : "unknown module";
}

static struct tm_error *judge(struct look *l, const struct tm_candidate *c, bool want_traces, struct tm_judgement *j)
{
	struct tm_target *t = l->finder.target;
	if (!t->guarded)
		return tm_judge(&l->finder, c, want_traces, j);
	t->lock = c->lock;
	t->lock_is_mutex = c->layout->lock_kind == TM_LOCK_MUTEX;
	struct tm_error *err = tm_target_stop(t);
	if (!err)
		err = tm_judge(&l->finder, c, want_traces, j);
	struct tm_error *err2 = tm_target_resume(t);
	tm_error_free(err ? err2 : NULL);
	return err ? err : err2;
}

/* Judges one candidate and files the answer. */
static struct tm_error *weigh(struct look *l, struct tm_candidate *c, bool want_traces)
{
	struct tm_judgement j;
	struct tm_error *err = judge(l, c, want_traces, &j);
	if (err)
		return err;
	if (j.verdict == TM_TRACING && !l->have_chosen) {
		l->tracing = j;
		l->chosen = *c;
		l->chosen_at = (size_t)(c - l->finder.candidates.items);
		l->have_chosen = true;
		return NULL;
	}
	if (j.verdict == TM_TRACING) {
		l->others += c->traces != l->chosen.traces;
	} else if (j.verdict == TM_NOT_TRACING) {
		if (!l->not_tracing) {
			l->off_state = j.state;
			l->off = *c;
		}
		l->not_tracing = true;
	} else {
		l->doubtful |= j.verdict == TM_DOUBTFUL;
		tm_text_printf(&l->finder.tried, "%sby %s (layout of %s): %s", l->finder.tried.len ? "; " : "",
			tm_source_names[c->source], c->layout->pythons, tm_text_str(&j.why));
	}
	tm_judgement_deinit(&j);
	return NULL;
}

/* Does another candidate start from other variables than the chosen one? Then it may be a second interpreter. */
static bool elsewhere(const struct look *l, const struct tm_candidate *c)
{
	return c->traces != l->chosen.traces;
}

/* Sources in order of cost until one leads to live tables; "not tracing" is believed only after all of them. */
static struct tm_error *look(struct look *l, bool want_traces)
{
	struct tm_error *err = tm_find_pythons(&l->finder);
	size_t next = 0;
	while (!err && (!l->have_chosen || l->finder.verify) && tm_find_more(&l->finder, &err)) {
		for (; !err && next < l->finder.candidates.n; next++) {
			struct tm_candidate *c = &l->finder.candidates.items[next];
			if (!l->have_chosen || elsewhere(l, c))
				err = weigh(l, c, want_traces && !l->have_chosen);
		}
		/* Never imported, no tables: nothing a scan could find, and the config says why. */
		if (!err && l->not_tracing && l->off.source == TM_BY_SYMBOLS && l->off_state.has_tables && !l->off_state.traces)
			break;
	}
	return err;
}

/* The decode of a live process that ran on meanwhile: again from the candidate that was found while it ran. */
static struct tm_error *look_again(struct look *l, bool want_traces)
{
	struct tm_judgement j;
	struct tm_error *err = tm_judge(&l->finder, &l->chosen, want_traces, &j);
	if (err)
		return err;
	tm_judgement_deinit(&l->tracing);
	l->tracing = j;
	return NULL;
}

/* ---- what the snapshot says about itself ---- */

static bool set(char **to, const char *text)
{
	free(*to);
	*to = text ? strdup(text) : NULL;
	return !text || *to;
}

static void describe_version(struct look *l, const struct tm_candidate *c, struct tm_about *a, char buf[32])
{
	uint32_t hex = c->python ? c->python->hexversion : 0;
	uint32_t text_hex = 0;
	char text[32];
	if (c->python && !(hex & 0xffff) && tm_find_version_text(&l->finder, c->python->module, text, &text_hex)) {
		if (!hex || hex >> 16 == text_hex >> 16)
			hex = text_hex;
	}
	a->hexversion = hex;
	a->python_minor = hex ? (uint16_t)(hex >> 16) : c->layout->first;
	static const char *const levels[16] = { [0xa] = "a", [0xb] = "b", [0xc] = "rc" };
	if (!hex)
		snprintf(buf, 32, "%s", c->layout->pythons);
	else if (levels[hex >> 4 & 15])
		snprintf(buf, 32, "3.%u.%u%s%u", hex >> 16 & 255, hex >> 8 & 255, levels[hex >> 4 & 15], hex & 15);
	else
		snprintf(buf, 32, "3.%u.%u", hex >> 16 & 255, hex >> 8 & 255);
}

static struct tm_error *describe(struct look *l, const struct tm_candidate *c, struct tm_snapshot *s)
{
	struct tm_target *t = l->finder.target;
	struct tm_about *a = &s->about;
	char version[32];
	describe_version(l, c, a, version);
	a->pid = t->pid;
	a->signal = t->signal;
	a->is_live = t->kind == TM_KIND_PROCESS || t->kind == TM_KIND_HOST;
	a->other_files = t->pid && (t->kind == TM_KIND_PROCESS || (t->kind == TM_KIND_HOST && tm_process_is_ours(t->pid))) &&
		tm_process_has_other_files(t->pid);
	a->has_fault = t->has_fault;
	a->fault_address = t->fault_address;
	a->time = (uint64_t)time(NULL);
	const char *build = !c->python || !c->python->build_known ? NULL : c->python->debug ? "debug" : "release";
	if (!set(&a->target, t->name) || !set(&a->executable, t->exe) || !set(&a->python, version) || !set(&a->build, build) ||
	    !set(&a->source, tm_source_names[c->source]) || !set(&a->stopped_by, t->stopped_by))
		return tm_error_nomem();
	bool ok = true;
	if (a->is_live && !t->stopped) {
		ok &= tm_snapshot_note(s, true, "running: the process was not stopped while it was read, so the numbers are of no single moment");
		a->complete = false;
	}
	if (l->others) {
		ok &= tm_snapshot_note(s, true, "partial: %zu more Python %s in this process traces, too; only %s is shown", l->others,
			l->others == 1 ? "interpreter" : "interpreters", module_name(c));
		a->complete = false;
	}
	if (l->finder.verify && l->have_chosen) {
		struct tm_text by = { 0 };
		for (unsigned i = 0; i < TM_NSOURCES; i++)
			if (l->finder.candidates.items[l->chosen_at].sources >> i & 1)
				tm_text_printf(&by, "%s%s", by.len ? ", " : "", tm_source_names[i]);
		ok &= tm_snapshot_note(s, false, "verified: these lead to the same tables: %s", tm_text_str(&by));
		tm_text_free(&by);
	}
	if (t->truncated)
		ok &= tm_snapshot_note(s, false, "the core file is truncated: it ends before the memory that its headers promise");
	return ok ? NULL : tm_error_nomem();
}

/* The version text again, out of memory that a frozen live copy may lack: it was read before. */
static struct tm_error *off_snapshot(struct look *l, struct tm_snapshot **ret)
{
	struct tm_builder b = { 0 };
	struct tm_snapshot *s = tm_builder_freeze(&b);
	if (!s)
		return tm_error_nomem();
	s->about.has_limit = l->off_state.has_config;
	s->about.limit = (uint32_t)l->off_state.max_nframe;
	s->about.has_traced = s->about.has_peak = true;
	s->about.complete = true;
	s->about.has_total_nframe = l->off.layout->traceback.total_nframe != TM_NONE;
	struct tm_error *err = describe(l, &l->off, s);
	if (err)
		tm_snapshot_unref(s);
	else
		*ret = s;
	return err;
}

static struct tm_error *count_bytes(struct tm_finder *f, void *ctx, uint64_t addr, const uint8_t *p, size_t len)
{
	*(uint64_t *)ctx += len;
	return NULL;
}

/* A mapped file that is called like an interpreter and whose data is not here: there may be a Python in it. */
static const char *python_by_name(struct look *l)
{
	const struct tm_target *t = l->finder.target;
	for (size_t i = 0; i < t->modules.n; i++) {
		const char *path = t->modules.items[i].path, *slash = strrchr(path, '/');
		const char *name = slash ? slash + 1 : path;
		uint64_t bytes = 0;
		if (strncmp(name, "python3", 7) && strncmp(name, "libpython3", 10))
			continue;
		tm_error_free(tm_each_data(&l->finder, &t->modules.items[i], count_bytes, &bytes));
		if (!bytes)
			return path;
	}
	return NULL;
}

/* No candidate was believed and none said "off": what is in the way? */
static struct tm_error *explain(struct look *l)
{
	struct tm_target *t = l->finder.target;
	if (!l->finder.pythons.n && !l->finder.candidates.n && !python_by_name(l)) {
		struct tm_text files = { 0 };
		size_t nowhere = 0;
		for (size_t i = 0; i < t->modules.n; i++)
			nowhere += t->modules.items[i].why != NULL;
		if (nowhere)
			tm_text_printf(&files, ", %zu without a matching file on this machine", nowhere);
		if (t->modules.n && t->modules.items[0].why)
			tm_text_printf(&files, "; its program %s: %s", t->modules.items[0].path, t->modules.items[0].why);
		struct tm_error *err = t->truncated ?
			tm_error_new(TM_ERR_CORRUPT, "%s is truncated: nothing of a Python is in what is left of it", t->name) :
			tm_error_new(TM_ERR_NOTPYTHON, "%s: no Python found in it (%zu ELF files mapped%s)", t->name, t->modules.n,
			tm_text_str(&files));
		tm_text_free(&files);
		return err;
	}
	const struct tm_python *p = l->finder.pythons.n ? l->finder.pythons.items : NULL;
	if (!p && !l->finder.candidates.n)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: cannot tell whether %s is tracing: its data is not in the memory at hand (%s)", t->name,
			python_by_name(l), t->truncated ? "the core file is truncated" : "was the core cut, or written with a small coredump_filter?");
	if (p && p->free_threaded)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s: a free-threaded Python 3.%u: its layout is not known to tm", t->name, p->hexversion >> 16 & 255);
	char version[64] = "a Python";
	if (p && p->hexversion)
		snprintf(version, sizeof version, "Python 3.%u.%u", p->hexversion >> 16 & 255, p->hexversion >> 8 & 255);
	const char *hint = t->truncated ? "the core file is truncated"
		: t->kind == TM_KIND_PROCESS && !t->stopped ? "it ran while it was read: try again, or without --no-stop"
		: p && p->module->why ? p->module->why
				      : "it may have been stopped inside a resize of its tables (a moment later it is not), or its debug file (-dbg package, "
					"--debug-dir) tells more";
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: cannot tell whether %s (%s) is tracing: %s; %s", t->name, version,
		p ? p->module->path : "", l->finder.tried.len ? tm_text_str(&l->finder.tried) : "nothing in its memory looks like tracemalloc's tables, which are made when tracemalloc is imported", hint);
}

/* ---- live processes ---- */

/*
 * The process is held only while pages are copied. Which pages those are is found out first, while it still runs; should it
 * have moved on in the meantime, what lacks is copied in another round.
 */
static struct tm_error *hold_and_copy(struct tm_target *t)
{
	struct tm_error *err = tm_target_stop(t);
	if (err)
		return err;
	err = tm_memory_refresh(&t->memory, &t->poll);
	if (!err)
		tm_memory_load_wanted(&t->memory);
	struct tm_error *err2 = tm_target_resume(t);
	tm_error_free(err ? err2 : NULL);
	return err ? err : err2;
}

/* Nothing is known of the target any more. */
static void look_afresh(struct look *l)
{
	struct tm_finder finder = { .target = l->finder.target, .verify = l->finder.verify };
	tm_memory_forget(&finder.target->memory);
	look_deinit(l);
	*l = (struct look) { .finder = finder };
}

/* One that nobody stops may be met where nothing can be told of it; a moment later it can. */
static struct tm_error *capture_running(struct look *l, const struct tm_capture_options *o)
{
	struct tm_error *err = look(l, o->traces);
	for (int round = 1; !err && !l->have_chosen && !l->not_tracing && l->finder.pythons.n && round < ROUNDS; round++) {
		look_afresh(l);
		err = look(l, o->traces);
	}
	return err;
}

/* One met inside an update is held once more, a moment later: it may have had no processor meanwhile. */
static bool try_again(const struct look *l, int *torn)
{
	if (!l->tracing.torn || *torn >= MOST_TORN)
		return false;
	nanosleep(&(struct timespec) { .tv_nsec = 1000000L << (*torn)++ }, NULL);
	return true;
}

static struct tm_error *capture_live(struct look *l, const struct tm_capture_options *o)
{
	struct tm_memory *m = &l->finder.target->memory;
	struct tm_target *t = l->finder.target;
	struct tm_error *err = t->still ? NULL : look(l, false); /* one that stands still loses no time while it is read */
	int torn = 0;
	for (int round = 0; !err && l->have_chosen && round < ROUNDS;) {
		err = hold_and_copy(t);
		if (err)
			return err;
		m->frozen = true;
		m->wanted.n = 0;
		err = look_again(l, o->traces);
		m->frozen = false;
		const struct tm_judgement *j = &l->tracing;
		bool whole = !m->wanted.n && j->verdict != TM_REJECTED && j->verdict != TM_UNREADABLE && !j->gone;
		if (!err && whole && !try_again(l, &torn))
			return NULL;
		round += !whole;
	}
	/* Off, nothing found while it ran, or changing too fast to be caught: everything again while it is held. */
	do {
		if (!err)
			err = tm_target_stop(t);
		if (err)
			return err;
		look_afresh(l);
		err = look(l, o->traces);
		struct tm_error *err2 = tm_target_resume(t);
		tm_error_free(err ? err2 : NULL);
		err = err ? err : err2;
	} while (!err && !t->still && try_again(l, &torn));
	return err;
}

struct tm_error *tm_capture(struct tm_target *t, const struct tm_capture_options *o, struct tm_snapshot **ret)
{
	struct look l = { .finder = { .target = t, .verify = o->verify } };
	bool live = t->kind == TM_KIND_PROCESS && !t->guarded;
	struct tm_error *err = t->ops && t->ops->check ? t->ops->check(t) : NULL;
	struct tm_snapshot *s = NULL;
	if (!err)
		err = !live ? look(&l, o->traces) : o->no_stop ? capture_running(&l, o) : capture_live(&l, o);
	if (!err && l.have_chosen && l.tracing.verdict == TM_TRACING) {
		s = l.tracing.snapshot;
		l.tracing.snapshot = NULL;
		err = describe(&l, &l.chosen, s);
	} else if (!err && !l.doubtful && (l.not_tracing || (l.have_chosen && l.tracing.verdict == TM_NOT_TRACING))) {
		if (!l.not_tracing) { /* it was switched off between two looks */
			l.off = l.chosen;
			l.off_state = l.tracing.state;
		}
		err = off_snapshot(&l, &s);
	} else if (!err) {
		err = explain(&l);
	}
	if (!err && t->ops && t->ops->check)
		err = t->ops->check(t);
	look_deinit(&l);
	if (err)
		tm_snapshot_unref(s);
	else
		*ret = s;
	return err;
}
