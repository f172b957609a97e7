/* tm snapshot: kept in the session, written to a file, or both. */
#include "args.h"
#include "tm/store.h"
#include <string.h>
#include <sys/stat.h>

static void put_total(struct tm_text *t, const struct tm_snapshot *snap)
{
	uint64_t count;
	tm_u128 size;
	tm_snapshot_total(snap, &count, &size);
	tm_text_grouped(t, count);
	tm_text_printf(t, " %s, ", tm_plural(count, "block", "blocks"));
	tm_text_size(t, tm_divide(size, 1), false);
}

static void put_growth(struct tm_text *t, const struct tm_held *before, const struct tm_snapshot *now)
{
	uint64_t count, old_count;
	tm_u128 size, old_size;
	tm_snapshot_total(now, &count, &size);
	tm_snapshot_total(before->snapshot, &old_count, &old_size);
	tm_text_puts(t, count < old_count ? " (-" : " (+");
	tm_text_grouped(t, count < old_count ? old_count - count : count - old_count);
	tm_text_printf(t, " %s, ", tm_plural(count < old_count ? old_count - count : count - old_count, "block", "blocks"));
	tm_text_size(t, size < old_size ? -tm_divide(old_size - size, 1) : tm_divide(size - old_size, 1), true);
	tm_text_printf(t, " since %s)", before->name);
}

/* One line about what was done, and so can no longer be interrupted. */
struct tm_error *tm_session_say(struct tm_session *s, const struct tm_snapshot *snap, struct tm_text *t)
{
	static const struct tm_column none[1];
	struct tm_report r = { .snapshot = snap, .heading = tm_text_str(t), .columns = none };
	struct tm_error *err = tm_text_error(t);
	if (!err)
		err = tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TABLE }, &s->front.out, NULL);
	tm_text_free(t);
	return err;
}

/* The shape of blocks that Python VERSION ("3.8") loads; NULL: the snapshot's own. */
static struct tm_error *shape_for(const char *version, enum tm_pickle_shape *ret)
{
	uint64_t minor;
	if (!version)
		return NULL;
	if (strncmp(version, "3.", 2) != 0 || !tm_parse_u64(version + 2, &minor))
		return tm_error_new(TM_ERR_USAGE, "--for-python takes a version such as 3.8 or 3.13, not '%s'", version);
	*ret = minor <= 8 ? TM_PICKLE_3 : TM_PICKLE_4;
	return NULL;
}

struct tm_error *tm_args_write(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap)
{
	struct tm_text t = { 0 };
	enum tm_pickle_shape shape = TM_PICKLE_AUTO;
	bool pickle = args->command->groups & TM_GROUP_DUMP && args->dump_as == TM_DUMP_PICKLE;
	struct tm_error *err = pickle ? shape_for(args->for_python, &shape) : NULL;
	if (!err)
		err = pickle ? tm_snapshot_dump(snap, args->output, args->force, shape, &s->front.poll)
			     : tm_snapshot_save(snap, args->output, args->force, &s->front.poll);
	if (err)
		return err;
	tm_text_puts(&t, "Wrote ");
	put_total(&t, snap);
	tm_text_printf(&t, ", to %s; ", args->output);
	tm_text_origin(&t, snap);
	return tm_session_say(s, snap, &t);
}

static struct tm_error *keep(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap)
{
	struct tm_text t = { 0 }, where = { 0 };
	size_t before = s->held.n;
	struct tm_text growth = { 0 };
	struct tm_error *err = NULL;
	if (before)
		put_growth(&growth, &s->held.items[before - 1], snap);
	if (!args->noperands && !args->core && !args->has_pid && s->front.where)
		err = s->front.where(s->front.ctx, &where);
	if (!err)
		err = tm_session_hold(s, args->name, args->force, tm_text_str(&where), snap);
	if (!err) {
		tm_text_printf(&t, "Snapshot %s: ", s->held.items[s->held.n - 1].name);
		put_total(&t, snap);
		tm_text_puts(&t, tm_text_str(&growth));
		tm_text_puts(&t, "; ");
		tm_text_origin(&t, snap);
		err = tm_session_say(s, snap, &t);
	}
	tm_text_free(&where);
	tm_text_free(&growth);
	return err;
}

struct tm_error *tm_args_check_output(const struct tm_session *s, const struct tm_args *args)
{
	struct stat st;
	if (args->name && !s->front.lasting)
		return tm_error_new(TM_ERR_USAGE, "the shell keeps no snapshots from one command to the next; -o FILE writes one");
	struct tm_error *err = args->name ? tm_session_name(s, args->name, args->force) : NULL;
	if (!err && args->output && !args->force && !stat(args->output, &st) && S_ISREG(st.st_mode))
		err = tm_error_new(TM_ERR_USAGE, "%s exists already; --force overwrites it", args->output);
	return err;
}

struct tm_error *tm_args_deliver(struct tm_session *s, const struct tm_args *args, struct tm_snapshot *snap)
{
	struct tm_error *err = args->output ? tm_args_write(s, args, snap) : NULL;
	return !err && (args->name || !args->output) ? keep(s, args, snap) : err;
}

struct tm_error *tm_run_snapshot(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	struct tm_error *err = tm_args_check_output(s, args); /* before a process is stopped for it */
	if (!err && !args->output && !s->front.lasting)
		err = tm_error_new(TM_ERR_USAGE, "where to? usage: tm %s %s -o FILE", args->command->name, args->command->operands);
	if (!err)
		err = tm_source_snapshot(s, args, args->noperands ? args->operands[0] : NULL, true, &snap);
	if (err)
		return err;
	err = tm_source_strict(args, snap); /* an incomplete snapshot is not wanted then */
	if (!err)
		err = tm_args_deliver(s, args, snap);
	tm_snapshot_unref(snap);
	return err;
}

struct tm_error *tm_run_dump(struct tm_session *s, const struct tm_args *args)
{
	enum tm_pickle_shape shape;
	if (!args->output)
		return tm_error_new(TM_ERR_USAGE, "where to? usage: tm %s %s", args->command->name, args->command->operands);
	if (args->for_python && args->dump_as != TM_DUMP_PICKLE)
		return tm_error_new(TM_ERR_USAGE, "--for-python goes with --as pickle");
	struct tm_error *err = shape_for(args->for_python, &shape);
	return err ? err : tm_run_snapshot(s, args);
}

struct tm_error *tm_run_load(struct tm_session *s, const struct tm_args *args)
{
	if (!args->noperands)
		return tm_error_new(TM_ERR_USAGE, "which file? usage: tm load %s", args->command->operands);
	if (!s->front.lasting)
		return tm_error_new(TM_ERR_USAGE, "the shell keeps no snapshots from one command to the next; every command takes %s as SOURCE",
			args->operands[0]);
	return tm_run_snapshot(s, args);
}
