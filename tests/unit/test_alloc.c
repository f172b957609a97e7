/*
 * When memory runs out. The n-th allocation fails, for every n, and also all from the n-th on: a command then fails with a
 * message or gives the whole truth, leaks nothing and leaves no file behind.
 */
#include "corefile.h"
#include "tm/capture.h"
#include "tm/command.h"
#include "tm/compare.h"
#include "tm/filter.h"
#include "tm/query.h"
#include "tm/store.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifdef SANITIZED
static void sanitizers_bring_their_own_malloc(void **state)
{
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sanitizers_bring_their_own_malloc) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
#else

/* ---- a malloc in front of glibc's, also for the libraries ---- */

#define PUBLIC __attribute__((visibility("default")))

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

/* volatile: compilers know what malloc does, and that it counts nothing */
static volatile long countdown = -1; /* allocations until one fails; -1: none does */
static volatile bool forever;	    /* all after it fail, too */
static volatile long allocated;	    /* blocks not freed yet */
static volatile bool counting;

static bool refuse(void)
{
	if (!counting || countdown < 0)
		return false;
	if (countdown == 0) {
		errno = ENOMEM;
		if (!forever)
			countdown = -1;
		return true;
	}
	countdown--;
	return false;
}

static void *count(void *p)
{
	allocated += counting && p;
	return p;
}

PUBLIC void *malloc(size_t size)
{
	return refuse() ? NULL : count(__libc_malloc(size));
}
PUBLIC void *calloc(size_t n, size_t size)
{
	return refuse() ? NULL : count(__libc_calloc(n, size));
}
PUBLIC void *realloc(void *p, size_t size)
{
	if (refuse())
		return NULL;
	return p ? __libc_realloc(p, size) : count(__libc_realloc(NULL, size));
}
PUBLIC void *aligned_alloc(size_t align, size_t size)
{
	return refuse() ? NULL : count(__libc_memalign(align, size));
}
PUBLIC void free(void *p)
{
	allocated -= counting && p;
	__libc_free(p);
}

/* Valgrind puts its own malloc in front of ours. */
static bool in_front(void)
{
	char *(*volatile from_library)(const char *) = strdup;
	void *(*volatile from_here)(size_t, size_t) = calloc;
	void (*volatile give_back)(void *) = free;
	allocated = 0;
	counting = true;
	char *p = from_library("x");
	void *q = from_here(1, 1);
	bool seen = allocated == 2;
	give_back(p);
	give_back(q);
	seen &= allocated == 0;
	counting = false;
	return seen;
}

/* ---- what is run ---- */

static char *core_path, *file_path;

/* Core → snapshot → statistics → part of it → comparison → file → snapshot, and whether all of it is the truth. */
static struct tm_error *all_of_it(bool *right)
{
	struct tm_target *t = NULL;
	const struct tm_filter filters[] = { { .pattern = "*[!x]?/nowhere", .pattern_len = 14 }, { .has_domain = true, .domain = 0 } };
	struct tm_snapshot *s = NULL, *part = NULL, *back = NULL;
	struct tm_statistics *st = NULL;
	struct tm_compare *c = NULL;
	uint64_t *order = NULL, n = 0;
	*right = false;
	struct tm_error *err = tm_target_open_core(core_path, NULL, (struct tm_poll) { 0 }, &t);
	if (!err)
		err = tm_capture(t, &(struct tm_capture_options) { .traces = true }, &s);
	tm_target_close(t);
	if (!err)
		err = tm_statistics_make(s, TM_BY_LINENO, false, NULL, &st);
	if (!err)
		err = tm_traces_at(s, 0x20001000, &order, &n);
	if (!err)
		err = tm_snapshot_filter(s, filters, COUNT(filters), true, NULL, &part);
	if (!err)
		err = tm_compare_make(s, part, TM_BY_FILENAME, false, NULL, &c);
	if (!err)
		err = tm_snapshot_save(part, file_path, true, NULL);
	if (!err)
		err = tm_snapshot_open(file_path, &back);
	if (!err)
		err = tm_snapshot_require(back, TM_SECTIONS_ALL);
	if (!err)
		*right = !s->about.complete /* it said so */ ||
			(s->ntraces == 6 && n == 2 && st->nrows == 3 && st->rows[0].size == 1150 && st->rows[0].count == 3 &&
				st->rows[1].size == 10 && st->rows[2].size == 1 && c->nrows == 3 && c->total.count_diff == -4 &&
				c->total.size_diff == -158 && back->ntraces == 2 && back->nnames == 3 &&
				s->about.tracing && !strcmp(s->about.python, "3.13.5") && !strcmp(back->about.target, core_path));
	free(order);
	tm_statistics_free(st);
	tm_compare_free(c);
	tm_snapshot_unref(part);
	tm_snapshot_unref(back);
	tm_snapshot_unref(s);
	return err;
}

/* Snapshot → pickle → snapshot. */
static struct tm_error *a_pickle(bool *right)
{
	struct tm_snapshot *s = NULL, *back = NULL;
	char path[4096];
	snprintf(path, sizeof path, "%s.pickle", file_path);
	struct tm_error *err = tm_snapshot_open(file_path, &s);
	if (!err)
		err = tm_snapshot_dump(s, path, true, TM_PICKLE_AUTO, NULL);
	if (!err)
		err = tm_snapshot_load_pickle(path, NULL, &back);
	if (!err)
		err = tm_snapshot_require(back, TM_SECTIONS_ALL);
	*right = !err && back->ntraces == s->ntraces && back->ntallies == s->ntallies && back->traces[0].size == s->traces[0].size;
	tm_snapshot_unref(s);
	tm_snapshot_unref(back);
	unlink(path);
	return err;
}

