/* CPython 3.8-3.13: a pending call, or on the main thread while that waits. Source text is put into a page of its own. */
#include "internal.h"
#include <string.h>
#include <sys/mman.h>

enum {
	PAGE = 4096,
	SLICE = 1,		/* seconds that a call stays queued before it is seen whether the main thread has gone to sleep */
	MOST_INTERPRETER = 64 << 10, /* of its state, where the queue is since 3.9 */
};

static struct tm_error *call(struct tm_control *c, uint64_t function, const uint64_t *args, unsigned n, uint64_t *ret)
{
	/* What is called here returns at once; what does not has met something that nobody foresaw. */
	double left = tm_control_left(c);
	return c->hands->call(c->hands->ctx, c->main->tid, function, args, n, left > SLICE ? left : SLICE, ret);
}

static struct tm_error *map_page(struct tm_control *c, uint64_t *page)
{
	const uint64_t args[] = { 0, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0 };
	struct tm_error *err = call(c, c->mmap, args, 6, page);
	if (!err && (!*page || *page % PAGE))
		err = tm_error_new(TM_ERR_OS, "%s: it could not get a page of memory", c->t->name);
	struct tm_text source = { 0 };
	tm_control_source(c->order, &source);
	if (!err)
		err = tm_text_error(&source);
	if (!err)
		err = c->hands->write(c->hands->ctx, *page, source.s, source.len + 1);
	tm_text_free(&source);
	return err;
}

static struct tm_error *unmap_page(struct tm_control *c, uint64_t page)
{
	uint64_t ignored;
	return call(c, c->munmap, (const uint64_t[]) { page, PAGE }, 2, &ignored);
}

/* Where the pair (PyRun_SimpleString, PAGE) lies in LEN bytes at ADDR; 0: nowhere. */
static uint64_t find_pair(struct tm_control *c, uint64_t addr, uint64_t len, uint64_t page)
{
	for (uint64_t at = addr; at < addr + len;) {
		size_t have, want = (size_t)(addr + len - at);
		const unsigned char *p = tm_memory_view(&c->t->memory, at, want, &have);
		for (size_t i = 0; p && i + 16 <= have; i += 8) {
			uint64_t pair[2];
			memcpy(pair, p + i, sizeof pair);
			if (pair[0] == c->fn[TM_FN_RUN] && pair[1] == page)
				return at + i;
		}
		at = p && have > 16 ? at + have - 8 : (at | (PAGE - 1)) + 1;
		if (p && have >= want)
			break;
	}
	return 0;
}

/*
 * Out of the queue again: its entry becomes a call that does nothing, the page is given back. Was it taken out already, to be run
 * this very moment, an empty text is run. *DONE: nothing is left of it.
 */
static struct tm_error *withdraw(struct tm_control *c, uint64_t page)
{
	const uint64_t nothing[2] = { c->fn[TM_FN_NOTHING], 0 };
	struct tm_error *err = c->hands->write(c->hands->ctx, page, "", 1);
	tm_memory_forget(&c->t->memory);
	uint64_t at = err ? 0 : find_pair(c, c->fn[TM_FN_RUNTIME], c->runtime_size, page);
	if (!err && !at)
		at = find_pair(c, c->interpreter, MOST_INTERPRETER, page);
	if (!err && at)
		err = c->hands->write(c->hands->ctx, at, nothing, sizeof nothing);
	return err || !at ? err : unmap_page(c, page);
}

/* On, from inside the queue, to where bytecode is run: other pending calls may come first. */
static struct tm_error *leave_queue(struct tm_control *c)
{
	char name[64];
	bool left;
	struct tm_error *err = tm_control_stacks(c);
	for (unsigned i = 1; !err && i < c->main->n; i++) {
		tm_control_function(c, c->main->pc[i] - 1, name);
		if (strcmp(name, "_PyEval_EvalFrameDefault") == 0)
			return c->hands->finish(c->hands->ctx, c->main->tid, i - 1, SLICE, &left);
	}
	return err;
}

struct tm_error *tm_control_pending(struct tm_control *c, bool *done)
{
	uint64_t page, full;
	int tid = 0;
	double left = tm_control_left(c);
	struct tm_error *err = map_page(c, &page);
	if (err)
		return err;
	err = call(c, c->fn[TM_FN_ADD_PENDING], (const uint64_t[]) { c->fn[TM_FN_RUN], page }, 2, &full);
	if (!err && (int32_t)full) {
		err = unmap_page(c, page);
		return err ? err : tm_error_new(TM_ERR_OS, "%s: its queue of pending calls is full", c->t->name);
	}
	if (!err)
		err = c->hands->run_to(c->hands->ctx, c->fn[TM_FN_RUN], &page, left < SLICE ? left : SLICE, &tid);
	if (!err && tid)
		err = c->hands->finish(c->hands->ctx, tid, 0, left > SLICE ? left : SLICE, done);
	if (!err && tid && !*done)
		return tm_error_new(TM_ERR_OS, "%s: it began in the main thread, but has not come to its end: some lock may be held that it needs", c->t->name);
	if (!tid) { /* time is up, the user has stopped it, or something else has stopped the process */
		struct tm_error *err2 = withdraw(c, page);
		tm_error_free(err ? err2 : NULL);
		return err ? err : err2;
	}
	if (!err)
		err = unmap_page(c, page);
	return err ? err : leave_queue(c);
}

struct tm_error *tm_control_on_main(struct tm_control *c, bool *done)
{
	uint64_t page, has_gil, state, failed, ignored;
	struct tm_error *err = call(c, c->fn[TM_FN_GIL_CHECK], NULL, 0, &has_gil);
	/* It says yes to everybody once there has been a subinterpreter (3.8+: gilstate.check_enabled). */
	if (err || ((int32_t)has_gil && !tm_control_gil_is_free(c)))
		return err;
	*done = true;
	err = map_page(c, &page);
	if (err)
		return err;
	err = call(c, c->fn[TM_FN_GIL_ENSURE], NULL, 0, &state);
	if (!err) {
		err = call(c, c->fn[TM_FN_RUN], &page, 1, &failed);
		struct tm_error *err2 = call(c, c->fn[TM_FN_GIL_RELEASE], &state, 1, &ignored);
		tm_error_free(err ? err2 : NULL);
		err = err ? err : err2;
	}
	struct tm_error *err2 = unmap_page(c, page);
	tm_error_free(err ? err2 : NULL);
	return err ? err : err2;
}
