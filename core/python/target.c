/*
 * tm.Target: how to read something that is stopped. Either the core reads it by itself (core=, process=), or through a
 * Python callable (read=), or whichever is faster and gives the same bytes. A description only: it is opened for each command.
 */
#include "module.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

enum { READ, FILES, TEXTS, NFIELDS };

struct target {
	PyObject_HEAD
	PyObject *field[NFIELDS]; /* the callable or None; what the strings below live in */
	const char *core, *exe, *sysroot;
	const char **debug_dirs;      /* ends with NULL */
	struct tm_known_file *files; /* ends with a NULL build_id */
	int process, pid;
	unsigned word;
	bool big, running, mapped;
	uint64_t phdr;
};

static struct target *of(PyObject *self)
{
	return (struct target *)self;
}

/* A path's or word's bytes, kept by the target; *RET is NULL for None. */
static bool keep_text(struct target *t, PyObject *object, const char **ret)
{
	PyObject *bytes;
	*ret = NULL;
	if (!object || object == Py_None)
		return true;
	if (!PyUnicode_FSConverter(object, &bytes))
		return false;
	*ret = PyBytes_AsString(bytes);
	bool kept = *ret && PyList_Append(t->field[TEXTS], bytes) == 0;
	Py_DECREF(bytes);
	return kept;
}

static bool keep_debug_dirs(struct target *t, PyObject *dirs)
{
	Py_ssize_t n = dirs ? PySequence_Size(dirs) : 0;
	t->debug_dirs = n < 0 ? NULL : PyMem_Calloc((size_t)n + 1, sizeof *t->debug_dirs);
	if (!t->debug_dirs)
		return n < 0 ? false : (PyErr_NoMemory(), false);
	bool good = true;
	for (Py_ssize_t i = 0; good && i < n; i++) {
		PyObject *dir = PySequence_GetItem(dirs, i);
		good = dir && keep_text(t, dir, &t->debug_dirs[i]);
		Py_XDECREF(dir);
	}
	return good;
}

/* Pairs (build-id, path). */
static bool keep_files(struct target *t, PyObject *files)
{
	Py_ssize_t n = files ? PySequence_Size(files) : 0;
	t->files = n < 0 ? NULL : PyMem_Calloc((size_t)n + 1, sizeof *t->files);
	if (!t->files)
		return n < 0 ? false : (PyErr_NoMemory(), false);
	bool good = true;
	for (Py_ssize_t i = 0; good && i < n; i++) {
		PyObject *pair = PySequence_GetItem(files, i), *id = pair ? PySequence_GetItem(pair, 0) : NULL;
		PyObject *path = id ? PySequence_GetItem(pair, 1) : NULL;
		good = path && keep_text(t, id, &t->files[i].build_id) && keep_text(t, path, &t->files[i].path);
		Py_XDECREF(pair);
		Py_XDECREF(id);
		Py_XDECREF(path);
	}
	return good;
}

static int target_traverse(PyObject *self, visitproc visit, void *arg)
{
	for (int i = 0; i < NFIELDS; i++)
		Py_VISIT(of(self)->field[i]);
	return 0;
}

static int target_clear(PyObject *self)
{
	Py_CLEAR(of(self)->field[READ]); /* the texts are needed to the end, and are in no cycle */
	return 0;
}

static void target_dealloc(PyObject *self)
{
	PyObject_GC_UnTrack(self);
	for (int i = 0; i < NFIELDS; i++)
		Py_CLEAR(of(self)->field[i]);
	PyMem_Free(of(self)->debug_dirs);
	PyMem_Free(of(self)->files);
	tm_object_free(self);
}

