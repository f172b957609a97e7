/* A target behind a debugger's callbacks. */
#include "common.h"
#include <stdlib.h>

struct host {
	const struct tm_host_ops *ops;
	void *ctx;
};

static bool symbol(struct tm_target *t, const char *name, uint64_t *ret)
{
	struct host *h = t->impl;
	return h->ops->symbol && h->ops->symbol(h->ctx, name, ret);
}

static void close_host(struct tm_target *t)
{
	free(t->impl);
}

static const struct tm_target_ops ops = { .symbol = symbol, .close = close_host };

struct tm_error *tm_target_open_host(const struct tm_host_ops *host_ops, void *host, unsigned word, bool big,
	int pid, const struct tm_search *search, struct tm_poll poll, struct tm_target **ret)
{
	struct tm_target *t;
	struct tm_error *err = tm_target_new(TM_KIND_HOST, "the debugger's target", word, big, search, poll, &t);
	if (err)
		return err;
	struct host *h = calloc(1, sizeof *h);
	if (!h) {
		tm_target_close(t);
		return tm_error_nomem();
	}
	*h = (struct host) { host_ops, host };
	t->impl = h;
	t->ops = &ops;
	t->pid = pid;
	t->stopped = true;
	t->memory.fill = host_ops->read;
	t->memory.ctx = host;
	t->memory.open_ended = true;
	if (host_ops->phdr)
		t->phdr = host_ops->phdr(host);
	if (host_ops->regions)
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
