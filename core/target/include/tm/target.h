/*
 * A target: foreign memory with its map, its modules and how it can be stopped. It lives for one command.
 */
#ifndef TM_TARGET_H
#define TM_TARGET_H
#include "tm/memory.h"

struct tm_elffile;

enum tm_prot { TM_READ = 1, TM_WRITE = 2, TM_EXEC = 4, TM_PROT_UNKNOWN = 8 };

/* What the target had mapped, whether or not its bytes are here. */
struct tm_region {
	uint64_t start, end;
	uint64_t there;	 /* bytes from start on that the source really holds */
	uint64_t offset; /* in the mapped file */
	char *path;	 /* of the mapped file; NULL when anonymous */
	unsigned prot;	 /* enum tm_prot */
};

/* An ELF file mapped in the target. */
struct tm_module {
	char *path;		    /* as the target names it */
	uint64_t start, end;	    /* addresses of its segments */
	uint64_t bias;		    /* address = vaddr + bias */
	unsigned char build_id[32]; /* out of the target's memory */
	size_t build_id_len;	    /* 0: it has none, or it is not in the memory at hand */
	struct tm_segment {
		uint64_t start, end; /* addresses */
		unsigned prot;
	} segments[16]; /* from the program headers in memory, or in the verified file */
	unsigned nsegments;
	struct tm_elffile *file;  /* the verified file; NULL until asked for */
	struct tm_elffile *debug; /* its separate debug file, verified too */
	bool file_tried, debug_tried;
	char *why; /* why there is no file: "build-id differs" ... */
};

enum tm_kind { TM_KIND_CORE, TM_KIND_PROCESS, TM_KIND_IMAGE, TM_KIND_HOST };

/* Where the files of modules may be found besides their own path. All strings are the caller's and outlive the target. */
struct tm_search {
	const char *exe;	       /* the main program's file, when it is elsewhere */
	const char *sysroot;	       /* a folder that holds the target's / */
	const char *const *debug_dirs; /* NULL-terminated; the system's own is always tried last */
	/* Files that somebody (a debugger) knows already; the last one has no build-id. Their build-ids are compared, too. */
	const struct tm_known_file {
		const char *build_id, *path; /* lower-case hexadecimal digits */
	} *known;
};

struct tm_target {
	enum tm_kind kind;
	char *name;		  /* the core's path, "process 1234" */
	struct tm_memory memory;
	TM_ARRAY(struct tm_region) regions; /* by address */
	TM_ARRAY(struct tm_module) modules; /* the program first, where that is known */
	struct tm_search search;
	struct tm_poll poll;
	int pid;		  /* 0 when unknown */
	int signal;		  /* that ended the process, 0 when unknown */
	uint64_t fault_address;	  /* of that signal, with has_fault */
	bool has_fault;
	bool truncated;		  /* the core file ends early */
	bool stopped;		  /* nothing of the target ran while it was read */
	bool still;		  /* a process that stood still already when it was opened: held by a debugger or a signal */
	char *stopped_by;	  /* "tm", "already stopped", "tracer 812"; NULL: not stopped */
	char *exe;		  /* the program's path, when known */
	uint64_t phdr;		  /* AT_PHDR, 0 when unknown */
	bool guarded;		  /* tables are read between stop and resume only: this very process */
	uint64_t lock;		  /* of the tables that are about to be read then: a tm_holder's business */
	bool lock_is_mutex;	  /* a byte of its own (CPython 3.14+), else the address of a lock */
	bool lock_is_ours;	  /* taken by the holder: nobody is inside an update */
	const struct tm_target_ops {
		struct tm_error *(*stop)(struct tm_target *t);	/* optional */
		struct tm_error *(*resume)(struct tm_target *t); /* optional */
		int (*open_file)(struct tm_target *t, const struct tm_module *m); /* optional: fd or -1 */
		struct tm_error *(*write)(struct tm_target *t, uint64_t addr, const void *data, size_t len); /* optional */
		struct tm_error *(*check)(struct tm_target *t); /* optional: is the source still what it was? */
		void (*close)(struct tm_target *t);
	} *ops;
	void *impl;
};

/* An ELF core file, mapped and never read whole. NOTFOUND, UNSUPPORTED (not a core), CORRUPT, OS. */
struct tm_error *tm_target_open_core(const char *path, const struct tm_search *search, struct tm_poll poll,
	struct tm_target **ret);