static PyObject *target_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	static char *names[] = { "read", "core", "process", "word", "big", "pid", "phdr", "exe", "sysroot", "debug_dirs", "files",
		"running", "mapped", NULL };
	PyObject *read = Py_None, *core = NULL, *exe = NULL, *sysroot = NULL, *debug_dirs = NULL, *files = NULL;
	int process = 0, word = 8, big = 0, pid = 0, running = 0, mapped = 0;
	unsigned long long phdr = 0;
	if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|O$OiipiKOOOOpp:Target", names, &read, &core, &process, &word, &big, &pid, &phdr,
		    &exe, &sysroot, &debug_dirs, &files, &running, &mapped))
		return NULL;
	if (word != 4 && word != 8)
		return PyErr_Format(PyExc_ValueError, "word is 4 or 8 bytes, not %d", word);
	if (read != Py_None && !PyCallable_Check(read))
		return PyErr_Format(PyExc_TypeError, "read is a callable: read(address, length) -> bytes");
	PyObject *self = ((allocfunc)PyType_GetSlot(type, Py_tp_alloc))(type, 0);
	if (!self)
		return NULL;
	struct target *t = of(self);
	t->process = process;
	t->word = (unsigned)word;
	t->big = big;
	t->running = running;
	t->mapped = mapped;
	t->pid = pid;
	t->phdr = phdr;
	Py_INCREF(read);
	t->field[READ] = read;
	t->field[TEXTS] = PyList_New(0);
	if (t->field[TEXTS] && keep_text(t, core, &t->core) && keep_text(t, exe, &t->exe) && keep_text(t, sysroot, &t->sysroot) &&
	    keep_debug_dirs(t, debug_dirs) && keep_files(t, files))
		return self;
	Py_DECREF(self);
	return NULL;
}

/* ---- its bytes, through Python ---- */

struct reader {
	struct tm_run *run;
	PyObject *read; /* borrowed from a target that the run keeps */
	uint64_t phdr;
};

/* Copies what read() gave, at most LEN bytes. None, or no bytes: not readable. */
static size_t copy_bytes(PyObject *got, void *buf, size_t len)
{
	enum { WRITABLE = 0x200 }; /* PyBUF_WRITE, which headers hide below 3.11 though the ABI has it from 3.7 on */
	Py_ssize_t n = got == Py_None ? 0 : PyBytes_Check(got) ? PyBytes_Size(got) : PyObject_Size(got);
	if (n <= 0)
		return 0;
	n = (size_t)n > len ? (Py_ssize_t)len : n;
	if (PyBytes_Check(got)) {
		memcpy(buf, PyBytes_AsString(got), (size_t)n);
		return (size_t)n;
	}
	PyObject *to = PyMemoryView_FromMemory(buf, n, WRITABLE), *end = to ? PyLong_FromSsize_t(n) : NULL;
	PyObject *slice = end ? PySlice_New(NULL, end, NULL) : NULL, *from = slice ? PyObject_GetItem(got, slice) : NULL;
	bool copied = from && PyObject_SetItem(to, slice, from) == 0;
	Py_XDECREF(from);
	Py_XDECREF(slice);
	Py_XDECREF(end);
	Py_XDECREF(to);
	return copied ? (size_t)n : 0;
}

static size_t ask(struct reader *r, uint64_t addr, void *buf, size_t len)
{
	size_t n = 0;
	if (r->run->type)
		return 0;
	tm_run_enter(r->run);
	PyObject *got = PyObject_CallFunction(r->read, "Kn", (unsigned long long)addr, (Py_ssize_t)len);
	if (got)
		n = copy_bytes(got, buf, len);
	Py_XDECREF(got);
	tm_run_leave(r->run);
	return n;
}

/*
 * The readable prefix. Hosts differ: one gives the prefix, another all or nothing. What is refused is asked for again by one page,
 * then by twice as much as long as it is given: where nothing is, which scans meet often, that makes two requests.
 */
static size_t read_prefix(void *ctx, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0, most = len;
	while (done < len) {
		size_t want = len - done < most ? len - done : most;
		size_t got = ask(ctx, addr + done, (char *)buf + done, want);
		size_t edge = TM_PAGE - (addr + done) % TM_PAGE; /* to the end of the page */
		done += got;
		if (got == want)
			most = most < len / 2 ? most * 2 : len;
		else if (!got && want <= edge)
			break;
		else if (!got) /* a short answer is no end: more is asked for from there on */
			most = edge;
	}
	return done;
}

static uint64_t lend_phdr(void *ctx)
{
	return ((struct reader *)ctx)->phdr;
}

static const struct tm_host_ops reader_ops = { .read = read_prefix, .phdr = lend_phdr };

/* ---- opening ---- */

