/* tm start, stop, clear-traces and reset-peak. */
#include "args.h"
#include "tm/cleanup.h"
#include "tm/control.h"
#include "tm/number.h"
#include <string.h>

/* The command's name says what is wanted. */
static struct tm_error *order_of(const struct tm_args *args, struct tm_order *ret)
{
	static const struct {
		const char *name;
		enum tm_verb verb;
	} rows[] = { { "start", TM_START }, { "stop", TM_STOP }, { "clear-traces", TM_CLEAR_TRACES }, { "reset-peak", TM_RESET_PEAK } };
	uint64_t nframe = 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		if (strcmp(rows[i].name, args->command->name) == 0)
			ret->verb = rows[i].verb;
	if (args->noperands && (!tm_parse_u64(args->operands[0], &nframe) || !nframe || nframe > TM_MOST_NFRAME))
		return tm_error_new(TM_ERR_USAGE, "the number of frames is 1 to %d, not '%s'", TM_MOST_NFRAME, args->operands[0]);
	if (!args->timeout || args->timeout > 86400)
		return tm_error_new(TM_ERR_USAGE, "--timeout is 1 to 86400 seconds");
	ret->nframe = (unsigned)nframe;
	ret->seconds = (double)args->timeout;
	return NULL;
}

static struct tm_error *say(struct tm_session *s, const struct tm_snapshot *now, enum tm_way way)
{
	struct tm_text t = { 0 };
	tm_text_origin(&t, now);
	if (!now->about.tracing)
		tm_text_puts(&t, ": tracemalloc is not tracing");
	else {
		tm_text_printf(&t, ": tracemalloc is tracing, limit %u %s; ", now->about.limit, tm_plural(now->about.limit, "frame", "frames"));
		tm_text_size(&t, (double)now->about.traced, false);
		tm_text_puts(&t, " traced");
		if (now->about.has_peak) {
			tm_text_puts(&t, ", peak ");
			tm_text_size(&t, (double)now->about.peak, false);
		}
	}
	tm_text_printf(&t, way == TM_WAY_NONE ? "; %s\n" : "; done by %s\n", tm_way_names[way]);
	struct tm_error *err = tm_text_error(&t);
	if (!err)
		s->front.out.write(s->front.out.ctx, t.s, t.len);
	tm_text_free(&t);
	return err;
}

static struct tm_error *look(struct tm_session *s, const struct tm_args *args, struct tm_snapshot **ret, struct tm_target **target)
{
	const struct tm_command *c = args->command;
	if (!args->has_pid && !args->core && !s->front.target)
		return tm_error_new(TM_ERR_USAGE, "which process? usage: tm %s%s%s -p PID", c->name, *c->operands ? " " : "", c->operands);
	struct tm_error *err = tm_source_open(s, args, NULL, false, ret, target);
	if (!err && !*target) {
		tm_snapshot_unref(*ret);
		*ret = NULL;
		err = tm_error_new(TM_ERR_UNSUPPORTED, "'tm %s' needs a live process: -p PID", c->name);
	}
	return err;
}

static struct tm_error *by_debugger(struct tm_session *s, const struct tm_args *args, int pid, double seconds)
{
	return s->front.control(s->front.ctx, pid, args->command->name, args->operands, args->noperands, seconds < 1 ? 1 : (uint64_t)seconds);
}

/*
 * By ourselves. A process all of whose threads wait never comes to run a script: a debugger can make one of them do it, and is asked to
 * after a while, where there is one.
 */
static struct tm_error *alone(struct tm_session *s, const struct tm_args *args, const struct tm_order *order, struct tm_snapshot *before,
	struct tm_target *target, enum tm_way *way, bool *driven)
{
	enum { WHILE = 2 }; /* seconds */
	struct tm_order first = *order, rest = *order;
	first.seconds = s->front.control && !target->still && order->seconds > WHILE ? WHILE : order->seconds;
	rest.seconds = order->seconds - (rest.before = first.seconds);
	struct tm_error *err = tm_control(target, &before->about, &first, NULL, way);
	if (!err || tm_error_code(err) != TM_ERR_TIMEOUT || rest.seconds <= 0)
		return err;
	tm_error_free(err);
	err = by_debugger(s, args, target->pid, rest.seconds);
	*driven = !err || tm_error_code(err) != TM_ERR_NOTFOUND;
	if (*driven)
		return err;
	tm_error_free(err);
	return tm_control(target, &before->about, &rest, NULL, way);
}

/* What was captured goes on: TARGET is closed before the process is looked at again. */
static struct tm_error *carry_out(struct tm_session *s, const struct tm_args *args, const struct tm_order *order, struct tm_snapshot *before,
	struct tm_target *target)
{
	bool in_debugger = s->front.hands && !args->has_pid, driven = false;
	int tracer = in_debugger ? 0 : tm_process_tracer(target->pid);
	if (!in_debugger && tm_process_lost_main(target->pid))
		return tm_error_new(TM_ERR_UNSUPPORTED, "process %d: it has no main thread any more", target->pid);
	if (tracer && !tm_process_is_ours(target->pid))
		return tm_error_new(TM_ERR_UNSUPPORTED, "process %d is held by process %d (a debugger or strace): 'tm %s' there, or let it go first",
			target->pid, tracer, args->command->name);
	if (!in_debugger && !tm_control_alone(&before->about)) {
		if (s->front.control)
			return by_debugger(s, args, target->pid, order->seconds);
		return tm_error_new(TM_ERR_UNSUPPORTED, "process %d: Python %s is controlled by the debugger that holds it: attach to it first", target->pid,
			before->about.python);
	}
	enum tm_way way = TM_WAY_NONE;
	struct tm_snapshot *after = NULL;
	struct tm_error *err = in_debugger ? tm_control(target, &before->about, order, s->front.hands, &way) :
		alone(s, args, order, before, target, &way, &driven);
	if (!err && !driven)
		err = tm_source_open(s, args, NULL, false, &after, NULL);
	if (!err && !driven)
		err = tm_control_verify(&after->about, order);
	if (!err && !driven)
		err = say(s, after, way);
	tm_snapshot_unref(after);
	return err;
}

struct tm_error *tm_run_control(struct tm_session *s, const struct tm_args *args)
{
	struct tm_order order = { 0 };
	struct tm_snapshot *before;
	struct tm_target *target;
	bool needed;
	struct tm_error *err = order_of(args, &order);
	if (!err)
		err = look(s, args, &before, &target);
	if (err)
		return err;
	err = tm_control_check(&before->about, &order, &needed);
	if (!err)
		err = needed ? carry_out(s, args, &order, before, target) : say(s, before, TM_WAY_NONE);
	tm_snapshot_unref(before);
	tm_target_close(target);
	return err;
}
