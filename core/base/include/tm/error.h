/* Errors are values: NULL is success, anything else belongs to the caller. */
#ifndef TM_ERROR_H
#define TM_ERROR_H
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tm_error;

enum tm_errcode {
	TM_ERR_NOMEM = 1,    /* this process is out of memory */
	TM_ERR_OS,           /* a system call failed */
	TM_ERR_FAULT,        /* no readable byte at an address of the target */
	TM_ERR_CORRUPT,      /* bytes were read but cannot be what they claim */
	TM_ERR_UNSUPPORTED,  /* understood, but not something tm can read */
	TM_ERR_NOTFOUND,     /* no such file, snapshot, block ... */
	TM_ERR_NOTPYTHON,    /* readable, but there is no Python in it */
	TM_ERR_NOTTRACING,   /* Python, but tracemalloc is not tracing */
	TM_ERR_USAGE,        /* the command line makes no sense */
	TM_ERR_INCOMPLETE,   /* --strict was asked for and something is missing */
	TM_ERR_INTERRUPTED,  /* the host asked us to stop */
	TM_ERR_TIMEOUT,      /* the target did not come to a certain point in time */
};

enum tm_errcode tm_error_code(const struct tm_error *err);
/* One sentence without a final full stop; valid until err is freed. */
const char *tm_error_message(const struct tm_error *err);
/* The address in the target that could not be read, for TM_ERR_FAULT; otherwise 0. */
uint64_t tm_error_address(const struct tm_error *err);
/* errno of the system call that failed, for TM_ERR_OS; otherwise 0. */
int tm_error_errno(const struct tm_error *err);
/* The number that scripts see: the shell's exit status and the kind of error in a debugger. */
int tm_error_status(enum tm_errcode code);

/* Never fails: when memory is short it returns the static out-of-memory error. */
struct tm_error *tm_error_new(enum tm_errcode code, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The message gets ": " and errno's text appended. */
struct tm_error *tm_error_os(int errnum, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct tm_error *tm_error_fault(uint64_t addr, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
struct tm_error *tm_error_nomem(void);
/* Puts "what: " before the message; consumes err and returns it. An interruption and a lack of memory are
 * nothing's fault: those stay as they are. */
struct tm_error *tm_error_prefix(struct tm_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Where the message says NAME, it says OTHER; consumes err and returns it. */
struct tm_error *tm_error_rename(struct tm_error *err, const char *name, const char *other);
void tm_error_free(struct tm_error *err); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
