/* The table of tracebacks, read in pieces: each entry is looked up among the tracebacks that blocks refer to. */
#include "listed.h"
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
	struct tm_listed *referred; /* shared, but each traceback is in the table once */
	struct tm_listed *others;   /* those that nobody refers to: of its own where there are several parts */
	struct tm_listed own;
	struct tm_map *ids;
	struct tm_walk walk;
	const struct tm_table *table;
	uint64_t *next;
	struct tm_tally_of_walk tally;
};

static struct tm_error *take(void *ctx, const struct tm_entry *e, size_t n)
{
	struct part *p = ctx;
	struct tm_listed *l = p->others;
	for (size_t i = 0; i < n; i++)
		tm_map_prefetch(p->ids, e[i].key);
	if (!tm_array_reserve(&l->addrs, n) || !tm_array_reserve(&l->filed, n))
		return tm_error_nomem();
	for (size_t i = 0; i < n; i++) {
		const struct tm_known *k = tm_map_find(p->ids, e[i].key); /* has room: it never grows here */
		if (e[i].value) {
			l->value_at = e[i].key;
			if (++l->nvalues > HOPELESS)
				return tm_error_new(TM_ERR_CORRUPT, "a table of something else than tracebacks");
		}
		if (k->id) {
			__atomic_store_n(&p->referred->filed.items[k->id - 1], tm_fold(e[i].hash), __ATOMIC_RELAXED);
			l->nfound++;
			continue;
		}
		l->addrs.items[l->addrs.n++] = e[i].key;
		l->filed.items[l->filed.n++] = tm_fold(e[i].hash);
	}
	return NULL;
}

static struct tm_error *work(void *ctx)
{
	struct part *p = ctx;
	return tm_walk_entries(&p->walk, p->table, p->next, take, p, &p->tally);
}

static bool append(struct tm_listed *l, const struct tm_listed *part)
{
	if (!tm_array_reserve(&l->addrs, part->addrs.n) || !tm_array_reserve(&l->filed, part->addrs.n))
		return false;
	if (part->addrs.n) {
		memcpy(l->addrs.items + l->addrs.n, part->addrs.items, part->addrs.n * sizeof *part->addrs.items);
		memcpy(l->filed.items + l->filed.n, part->filed.items, part->addrs.n * sizeof *part->filed.items);
	}
	l->addrs.n += part->addrs.n;
	l->filed.n += part->addrs.n;
	l->nfound += part->nfound;
	l->nvalues += part->nvalues;
	l->value_at = part->nvalues ? part->value_at : l->value_at;
	return true;
}

struct tm_error *tm_list_tracebacks(struct tm_listed *l, struct tm_map *ids, struct tm_walk *w, const struct tm_table *table, bool lean,
	struct tm_tally_of_walk *tally)
{
	size_t n = lean || table->nentries < PARALLEL ? 1 : tm_threads_for(w->target);
	struct part *parts = calloc(n, sizeof *parts);
	struct tm_job jobs[TM_MOST_THREADS];
	uint64_t next = 0;
	l->nreferred = l->addrs.n;
	if (!parts || !tm_array_reserve(&l->filed, l->nreferred) || !tm_map_reserve(ids, 1)) {
		free(parts);
		return tm_error_nomem();
	}
	if (l->nreferred)
		memset(l->filed.items, 0, l->nreferred * sizeof *l->filed.items);
	l->filed.n = l->nreferred;
	for (size_t i = 0; i < n; i++) {
		struct part *p = &parts[i];
		*p = (struct part) { .referred = l, .others = n > 1 ? &p->own : l, .ids = ids, .table = table, .next = &next };
		tm_walk_init(&p->walk, w->target, w->layout);
		p->walk.poll = w->poll;
		jobs[i] = (struct tm_job) { .work = work, .ctx = p, .poll = &p->walk.poll };
	}
	struct tm_error *err = tm_threads_run(jobs, n);
	for (size_t i = 0; i < n; i++) {
		if (!err && !append(l, &parts[i].own))
			err = tm_error_nomem();
		tm_tally_of_walk_add(tally, &parts[i].tally);
		tm_walk_deinit(&parts[i].walk);
		tm_listed_deinit(&parts[i].own);
	}
	free(parts);
	tally->endless |= tally->walked > table->nentries + 2;
	return err;
}