static struct tm_search search_of(const struct target *t, const struct tm_search *given)
{
	struct tm_search s = given ? *given : (struct tm_search) { 0 };
	s.exe = s.exe ? s.exe : t->exe;
	s.sysroot = s.sysroot ? s.sysroot : t->sysroot;
	if (!s.debug_dirs || !s.debug_dirs[0])
		s.debug_dirs = t->debug_dirs;
	s.known = t->files;
	return s;
}

static bool can_read(const struct target *t)
{
	return t->field[READ] && t->field[READ] != Py_None;
}

/* A file that a debugger holds open after it was replaced or removed goes by the name that it had, not by the way to it. */
static struct tm_error *open_core(struct tm_run *run, const char *core, const struct tm_search *s, struct tm_target **ret)
{
	char name[PATH_MAX];
	struct tm_error *err = tm_target_open_core(core, s, tm_run_poll(run), ret);
	ssize_t n = strncmp(core, "/proc/self/fd/", 14) == 0 ? readlink(core, name, sizeof name - 1) : -1;
	if (n <= 0)
		return err;
	name[n] = 0;
	if (err)
		return tm_error_rename(err, core, name);
	char *copy = strdup(name);
	if (copy) {
		free((*ret)->name);
		(*ret)->name = copy;
	}
	return NULL;
}

static struct tm_error *open_direct(struct tm_run *run, const struct target *t, const char *core, const struct tm_search *s, struct tm_target **ret)
{
	if (core)
		return open_core(run, core, s, ret);
	if (t->process && (!can_read(t) || tm_process_is_ours(t->process)))
		return tm_target_open_process(t->process, s, tm_run_poll(run), ret);
	return tm_error_new(TM_ERR_UNSUPPORTED, "this target can be read through the debugger only: it is no core file or process of this machine");
}

static bool same_page(struct reader *r, struct tm_target *t, uint64_t addr)
{
	unsigned char ours[TM_PAGE], theirs[TM_PAGE];
	addr &= ~(uint64_t)(TM_PAGE - 1);
	size_t n = tm_memory_read(&t->memory, addr, ours, TM_PAGE);
	return !n || (read_prefix(r, addr, theirs, n) == n && memcmp(ours, theirs, n) == 0);
}

/*
 * What we would read by ourselves is what the host reads: compared where the program's headers lie, and in a few places of
 * the writable memory, where another process or core of the same program differs.
 */
static bool same_bytes(struct reader *r, struct tm_target *t)
{
	enum { SAMPLES = 16 };
	size_t writable = 0, nth = 0;
	for (size_t i = 0; i < t->regions.n; i++)
		writable += t->regions.items[i].prot & TM_WRITE && t->regions.items[i].there;
	if (!same_page(r, t, t->phdr))
		return false;
	for (size_t i = 0; i < t->regions.n; i++)
		if (t->regions.items[i].prot & TM_WRITE && t->regions.items[i].there && nth++ % (writable / SAMPLES + 1) == 0 &&
		    !same_page(r, t, t->regions.items[i].start))
			return false;
	return true;
}

static struct tm_error *other_bytes(const struct tm_target *t)
{
	if (t->kind == TM_KIND_CORE)
		return tm_error_new(TM_ERR_UNSUPPORTED, "%s holds other bytes than the debugger reads: it may have been written anew since it was opened; "
			"open it again in the debugger", t->name);
	return tm_error_new(TM_ERR_UNSUPPORTED, "%s: the debugger reads other bytes of it than we do by ourselves; --read debugger takes those", t->name);
}

static struct tm_error *open_reader(struct tm_run *run, const struct target *t, const char *core, struct reader *r,
	const struct tm_search *s, struct tm_target **ret)
{
	if (!can_read(t))
		return tm_error_new(TM_ERR_UNSUPPORTED, "this target cannot be read through the debugger");
	struct tm_error *err;
	if (core) {
		struct tm_target *map;
		err = open_core(run, core, s, &map);
		if (err)
			return err;
		bool same = same_bytes(r, map);
		err = same ? tm_target_open_through(&reader_ops, r, map, ret) : other_bytes(map);
		tm_target_close(map);
		if (same || !t->mapped)
			return err;
		tm_error_free(err);
	}
	err = tm_target_open_host(&reader_ops, r, t->word, t->big, t->pid, s, tm_run_poll(run), ret);
	if (!err && t->running)
		tm_target_runs(*ret);
	return err;
}

