/* Registers by ptrace: the general ones, then what XSAVE saves, whatever its size. */
#include "tm/registers.h"
#include <errno.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

void tm_registers_free(struct tm_registers *r)
{
	free(r->bytes);
	*r = (struct tm_registers) { 0 };
}

#ifdef __x86_64__
enum { GENERAL = sizeof(struct user_regs_struct), MOST = 1 << 20, NT_X86_XSTATE_ = 0x202 };

static struct tm_error *failed(int tid, const char *what)
{
	return tm_error_os(errno, "%s the registers of thread %d", what, tid);
}

struct tm_error *tm_registers_get(int tid, struct tm_registers *ret)
{
	*ret = (struct tm_registers) { .bytes = malloc(MOST) };
	if (!ret->bytes)
		return tm_error_nomem();
	struct iovec rest = { ret->bytes + GENERAL, MOST - GENERAL };
	if (ptrace(PTRACE_GETREGS, tid, 0, ret->bytes) || ptrace(PTRACE_GETREGSET, tid, NT_X86_XSTATE_, &rest)) {
		struct tm_error *err = failed(tid, "reading");
		tm_registers_free(ret);
		return err;
	}
	ret->n = GENERAL + rest.iov_len;
	return NULL;
}

struct tm_error *tm_registers_set(int tid, const uint8_t *bytes, size_t n)
{
	if (n <= GENERAL || n > MOST)
		return tm_error_new(TM_ERR_USAGE, "%zu bytes are not the registers of a thread", n);
	struct iovec rest = { (void *)(uintptr_t)(bytes + GENERAL), n - GENERAL };
	if (ptrace(PTRACE_SETREGSET, tid, NT_X86_XSTATE_, &rest) || ptrace(PTRACE_SETREGS, tid, 0, bytes))
		return failed(tid, "writing");
	return NULL;
}
#else
struct tm_error *tm_registers_get(int tid, struct tm_registers *ret)
{
	*ret = (struct tm_registers) { 0 };
	return tm_error_new(TM_ERR_UNSUPPORTED, "the registers of this machine are not known");
}

struct tm_error *tm_registers_set(int tid, const uint8_t *bytes, size_t n)
{
	return tm_error_new(TM_ERR_UNSUPPORTED, "the registers of this machine are not known");
}
#endif