/*
 * A live process of this machine. Nothing is stopped yet: tm_target_stop() stops every thread, tm_target_resume() (and
 * closing) leaves each of them in the state in which it was found. Stop, resume and close on one and the same thread.
 */
struct tm_error *tm_target_open_process(int pid, const struct tm_search *search, struct tm_poll poll,
	struct tm_target **ret);
/* Is it traced by this process, or by a child of it, as LLDB traces through its server? */
bool tm_process_is_ours(int pid);
/* Does it live in another mount namespace or root folder than we do? True when that cannot be seen. */
bool tm_process_has_other_files(int pid);
/* Its main thread has ended; others may live on. */
bool tm_process_lost_main(int pid);
/* Who traces process PID; 0: nobody. */
int tm_process_tracer(int pid);
/*
 * This very process, whose threads are not stopped: HOLDER keeps its tables still, by their locks, while they are read where
 * they are. What leads to them is read as another process's memory would be, so that a wrong pointer does no harm.
 */
struct tm_holder {
	bool (*hold)(void *ctx, uint64_t lock, bool is_mutex); /* LOCK may be 0: not known. False: it cannot be had now */
	void (*release)(void *ctx);
	void *ctx;
};
struct tm_error *tm_target_open_self(const struct tm_holder *holder, struct tm_poll poll, struct tm_target **ret);
/* Bytes in this process, for tests and fuzzing: the caller adds regions and modules. */
struct tm_error *tm_target_open_image(unsigned word, bool big, struct tm_target **ret);

/* What a debugger lends us. Optional rows may be NULL. */
struct tm_host_ops {
	/* Copies up to LEN bytes and returns how many: the readable prefix. */
	size_t (*read)(void *host, uint64_t addr, void *buf, size_t len);
	/* Calls tm_target_add_region for each mapping it knows; optional. */
	struct tm_error *(*regions)(void *host, struct tm_target *t);
	/* AT_PHDR of the auxiliary vector, 0 when unknown; optional. */
	uint64_t (*phdr)(void *host);
};
/* OPS and HOST are borrowed for the target's life. */
struct tm_error *tm_target_open_host(const struct tm_host_ops *ops, void *host, unsigned word, bool big, int pid,
	const struct tm_search *search, struct tm_poll poll, struct tm_target **ret);
/* A host that cannot stop all threads says so: whatever is read of it is of no single moment then. */
void tm_target_runs(struct tm_target *t);

/*
 * The bytes of a core through the host, but what of them is there as MAP, our own reading of the core's headers, says: hosts
 * fill absent pages from files. MAP can be closed then.
 */
struct tm_error *tm_target_open_through(const struct tm_host_ops *ops, void *host, const struct tm_target *map, struct tm_target **ret);

struct tm_error *tm_target_stop(struct tm_target *t);
struct tm_error *tm_target_resume(struct tm_target *t);
/* Of a live process, between stop and resume. All of DATA or none of it. */
struct tm_error *tm_target_write(struct tm_target *t, uint64_t addr, const void *data, size_t len);
void tm_target_close(struct tm_target *t); /* NULL is fine */

/* PATH is copied. Regions may come in any order; tm_target_settle sorts them. */
struct tm_error *tm_target_add_region(struct tm_target *t, uint64_t start, uint64_t end, unsigned prot,
	const char *path, uint64_t offset, uint64_t there);
/* Once, when all regions are known: sorts them and finds the modules. */
struct tm_error *tm_target_settle(struct tm_target *t);
const struct tm_region *tm_target_region(const struct tm_target *t, uint64_t addr);

enum tm_presence {
	TM_PRESENT,
	TM_ABSENT,   /* mapped in the target, but its bytes are not in the source */
	TM_UNMAPPED, /* no such memory */
};
enum tm_presence tm_target_presence(struct tm_target *t, uint64_t addr);
/* "page not in the core", "no such memory" ... */
const char *tm_target_why(struct tm_target *t, uint64_t addr);

const struct tm_module *tm_target_module(const struct tm_target *t, uint64_t addr);
bool tm_target_executable(const struct tm_target *t, uint64_t addr);
/*
 * The module's file, when one is found whose build-id equals the one in memory; else NULL and module->why. The pages of
 * its never-writable segments then fill what the memory lacks.
 */
struct tm_elffile *tm_module_file(struct tm_target *t, struct tm_module *m);
struct tm_elffile *tm_module_debug(struct tm_target *t, struct tm_module *m);
#endif
