/* tm snapshot */
#include "args.h"
#include "tm/store.h"
#include <sys/stat.h>

struct tm_error *tm_run_snapshot(struct tm_session *s, const struct tm_args *args)
{
	struct tm_snapshot *snap;
	struct stat st;
	if (!args->output)
		return tm_error_new(TM_ERR_USAGE, "where to? usage: tm snapshot [SOURCE] -o FILE");
	/* Before a process is stopped for it. */
	if (!args->force && !stat(args->output, &st) && S_ISREG(st.st_mode))
		return tm_error_new(TM_ERR_USAGE, "%s exists already; --force overwrites it", args->output);
	struct tm_error *err = tm_source_snapshot(s, args, args->noperands ? args->operands[0] : NULL, true, &snap);
	if (err)
		return err;
	err = tm_source_strict(args, snap); /* an incomplete file is not wanted then */
	if (!err)
		err = tm_snapshot_save(snap, args->output, args->force, &s->front.poll);
	if (!err) {
		struct tm_text t = { 0 };
		struct tm_report r = { .snapshot = snap };
		uint64_t count;
		tm_u128 size;
		tm_snapshot_total(snap, &count, &size);
		tm_text_puts(&t, "Wrote ");
		tm_text_grouped(&t, count);
		tm_text_printf(&t, " %s, ", tm_plural(count, "block", "blocks"));
		tm_text_size(&t, tm_divide(size, 1), false);
		tm_text_puts(&t, ", to ");
		tm_text_puts(&t, args->output);
		tm_text_puts(&t, "; ");
		tm_text_origin(&t, snap);
		r.heading = tm_text_str(&t);
		static const struct tm_column none[1];
		r.columns = none;
		err = tm_text_error(&t);
		if (!err)
			err = tm_render(&r, &(struct tm_render_options) { .format = TM_FORMAT_TABLE }, &s->front.out, &s->front.poll);
		tm_text_free(&t);
	}
	tm_snapshot_unref(snap);
	return err;
}
