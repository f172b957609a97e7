/* tm record: snapshots at a breakpoint of the host's. */
#include "args.h"

struct tm_error *tm_run_record(struct tm_session *s, const struct tm_args *args)
{
	struct tm_text location = { 0 };
	if (!s->front.record)
		return tm_error_new(TM_ERR_USAGE, "'tm record' is for debuggers: 'tm gdb PID' and 'tm lldb PID' start one");
	if (!args->nrest)
		return tm_error_new(TM_ERR_USAGE, "where? usage: tm record LOCATION");
	for (unsigned i = 0; i < args->nrest; i++)
		tm_text_printf(&location, "%s%s", i ? " " : "", args->raw_rest[i]);
	struct tm_error *err = tm_text_error(&location);
	if (!err)
		err = s->front.record(s->front.ctx, location.s);
	tm_text_free(&location);
	return err;
}
