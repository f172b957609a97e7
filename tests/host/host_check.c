/*
 * A stand-in for a debugger: runs a command of tm on a process whose bytes come through callbacks alone.
 *   host_check PID regions|none COMMAND [OPTION]...
 * With "regions" the map of the process is lent, too; with "none" there is only memory and AT_PHDR, as over a remote stub.
 */
#include "tm/command.h"
#include <elf.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

struct host {
	int pid;
	bool regions;
	uint64_t reads;
};

/* Short reads, as debuggers give them: never across a 1 MiB line. */
static size_t read_some(void *ctx, uint64_t addr, void *buf, size_t len)
{
	struct host *h = ctx;
	size_t most = (size_t)((1 << 20) - (addr & ((1 << 20) - 1)));
	size_t done = 0;
	while (done < len) {
		size_t n = len - done < most ? len - done : most;
		struct iovec local = { (char *)buf + done, n }, remote = { (void *)(uintptr_t)(addr + done), n };
		ssize_t got = process_vm_readv(h->pid, &local, 1, &remote, 1, 0);
		h->reads++;
		if (got <= 0)
			break;
		done += (size_t)got;
		most = 1 << 20;
	}
	return done;
}

static struct tm_error *regions(void *ctx, struct tm_target *t)
{
	struct host *h = ctx;
	char path[64], line[4400];
	snprintf(path, sizeof path, "/proc/%d/maps", h->pid);
	FILE *f = h->regions ? fopen(path, "re") : NULL;
	struct tm_error *err = NULL;
	while (f && !err && fgets(line, sizeof line, f)) {
		uint64_t start, end, offset;
		char perms[5];
		int at = 0;
		line[strcspn(line, "\n")] = 0;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*s %*s %n", &start, &end, perms, &offset, &at) < 4)
			continue;
		unsigned prot = (perms[0] == 'r' ? TM_READ : 0) | (perms[1] == 'w' ? TM_WRITE : 0) | (perms[2] == 'x' ? TM_EXEC : 0);
		if (prot & TM_READ && line[at] != '[')
			err = tm_target_add_region(t, start, end, prot, line[at] == '/' ? line + at : NULL, offset, end - start);
		else if (prot & TM_READ && strcmp(line + at, "[heap]") == 0)
			err = tm_target_add_region(t, start, end, prot, NULL, 0, end - start);
	}
	if (f)
		fclose(f);
	return err;
}

static uint64_t phdr(void *ctx)
{
	struct host *h = ctx;
	char path[64];
	uint64_t entry[2], found = 0;
	snprintf(path, sizeof path, "/proc/%d/auxv", h->pid);
	FILE *f = fopen(path, "re");
	while (f && fread(entry, sizeof entry, 1, f) == 1)
		if (entry[0] == AT_PHDR)
			found = entry[1];
	if (f)
		fclose(f);
	return found;
}

static const struct tm_host_ops ops = { .read = read_some, .regions = regions, .phdr = phdr };

static struct tm_error *target(void *ctx, const struct tm_search *search, enum tm_road road, struct tm_target **ret)
{
	return tm_target_open_host(&ops, ctx, 8, false, ((struct host *)ctx)->pid, search, (struct tm_poll) { 0 }, ret);
}

static void write_out(void *ctx, const char *text, size_t len)
{
	fwrite(text, 1, len, stdout);
}

int main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	struct host h = { .pid = atoi(argv[1]), .regions = strcmp(argv[2], "regions") == 0 };
	struct tm_front front = { .out = { write_out, NULL }, .target = target, .ctx = &h };
	struct tm_session *s;
	struct tm_error *err = tm_session_open(&front, &s);
	if (!err) {
		err = tm_session_run(s, argc - 3, (const char *const *)argv + 3);
		tm_session_close(s);
	}
	int status = 0;
	if (err) {
		fprintf(stderr, "tm: %s\n", tm_error_message(err));
		status = tm_error_status(tm_error_code(err));
		tm_error_free(err);
	}
	fprintf(stderr, "# %" PRIu64 " reads\n", h.reads);
	return status;
}
