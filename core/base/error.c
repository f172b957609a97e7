/* Error values. Knows nothing but memory and errno. */
#include "tm/error.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tm_error {
	enum tm_errcode code;
	int errnum;
	uint64_t addr;
	char *message;
};

/* Reporting that memory ran out must not need memory. */
static struct tm_error out_of_memory = { .code = TM_ERR_NOMEM, .message = (char *)"out of memory" };

enum tm_errcode tm_error_code(const struct tm_error *err)
{
	return err->code;
}

const char *tm_error_message(const struct tm_error *err)
{
	return err->message;
}

uint64_t tm_error_address(const struct tm_error *err)
{
	return err->addr;
}

int tm_error_errno(const struct tm_error *err)
{
	return err->errnum;
}

int tm_error_status(enum tm_errcode code)
{
	switch (code) {
	case TM_ERR_USAGE:
		return 2;
	case TM_ERR_NOTPYTHON:
	case TM_ERR_NOTTRACING:
		return 3;
	case TM_ERR_INCOMPLETE:
		return 4;
	default:
		return 1;
	}
}

static struct tm_error *make(enum tm_errcode code, uint64_t addr, char *message)
{
	struct tm_error *err = message ? malloc(sizeof *err) : NULL;
	if (!err) {
		free(message);
		return &out_of_memory;
	}
	*err = (struct tm_error) { .code = code, .addr = addr, .message = message };
	return err;
}

static char *format(const char *fmt, va_list ap)
{
	char *s;
	return vasprintf(&s, fmt, ap) < 0 ? NULL : s;
}

#define FORMAT(s)                                                                                            \
	va_list ap;                                                                                          \
	va_start(ap, fmt);                                                                                   \
	char *s = format(fmt, ap);                                                                           \
	va_end(ap)

struct tm_error *tm_error_new(enum tm_errcode code, const char *fmt, ...)
{
	FORMAT(s);
	return make(code, 0, s);
}

struct tm_error *tm_error_fault(uint64_t addr, const char *fmt, ...)
{
	FORMAT(s);
	return make(TM_ERR_FAULT, addr, s);
}

struct tm_error *tm_error_os(int errnum, const char *fmt, ...)
{
	FORMAT(s);
	char buf[128], *joined = NULL;
	if (s && asprintf(&joined, "%s: %s", s, strerror_r(errnum, buf, sizeof buf)) < 0)
		joined = NULL;
	free(s);
	struct tm_error *err = make(TM_ERR_OS, 0, joined);
	if (err != &out_of_memory)
		err->errnum = errnum;
	return err;
}

struct tm_error *tm_error_nomem(void)
{
	return &out_of_memory;
}

struct tm_error *tm_error_prefix(struct tm_error *err, const char *fmt, ...)
{
	if (err == &out_of_memory || err->code == TM_ERR_INTERRUPTED)
		return err;
	FORMAT(s);
	char *joined;
	if (s && asprintf(&joined, "%s: %s", s, err->message) >= 0) {
		free(err->message);
		err->message = joined;
	}
	free(s);
	return err;
}

struct tm_error *tm_error_rename(struct tm_error *err, const char *name, const char *other)
{
	const char *at = err == &out_of_memory ? NULL : strstr(err->message, name);
	char *renamed;
	if (at && asprintf(&renamed, "%.*s%s%s", (int)(at - err->message), err->message, other, at + strlen(name)) >= 0) {
		free(err->message);
		err->message = renamed;
	}
	return err;
}

void tm_error_free(struct tm_error *err)
{
	if (!err || err == &out_of_memory)
		return;
	free(err->message);
	free(err);
}