struct tm_error *tm_target_open(struct tm_run *run, PyObject *object, const struct tm_search *given, enum tm_road road,
	struct tm_target **ret)
{
	struct target *t = of(object);
	struct tm_search s = search_of(t, given);
	struct reader *r;
	struct tm_error *err = NULL;
	char held[PATH_MAX];
	const char *core = t->core && can_read(t) ? tm_held_core(t->core, t->mapped, held) ? held : NULL : t->core;
	tm_run_enter(run);
	/* The reader lives as long as the run: the target borrows it. */
	PyObject *box = PyByteArray_FromStringAndSize(NULL, sizeof *r);
	bool kept = box && PyList_Append(run->kept, object) == 0 && PyList_Append(run->kept, box) == 0;
	r = kept ? (struct reader *)PyByteArray_AsString(box) : NULL;
	Py_XDECREF(box);
	tm_run_leave(run);
	if (!r)
		return tm_run_failed(run);
	*r = (struct reader) { .run = run, .read = t->field[READ], .phdr = t->phdr };
	if (road != TM_ROAD_DEBUGGER && (road == TM_ROAD_DIRECT || core || t->process)) {
		err = open_direct(run, t, core, &s, ret);
		if (!err && (!can_read(t) || same_bytes(r, *ret)))
			return NULL;
		if (!err) {
			err = other_bytes(*ret);
			tm_target_close(*ret);
			*ret = NULL;
		}
		if (road == TM_ROAD_DIRECT || !can_read(t) || tm_error_code(err) == TM_ERR_INTERRUPTED)
			return err;
		tm_error_free(err);
	}
	return open_reader(run, t, core, r, &s, ret);
}

PyObject *tm_target_of_host(struct tm_module_state *st, PyObject *host)
{
	PyObject *target = PyObject_CallMethod(host, "target", NULL);
	int ours = target ? PyObject_IsInstance(target, st->types[TM_TYPE_TARGET]) : -1;
	if (ours > 0)
		return target;
	if (!ours)
		PyErr_SetString(PyExc_TypeError, "host.target() returns a tm.Target");
	Py_XDECREF(target);
	return NULL;
}

struct tm_error *tm_host_target(struct tm_run *run, const struct tm_search *search, enum tm_road road, struct tm_target **ret)
{
	tm_run_enter(run);
	PyObject *target = tm_target_of_host(run->st, run->host);
	tm_run_leave(run);
	if (!target)
		return tm_run_failed(run);
	struct tm_error *err = tm_target_open(run, target, search, road, ret);
	tm_run_enter(run);
	Py_DECREF(target); /* the run keeps it */
	tm_run_leave(run);
	return err;
}

static PyType_Slot slots[] = {
	{ Py_tp_doc, "Target(read=None, *, core=None, process=0, word=8, big=False, pid=0, phdr=0, exe=None, sysroot=None, debug_dirs=(),\n"
		     "       files=(), running=False, mapped=False)\n\n"
		     "How to read something that is stopped; a description that is opened for each command.\n\n"
		     "READ is called as read(address, length) and returns the readable prefix as bytes or a byte memoryview, None for\n"
		     "nothing; what it raises ends the command. CORE is the path of an ELF core file (with READ: as this process opened it,\n"
		     "even when the file was replaced since; MAPPED: or is read by READ where it is not mapped, '' being the only one that is), PROCESS the number of a process of\n"
		     "this machine: then the bytes are read without READ where both give the same and, of a process, where this one or a\n"
		     "child of it is its tracer. WORD is the size of a pointer in bytes, PHDR the address AT_PHDR of the auxiliary vector.\n"
		     "EXE, SYSROOT and DEBUG_DIRS say where files are; FILES are pairs (build-id in hexadecimal, path) of files that are\n"
		     "known already. RUNNING: not all of it stands still, and answers say so." },
	{ Py_tp_new, target_new },
	{ Py_tp_traverse, target_traverse },
	{ Py_tp_clear, target_clear },
	{ Py_tp_dealloc, target_dealloc },
	{ 0 },
};

PyType_Spec tm_target_spec = { "tm.Target", sizeof(struct target), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC, slots };