static struct tm_text printed;

static void write_out(void *ctx, const char *text, size_t len)
{
	bool was = counting;
	counting = false;
	tm_text_put(&printed, text, len);
	counting = was;
}

static const char *const *command; /* ends with NULL */
static char *expected;

static struct tm_error *a_command(bool *right)
{
	struct tm_session *s = NULL;
	int argc = 0;
	while (command[argc])
		argc++;
	tm_text_clear(&printed);
	struct tm_error *err = tm_session_open(&(struct tm_front) { .out = { write_out, NULL } }, &s);
	if (!err)
		err = tm_session_run(s, argc, command);
	tm_session_close(s);
	*right = !err && (!expected || !strcmp(tm_text_str(&printed), expected));
	return err;
}

static unsigned leaks, lies, silent, nomem, others;

/* Runs WORK until no allocation is left that could fail. */
static void fail_one_by_one(struct tm_error *(*work)(bool *right), bool all_after)
{
	unsigned long failed = 0;
	for (long n = 0;; n++) {
		bool right = false;
		assert_true(n < 100000);
		allocated = 0;
		countdown = n;
		forever = all_after;
		counting = true;
		struct tm_error *err = work(&right);
		bool reached = countdown < 0 || (all_after && countdown == 0);
		countdown = -1;
		bool has_message = !err || (tm_error_message(err) && *tm_error_message(err));
		if (err && tm_error_code(err) == TM_ERR_NOMEM)
			nomem++;
		else if (err)
			others++;
		if (err && tm_error_code(err) != TM_ERR_NOMEM && getenv("TM_UNIT_VERBOSE"))
			print_message("allocation %ld: %s\n", n, tm_error_message(err));
		tm_error_free(err);
		counting = false;
		failed++;
		silent += !has_message;
		if (allocated) {
			leaks++;
			print_error("allocation %ld failed (all after it: %d): %ld blocks were not freed\n", n, all_after, allocated);
		}
		if (!err && !right) {
			lies++;
			print_error("allocation %ld failed (all after it: %d): a wrong result without an error\n", n, all_after);
		}
		if (!reached) {
			assert_null(err); /* nothing failed */
			break;
		}
	}
	assert_true(failed > 1);
}

static void assert_no_harm(void **state)
{
	assert_int_equal(leaks, 0);
	assert_int_equal(lies, 0);
	assert_int_equal(silent, 0);
	assert_true(nomem > 20);
	assert_int_equal(unit_folder_count(*state), 2); /* no temporary file is left */
}

static int setup(void **state)
{
	struct process p;
	leaks = lies = silent = nomem = others = 0;
	unit_folder_setup(state);
	core_path = unit_path(*state, "core");
	file_path = unit_path(*state, "a.tm");
	process_init(&p, 8, false, 13, BY_COOKIE);
	struct corefile c = core_of_process(&p, false);
	core_write(&c, core_path);
	process_free(&p);
	/* What libraries allocate once and keep must not look like a leak. */
	bool right;
	struct tm_error *err = all_of_it(&right);
	return err || !right;
}

static int teardown(void **state)
{
	free(core_path);
	free(file_path);
	free(expected);
	expected = NULL;
	tm_text_free(&printed);
	return unit_folder_teardown(state);
}

static void every_allocation_of_a_capture_may_fail(void **state)
{
	if (!in_front())
		skip();
	fail_one_by_one(all_of_it, false);
	assert_no_harm(state);
}

static void memory_may_run_out_anywhere_in_a_capture(void **state)
{
	if (!in_front())
		skip();
	fail_one_by_one(all_of_it, true);
	assert_no_harm(state);
}

static void every_allocation_of_a_pickle_may_fail(void **state)
{
	if (!in_front())
		skip();
	for (int all_after = 0; all_after < 2; all_after++) {
		fail_one_by_one(a_pickle, all_after);
		assert_no_harm(state);
	}
}

/* "not an ELF file" would send somebody to look for a damaged core. */
static void an_error_for_want_of_memory_says_so(void **state)
{
	if (!in_front())
		skip();
	fail_one_by_one(all_of_it, false);
	assert_int_equal(others, 0);
}

static void every_allocation_of_every_command_may_fail(void **state)
{
	const char *const commands[][6] = { { "statistics", core_path }, { "statistics", file_path, "--json" }, { "statistics", core_path, "--format=table" },
		{ "statistics", core_path, "--format=csv", "--by=traceback" }, { "traces", core_path }, { "status", core_path },
		{ "status", file_path, "--json" }, { "traceback", "0x20001001", "--in", core_path }, { "help" }, { "help", "statistics" }, { "version" },
		{ "help", "--man" } };
	bool right;
	if (!in_front())
		skip();
	for (size_t i = 0; i < COUNT(commands); i++) {
		unsigned before = leaks + lies + silent;
		command = commands[i];
		free(expected);
		expected = NULL;
		ok(a_command(&right));
		expected = strdup(tm_text_str(&printed));
		fail_one_by_one(a_command, false);
		fail_one_by_one(a_command, true);
		if (leaks + lies + silent != before)
			print_error("... in: tm %s %s %s\n", command[0], command[1] ? command[1] : "", command[1] && command[2] ? command[2] : "");
	}
	assert_no_harm(state);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(every_allocation_of_a_capture_may_fail),
		TEST(memory_may_run_out_anywhere_in_a_capture),
		TEST(every_allocation_of_a_pickle_may_fail),
		TEST(an_error_for_want_of_memory_says_so),
		TEST(every_allocation_of_every_command_may_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
