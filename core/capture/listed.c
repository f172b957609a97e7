/* The table of tracebacks, read in pieces and compared, in the order of addresses, with what blocks refer to. */
#include "listed.h"
#include "marks.h"
#include <string.h>

enum {
	PARALLEL = 16384, /* entries from which on threads pay */
	HOPELESS = 256,	  /* entries with a value, after which it is another table */
};

void tm_listed_deinit(struct tm_listed *l)
{
	tm_array_free(&l->addrs);
	tm_array_free(&l->filed);
}

struct part {
	struct tm_marks marks; /* traceback, folded hash */
	uint64_t nvalues, value_at;
	struct tm_walk walk;
	const struct tm_table *table;
	uint64_t *next;
	struct tm_tally_of_walk tally;
};

static struct tm_error *take(void *ctx, const struct tm_entry *e, size_t n)
{
	struct part *p = ctx;
	if (!tm_array_reserve(&p->marks, n))
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		p->marks.items[p->marks.n++] = (struct tm_mark) { e[i].key, 0, tm_fold(e[i].hash) };
		if (!e[i].value)
			continue;
		p->value_at = e[i].key;
		if (++p->nvalues > HOPELESS)
			return tm_error_new(TM_ERR_CORRUPT, "a table of something else than tracebacks");
	}
	return NULL;
}

static struct tm_error *work(void *ctx)
{
	struct part *p = ctx;
	struct tm_error *err = tm_walk_entries(&p->walk, p->table, p->next, take, p, &p->tally);
	return err || tm_marks_sort(&p->marks) ? err : tm_error_nomem();
}

/* Both in order: what blocks refer to gets its hash, what they do not goes behind. */
static bool compare(struct tm_listed *l, struct tm_merge *merge)
{
	size_t k = 0, which;
	l->nreferred = l->addrs.n;
	if (!tm_array_reserve(&l->filed, l->nreferred))
		return false;
	if (l->nreferred)
		memset(l->filed.items, 0, l->nreferred * sizeof *l->filed.items);
	l->filed.n = l->nreferred;
	for (const struct tm_mark *m; (m = tm_merge_next(merge, &which));) {
		while (k < l->nreferred && l->addrs.items[k] < m->addr)
			k++;
		if (k < l->nreferred && l->addrs.items[k] == m->addr) {
			l->nfound += !l->filed.items[k];
			l->filed.items[k] = m->tag;
		} else if (!tm_array_push(&l->addrs, m->addr) || !tm_array_push(&l->filed, m->tag)) {
			return false;
		}
	}
	return true;
}

struct tm_error *tm_list_tracebacks(struct tm_listed *l, struct tm_walk *w, const struct tm_table *table, struct tm_tally_of_walk *tally)
{
	size_t n = table->gone ? 0 : table->nentries < PARALLEL ? 1 : tm_threads_for(w->target);
	struct part *parts = calloc(n + 1, sizeof *parts);
	struct tm_job jobs[TM_MOST_THREADS];
	struct tm_merge merge = { .n = n };
	uint64_t next = 0;
	if (!parts)
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		*p = (struct part) { .table = table, .next = &next };
		tm_walk_init(&p->walk, w->target, w->layout);
		p->walk.poll = w->poll;
		jobs[i] = (struct tm_job) { .work = work, .ctx = p, .poll = &p->walk.poll };
		merge.marks[i] = &p->marks;
	}
	struct tm_error *err = n ? tm_threads_run(jobs, n) : NULL;
	if (!err && !compare(l, &merge))
		err = tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		l->nvalues += p->nvalues;
		l->value_at = p->nvalues ? p->value_at : l->value_at;
		tm_tally_of_walk_add(tally, &p->tally);
		tm_walk_deinit(&p->walk);
		tm_array_free(&p->marks);
	}
	free(parts);
	tally->endless |= tally->walked > table->nentries + 2;
	return err;
}
