/* A target behind a debugger's callbacks. */
#include "common.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct host {
	const struct tm_host_ops *ops;
	void *ctx;
};

static void close_host(struct tm_target *t)
{
	free(t->impl);
}

static const struct tm_target_ops ops = { .close = close_host };

static struct tm_error *new_host(enum tm_kind kind, const char *name, const struct tm_host_ops *host_ops, void *ctx, unsigned word,
	bool big, int pid, const struct tm_search *search, struct tm_poll poll, struct tm_target **ret)
{
	struct tm_target *t = NULL;
	struct tm_error *err = tm_target_new(kind, name, word, big, search, poll, &t);
	if (err)
		return err;
	struct host *h = calloc(1, sizeof *h);
	if (!h) {
		tm_target_close(t);
		return tm_error_nomem();
	}
	*h = (struct host) { host_ops, ctx };
	t->impl = h;
	t->ops = &ops;
	t->pid = pid;
	t->stopped = true;
	t->memory.fill = host_ops->read;
	t->memory.ctx = ctx;
	*ret = t;
	return NULL;
}

static bool copy_text(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return !from || *to;
}

struct tm_error *tm_target_open_host(const struct tm_host_ops *host_ops, void *host, unsigned word, bool big,
	int pid, const struct tm_search *search, struct tm_poll poll, struct tm_target **ret)
{
	struct tm_target *t = NULL;
	char name[40] = "the debugger's target";
	if (pid > 0)
		snprintf(name, sizeof name, "process %d", pid);
	struct tm_error *err = new_host(TM_KIND_HOST, name, host_ops, host, word, big, pid, search, poll, &t);
	if (err)
		return err;
	t->memory.open_ended = true;
	if (!copy_text(&t->stopped_by, "the debugger") || !copy_text(&t->exe, t->search.exe))
		err = tm_error_nomem();
	if (host_ops->phdr)
		t->phdr = host_ops->phdr(host);
	if (!err && host_ops->regions)
		err = host_ops->regions(host, t);
	if (!err)
		err = tm_target_settle(t);
	if (err) {
		tm_target_close(t);
		return err;
	}
	*ret = t;
	return NULL;
}

void tm_target_runs(struct tm_target *t)
{
	free(t->stopped_by);
	t->stopped_by = NULL;
	t->stopped = false;
}

struct tm_error *tm_target_open_through(const struct tm_host_ops *host_ops, void *host, const struct tm_target *map,
	struct tm_target **ret)
{
	struct tm_target *t = NULL;
	struct tm_error *err = new_host(map->kind, map->name, host_ops, host, map->memory.word, map->memory.big, map->pid, &map->search,
		map->poll, &t);
	if (err)
		return err;
	t->signal = map->signal;
	t->has_fault = map->has_fault;
	t->fault_address = map->fault_address;
	t->truncated = map->truncated;
	t->phdr = map->phdr;
	if (!copy_text(&t->stopped_by, map->stopped_by) || !copy_text(&t->exe, map->exe))
		err = tm_error_nomem();
	for (size_t i = 0; !err && i < map->regions.n; i++) {
		const struct tm_region *r = &map->regions.items[i];
		err = tm_target_add_region(t, r->start, r->end, r->prot, r->path, r->offset, r->there);
		if (!err && r->there)
			err = tm_memory_add_lazy(&t->memory, r->start, r->there);
	}
	if (!err)
		err = tm_target_settle(t);
	if (err) {
		tm_target_close(t);
		return err;
	}
	*ret = t;
	return NULL;
}
