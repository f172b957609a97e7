/* The command table, the option parser, and whole commands on fake cores and snapshot files. */
#include "../../core/command/args.h"
#include "corefile.h"
#include "tm/store.h"

static struct tm_text out;

static void write_out(void *ctx, const char *text, size_t len)
{
	tm_text_put(ctx, text, len);
}

static struct tm_session *new_session(void)
{
	struct tm_session *s;
	ok(tm_session_open(&(struct tm_front) { .out = { write_out, &out } }, &s));
	tm_text_clear(&out);
	return s;
}

/* Runs one command in a session of its own; OUT holds what it printed. */
static struct tm_error *run_words(const char *const *argv)
{
	int argc = 0;
	while (argv[argc])
		argc++;
	struct tm_session *s = new_session();
	struct tm_error *err = tm_session_run(s, argc, argv);
	tm_session_close(s);
	return err;
}
#define run(...) run_words((const char *const[]) { __VA_ARGS__, NULL })

static int setup(void **state)
{
	unsetenv("TM_FORMAT");
	unsetenv("NO_COLOR");
	return unit_folder_setup(state);
}

static int teardown(void **state)
{
	tm_text_free(&out);
	unsetenv("TM_FORMAT");
	return unit_folder_teardown(state);
}

/* ---- tables ---- */

static void commands_are_sorted_unique_and_explained(void **state)
{
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		if (c > tm_commands)
			assert_true(strcmp(c[-1].name, c->name) < 0);
		assert_true(c->summary && *c->summary && c->summary[strlen(c->summary) - 1] == '.');
		assert_non_null(c->operands);
		assert_non_null(c->run);
		char begin[64];
		snprintf(begin, sizeof begin, "tm %s", c->name);
		assert_true(c->example && strncmp(c->example, begin, strlen(begin)) == 0);
		assert_true(c->most_operands <= COUNT(((struct tm_args *)0)->operands));
		assert_true((*c->operands != 0) == (c->most_operands > 0 || c->rest));
		assert_true(c->groups & TM_GROUP_ALL);
		for (const struct tm_command *o = tm_commands; o->name && c->alias; o++)
			assert_true(strcmp(c->alias, o->name) && (o == c || !o->alias || strcmp(c->alias, o->alias)));
	}
}

static void options_are_unique_within_each_command(void **state)
{
	for (const struct tm_command *c = tm_commands; c->name; c++)
		for (const struct tm_option *a = tm_options; a->name; a++) {
			assert_true(a->help && *a->help);
			assert_true((a->type == TM_OPTION_FLAG) == (a->value == NULL));
			assert_true((a->type == TM_OPTION_CHOICE) == (a->choices != NULL));
			assert_true(a->at < sizeof(struct tm_args));
			for (const struct tm_option *b = a + 1; b->name; b++) {
				assert_string_not_equal(a->name, b->name);
				if (a->groups & b->groups & c->groups)
					assert_true(!a->letter || a->letter != b->letter);
			}
		}
}

/* Every example must itself be a command line that parses. */
static void every_example_parses(void **state)
{
	struct tm_session *s = new_session();
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		char *line = strdup(c->example), *save = NULL;
		const char *argv[16];
		int argc = 0;
		for (char *w = strtok_r(line, " ", &save); w && argc < 16; w = strtok_r(NULL, " ", &save))
			argv[argc++] = w;
		struct tm_args args;
		const struct tm_command *found;
		ok(tm_command_find(argv[1], &found));
		assert_ptr_equal(found, c);
		ok(tm_args_parse(s, c, argc - 2, argv + 2, argv + 2, &args));
		free(line);
	}
	tm_session_close(s);
}

static void every_command_has_help_that_names_its_options(void **state)
{
	for (const struct tm_command *c = tm_commands; c->name; c++) {
		ok(run("help", c->name));
		assert_non_null(strstr(out.s, c->summary));
		assert_non_null(strstr(out.s, c->example));
		char word[64];
		for (const struct tm_option *o = tm_options; o->name; o++) {
			snprintf(word, sizeof word, " --%s ", o->name);
			assert_int_equal(strstr(out.s, word) != NULL, (o->groups & c->groups) != 0);
		}
		char *first = strdup(out.s);
		if (strcmp(c->name, "help")) {
			ok(run(c->name, "--help"));
			assert_string_equal(out.s, first);
			ok(run(c->name, "-h"));
			assert_string_equal(out.s, first);
		}
		free(first);
	}
	ok(run("help"));
	for (const struct tm_command *c = tm_commands; c->name; c++)
		assert_non_null(strstr(out.s, c->summary));
	ok(run("help", "--man"));
	assert_memory_equal(out.s, ".TH TM 1", 8);
	ok(run("version"));
	assert_memory_equal(out.s, "tm " TM_VERSION, 3 + strlen(TM_VERSION));
}

/* ---- names ---- */

static void commands_are_found_by_prefix_and_alias(void **state)
{
	static const char *const cases[][2] = { { "statistics", "statistics" }, { "stats", "statistics" }, { "stati", "statistics" }, { "status", "status" },
		{ "statu", "status" }, { "tb", "traceback" }, { "traceb", "traceback" }, { "traces", "traces" }, { "h", "help" }, { "v", "version" },
		{ "sn", "snapshot" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		const struct tm_command *c;
		ok(tm_command_find(cases[i][0], &c));
		assert_string_equal(c->name, cases[i][1]);
	}
}

static void unknown_commands_name_the_nearest_one(void **state)
{
	const struct tm_command *c;
	fails(tm_command_find("stat", &c), TM_ERR_USAGE, "'stat' is ambiguous: statistics, status");
	fails(tm_command_find("trace", &c), TM_ERR_USAGE, "traceback, traces");
	fails(tm_command_find("", &c), TM_ERR_USAGE, "ambiguous");
	fails(tm_command_find("statsu", &c), TM_ERR_USAGE, "did you mean 'stat");
	fails(tm_command_find("sttatistics", &c), TM_ERR_USAGE, "did you mean 'statistics'?");
	fails(tm_command_find("snapshto", &c), TM_ERR_USAGE, "did you mean 'snapshot'?");
	fails(tm_command_find("statusx", &c), TM_ERR_USAGE, "did you mean 'status'?");
	fails(tm_command_find("xyzzyplugh", &c), TM_ERR_USAGE, "'tm help' lists them");
	char word[5000];
	memset(word, 's', sizeof word);
	word[sizeof word - 1] = 0;
	fails(tm_command_find(word, &c), TM_ERR_USAGE, NULL);
	fails(run("help", "nonesuch"), TM_ERR_USAGE, "unknown command");
	fails(run("nonesuch"), TM_ERR_USAGE, "unknown command");
}

/* ---- options ---- */

static struct tm_error *parse_words(const char *command, struct tm_args *args, const char *const *argv)
{
	const struct tm_command *c;
	int argc = 0;
	while (argv[argc])
		argc++;
	struct tm_session *s = new_session();
	ok(tm_command_find(command, &c));
	struct tm_error *err = tm_args_parse(s, c, argc, argv, argv, args);
	tm_session_close(s);
	return err;
}
#define parse(command, args, ...) parse_words((command), (args), (const char *const[]) { __VA_ARGS__, NULL })

static void options_have_defaults(void **state)
{
	struct tm_args a;
	ok(parse_words("statistics", &a, (const char *const[]) { NULL }));
	assert_int_equal(a.limit, 10);
	assert_int_equal(a.by, 0);
	assert_int_equal(a.format, TM_FORMAT_TEXT);
	assert_int_equal(a.color, TM_COLOR_AUTO);
	assert_int_equal(a.noperands, 0);
	assert_false(a.cumulative || a.strict || a.quiet || a.force || a.no_stop || a.has_pid || a.full_paths || a.help);
	assert_null(a.core);
	assert_null(a.output);
}

static void values_are_given_in_five_ways(void **state)
{
	static const char *const ways[][3] = { { "-n5" }, { "-n", "5" }, { "--limit=5" }, { "--limit", "5" }, { "--li=0x5" } };
	for (size_t i = 0; i < COUNT(ways); i++) {
		struct tm_args a;
		ok(parse_words("statistics", &a, ways[i]));
		assert_int_equal(a.limit, 5);
		assert_int_equal(a.noperands, 0);
	}
}

static void letters_go_together(void **state)
{
	struct tm_args a;
	ok(parse("statistics", &a, "-jqn", "0", "core", "-ofile"));
	assert_int_equal(a.format, TM_FORMAT_JSON);
	assert_true(a.quiet);
	assert_int_equal(a.limit, 0);
	assert_string_equal(a.output, "file");
	assert_int_equal(a.noperands, 1);
	assert_string_equal(a.operands[0], "core");
}

static void a_double_dash_ends_the_options(void **state)
{
	struct tm_args a;
	ok(parse("traceback", &a, "-q", "--", "-q", "--", "--limit"));
	assert_true(a.quiet);
	assert_int_equal(a.noperands, 3);
	assert_string_equal(a.operands[0], "-q");
	assert_string_equal(a.operands[1], "--");
	assert_string_equal(a.operands[2], "--limit");
	ok(parse("traceback", &a, "-", "-1", "x"));
	assert_int_equal(a.noperands, 3); /* a dash and numbers are words */
}

static void options_may_stand_behind_operands(void **state)
{
	struct tm_args a;
	ok(parse("statistics", &a, "core", "--by", "filename", "--cumulative", "--format=csv", "--debug-dir", "/a", "--debug-dir=/b", "-p", "12"));
	assert_int_equal(a.by, 1);
	assert_true(a.cumulative);
	assert_int_equal(a.format, TM_FORMAT_CSV);
	assert_string_equal(a.debug_dirs[0], "/a");
	assert_string_equal(a.debug_dirs[1], "/b");
	assert_null(a.debug_dirs[2]);
	assert_true(a.has_pid);
	assert_int_equal(a.pid, 12);
}

static void wrong_options_are_told_one_by_one(void **state)
{
	static const struct {
		const char *command, *argv[4], *words;
	} cases[] = { { "statistics", { "--nonesuch" }, "unknown option '--nonesuch'; 'tm help statistics'" },
		{ "statistics", { "--formt", "csv" }, "did you mean '--format'?" }, { "statistics", { "--cumulatve" }, "did you mean '--cumulative'?" },
		{ "statistics", { "--limit" }, "option '--limit' needs a value: N" }, { "statistics", { "-n" }, "option '-n' needs a value: N" },
		{ "statistics", { "-qn" }, "option '-n' needs a value: N" }, { "statistics", { "--limit=" }, "takes a number, not ''" },
		{ "statistics", { "--limit", "ten" }, "--limit takes a number, not 'ten'" }, { "statistics", { "-n-1" }, "not '-1'" },
		{ "statistics", { "-n", "18446744073709551616" }, "takes a number" }, { "statistics", { "--quiet=yes" }, "option '--quiet' takes no value" },
		{ "statistics", { "--by", "name" }, "--by is one of lineno, filename, traceback, not 'name'" },
		{ "statistics", { "--format=xml" }, "text, table, json, csv, not 'xml'" }, { "statistics", { "-z" }, "unknown option '-z'" },
		{ "statistics", { "-jz" }, "unknown option '-z'" }, { "statistics", { "--co", "x" }, "ambiguous" }, { "statistics", { "--=5" }, "ambiguous" },
		{ "statistics", { "a", "b" }, "'b' is one word too many; usage: tm statistics [SOURCE]" }, { "version", { "x" }, "one word too many" },
		{ "version", { "--limit=3" }, "'tm version' has no option '--limit'" }, { "status", { "--by", "lineno" }, "'tm status' has no option '--by'" },
		{ "traces", { "--cumulative" }, "'tm traces' has no option '--cumulative'" } };
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct tm_args a;
		fails(parse_words(cases[i].command, &a, cases[i].argv), TM_ERR_USAGE, cases[i].words);
	}
}

static void too_many_folders_are_refused(void **state)
{
	const char *argv[2 * TM_MOST_STRINGS + 3];
	struct tm_args a;
	for (int i = 0; i < 2 * TM_MOST_STRINGS + 2; i++)
		argv[i] = i % 2 ? "/a" : "--debug-dir";
	argv[2 * TM_MOST_STRINGS + 2] = NULL;
	fails(parse_words("statistics", &a, argv), TM_ERR_USAGE, "too often");
	argv[2 * TM_MOST_STRINGS] = NULL;
	ok(parse_words("statistics", &a, argv));
	assert_null(a.debug_dirs[TM_MOST_STRINGS]);
	assert_null(a.include[0]);
}

static void the_environment_gives_the_format_unless_an_option_does(void **state)
{
	struct tm_args a;
	static const char *const names[] = { "text", "table", "json", "csv" };
	for (unsigned i = 0; i < 4; i++) {
		setenv("TM_FORMAT", names[i], 1);
		ok(parse("statistics", &a, "x"));
		assert_int_equal(a.format, i);
		ok(parse("statistics", &a, "--format", "table"));
		assert_int_equal(a.format, TM_FORMAT_TABLE);
	}
	struct tm_session *none = NULL;
	setenv("TM_FORMAT", "nonsense", 1);
	fails(tm_session_open(&(struct tm_front) { .out = { write_out, &out } }, &none), TM_ERR_USAGE, "not 'nonsense'");
	assert_null(none);
	setenv("TM_FORMAT", "", 1);
	ok(parse("statistics", &a, "x"));
	assert_int_equal(a.format, TM_FORMAT_TEXT);
	unsetenv("TM_FORMAT");
}

/* ---- commands on a core ---- */

static char *python_core(void **state, const char *name, void (*change)(struct process *p))
{
	struct process p;
	process_init(&p, 8, false, 13, BY_COOKIE);
	if (change)
		change(&p);
	struct corefile c = core_of_process(&p, false);
	char *path = unit_path(*state, name);
	core_write(&c, path);
	process_free(&p);
	return path;
}

static void statistics_of_a_core(void **state)
{
	char *core = python_core(state, "core", NULL), *wanted;
	assert_true(asprintf(&wanted, "# 3 lines: 1161 B in 6 blocks; Python 3.13.5, %s\na.py:1: size=1150 B, count=3, average=383 B\n"
				      "c.py:9: size=10 B, count=2, average=5 B\n<unknown>:0: size=1 B, count=1, average=1 B\n", core) > 0);
	ok(run("statistics", core));
	assert_string_equal(out.s, wanted);
	ok(run("stats", "--core", core));
	assert_string_equal(out.s, wanted);
	ok(run("statistics", "-q", core));
	assert_string_equal(out.s, strchr(wanted, '\n') + 1);
	ok(run("statistics", "-qn1", core));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	ok(run("statistics", "-n1", core));
	assert_memory_equal(out.s, "# Top 1 of 3 lines: 1161 B in 6 blocks; ", 40);
	ok(run("statistics", "-q", "--by", "filename", "--cumulative", core));
	assert_string_equal(out.s, "b.py:0: size=1160 B, count=5, average=232 B\na.py:0: size=1150 B, count=3, average=383 B\n"
				   "c.py:0: size=10 B, count=2, average=5 B\n<unknown>:0: size=1 B, count=1, average=1 B\n");
	ok(run("statistics", "--strict", "-n1", "--json", core));
	assert_string_equal(out.s, "{\"schema\":\"tm.statistics/1\",\"complete\":true,\"notes\":[],\"by\":\"lineno\",\"cumulative\":false,"
				   "\"total\":{\"size\":1161,\"count\":6,\"rows\":3},\"rows\":[\n"
				   "{\"size\":1150,\"count\":3,\"traceback\":[{\"filename\":\"a.py\",\"lineno\":1}]}]}\n");
	ok(run("statistics", "-n1", "--by=traceback", "--format=csv", core));
	assert_string_equal(out.s, "size,count,traceback,schema,complete\n"
				   "1150,3,\"[[\"\"b.py\"\",2],[\"\"a.py\"\",1]]\",tm.statistics/1,true\n");
	fails(run("statistics", "--by=traceback", "--cumulative", core), TM_ERR_USAGE, "not with traceback");
	free(wanted);
	free(core);
}

static void output_goes_to_a_file(void **state)
{
	char *core = python_core(state, "core", NULL), *file = unit_path(*state, "out.txt");
	ok(run("statistics", "-q", "-n1", core, "-o", file));
	assert_int_equal(out.len, 0);
	size_t len;
	uint8_t *p = unit_read(file, &len);
	assert_string_equal((char *)p, "a.py:1: size=1150 B, count=3, average=383 B\n");
	free(p);
	fails(run("statistics", "-q", core, "-o", file), TM_ERR_USAGE, "--force");
	ok(run("statistics", "-q", "-n1", "--by=filename", core, "-o", file, "-f"));
	p = unit_read(file, &len);
	assert_string_equal((char *)p, "a.py:0: size=1150 B, count=3, average=383 B\n");
	free(p);
	fails(run("statistics", core, "-o", "/dev/full"), TM_ERR_OS, "No space");
	assert_int_equal(unit_folder_count(*state), 2);
	free(file);
	free(core);
}

static void traces_of_a_core(void **state)
{
	char *core = python_core(state, "core", NULL);
	ok(run("traces", "-q", "-n3", core));
	assert_string_equal(out.s, "b.py:2: 1000 B\nb.py:2: 100 B\nb.py:2: 50 B\n");
	ok(run("traces", "-n1", "-j", core));
	assert_non_null(strstr(out.s, "\"rows\":[\n{\"size\":1000,\"address\":536875008,\"domain\":389047,\"total_nframe\":2,"
				      "\"traceback\":[{\"filename\":\"b.py\",\"lineno\":2},{\"filename\":\"a.py\",\"lineno\":1}]}]}\n"));
	free(core);
}

static void tracebacks_of_addresses(void **state)
{
	char *core = python_core(state, "core", NULL);
	ok(run("traceback", "0x20003000", "--in", core));
	assert_string_equal(out.s, "# block 0x20003000, 7 B; the newest 2 of 5 frames\n  File \"b.py\", line 2\n  File \"c.py\", line 9\n");
	ok(run("tb", "0x20003003", "--in", core, "--frames=1"));
	assert_string_equal(out.s, "# block 0x20003000, 7 B: the address is 3 bytes into it; the newest 2 of 5 frames\n  File \"c.py\", line 9\n");
	ok(run("tb", "536875008", "--in", core, "--most-recent-first")); /* 0x20001000, in two domains */
	assert_string_equal(out.s, "# block 0x20001000, 100 B\n  File \"a.py\", line 1\n  File \"b.py\", line 2\n"
				   "# block 0x20001000, 1000 B, domain 389047\n  File \"a.py\", line 1\n  File \"b.py\", line 2\n");
	fails(run("tb", "0x20003007", "--in", core), TM_ERR_NOTFOUND, "no traced block at 0x20003007");
	fails(run("tb", "object", "--in", core), TM_ERR_USAGE, "'object' is not an address");
	fails(run("tb", "--in", core), TM_ERR_USAGE, "which address?");
	fails(run("tb", "0x20003000"), TM_ERR_USAGE, "which core");
	free(core);
}

static void snapshots_are_written_and_read(void **state)
{
	char *core = python_core(state, "core", NULL), *file = unit_path(*state, "a.tm");
	ok(run("snapshot", core, "-o", file));
	assert_memory_equal(out.s, "# Wrote 6 blocks, 1161 B, to ", 29);
	fails(run("snapshot", core, "-o", file), TM_ERR_USAGE, "--force");
	ok(run("snapshot", core, "-o", file, "--force"));
	fails(run("snapshot", core), TM_ERR_USAGE, "where to?");
	unlink(core);
	ok(run("statistics", "-q", "-n1", file));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	ok(run("tb", "0x20004000", "--in", file));
	assert_string_equal(out.s, "# block 0x20004000, 1 B\n  File \"<unknown>\", line 0\n");
	ok(run("status", file, "--verify"));
	assert_non_null(strstr(out.s, "Python: 3.13.5"));
	assert_non_null(strstr(out.s, "tracing: yes, traceback limit 2"));
	assert_non_null(strstr(out.s, "traced memory: 1161 B (1,161 bytes), peak 5000 B (5,000 bytes)"));
	ok(run("status", file, "--json"));
	assert_non_null(strstr(out.s, "\"traced_memory\":1161,\"peak_traced_memory\":5000,\"tracemalloc_memory\":1392,"));
	assert_non_null(strstr(out.s, "\"signal\":6,"));
	assert_non_null(strstr(out.s, "\"traces\":{\"address\":"));
	free(file);
	free(core);
}

static void count_one_more(struct process *p)
{
	img_count(&p->m, &p->traces, p->traces.entries + 1);
}

static void stop_tracing(struct process *p)
{
	struct img_table empty = img_table(&p->m, 16, 0, 0);
	img_put(&p->m, p->config + 4, 0, 4);
	img_word(&p->m, p->traces_at, empty.addr);
	img_word(&p->m, p->tracebacks_at, empty.addr);
	img_word(&p->m, p->filenames_at, empty.addr);
	img_word(&p->m, p->domains_at, empty.addr);
}

static void what_is_incomplete_is_told_and_fails_only_when_strict(void **state)
{
	char *core = python_core(state, "core", count_one_more), *file = unit_path(*state, "a.tm");
	ok(run("statistics", "-q", core));
	assert_memory_equal(out.s, "# INCOMPLETE: torn: the tables count 7 traces, 6 were found", 58);
	assert_non_null(strstr(out.s, "\na.py:1: size=1150 B, count=3, average=383 B\n"));
	fails(run("statistics", "-q", "--strict", core), TM_ERR_INCOMPLETE, "the tables count 7 traces");
	ok(run("status", core));
	fails(run("status", "--strict", core), TM_ERR_INCOMPLETE, NULL);
	fails(run("snapshot", "--strict", core, "-o", file), TM_ERR_INCOMPLETE, NULL);
	assert_int_equal(access(file, F_OK), -1);
	ok(run("statistics", "--json", core));
	assert_non_null(strstr(out.s, "\"complete\":false,\"notes\":[\"torn: "));
	free(file);
	free(core);
}

static void what_does_not_trace_says_what_to_do(void **state)
{
	char *core = python_core(state, "core", stop_tracing), *file = unit_path(*state, "a.tm");
	fails(run("statistics", core), TM_ERR_NOTTRACING, "PYTHONTRACEMALLOC=1");
	fails(run("traces", core), TM_ERR_NOTTRACING, "not tracing");
	fails(run("tb", "0x20001000", "--in", core), TM_ERR_NOTTRACING, "not tracing");
	fails(run("snapshot", core, "-o", file), TM_ERR_NOTTRACING, "not tracing");
	ok(run("status", core));
	assert_non_null(strstr(out.s, "tracing: no"));
	assert_non_null(strstr(out.s, "PYTHONTRACEMALLOC=1"));
	free(file);
	free(core);
}

static void forget_python(struct process *p)
{
	memset(p->m.data, 0, p->m.data_size);
}

static void sources_that_are_none_have_their_reasons(void **state)
{
	char *core = python_core(state, "core", forget_python), *text = unit_path(*state, "text"), *none = unit_path(*state, "none");
	fails(run("status", core), TM_ERR_NOTPYTHON, "no Python");
	unit_write(text, "hello", 5);
	fails(run("status", text), TM_ERR_UNSUPPORTED, "neither an ELF core file nor a snapshot file");
	unit_write(text, "", 0);
	fails(run("status", text), TM_ERR_CORRUPT, "is empty");
	fails(run("status", *state), TM_ERR_UNSUPPORTED, "is a folder");
	fails(run("status", none), TM_ERR_OS, "No such file");
	fails(run("status", "nonesuch-at-all"), TM_ERR_NOTFOUND, "no such file, and not a process ID");
	fails(run("status", "99999999999999999999"), TM_ERR_NOTFOUND, "no process");
	fails(run("status", "-p", "0"), TM_ERR_NOTFOUND, "no process 0");
	fails(run("status", "-p", "4294967296"), TM_ERR_NOTFOUND, "no process 4294967296");
	fails(run("status", core, "-p", "1"), TM_ERR_USAGE, "one SOURCE");
	fails(run("status", "--core", core, "-p", "1"), TM_ERR_USAGE, "one SOURCE");
	fails(run("status"), TM_ERR_USAGE, "which core, process or snapshot file?");
	free(none);
	free(text);
	free(core);
}

/* ---- the host ---- */

struct host {
	const char *core;
	uint64_t address;
	char expression[64];
};

static struct tm_error *host_target(void *ctx, const struct tm_search *search, enum tm_road road, struct tm_target **ret)
{
	return tm_target_open_core(((struct host *)ctx)->core, search, (struct tm_poll) { 0 }, ret);
}

static struct tm_error *host_evaluate(void *ctx, const char *expression, uint64_t *ret)
{
	struct host *h = ctx;
	snprintf(h->expression, sizeof h->expression, "%s", expression);
	*ret = h->address;
	return NULL;
}

static void a_debugger_lends_its_target_and_its_expressions(void **state)
{
	char *core = python_core(state, "core", NULL);
	struct host h = { core, 0x20002000, "" };
	struct tm_session *s;
	tm_text_clear(&out);
	ok(tm_session_open(&(struct tm_front) { .out = { write_out, &out }, .target = host_target, .evaluate = host_evaluate, .ctx = &h }, &s));
	ok(tm_session_run(s, 2, (const char *const[]) { "statistics", "-qn1" }));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	tm_text_clear(&out);
	ok(tm_session_run(s, 5, (const char *const[]) { "traceback", "--", "*p", "+", "8" }));
	assert_string_equal(h.expression, "*p + 8");
	assert_memory_equal(out.s, "# block 0x20002000, 50 B\n", 25);
	ok(tm_session_run(s, 0, (const char *const[]) { NULL })); /* nothing is a help */
	tm_session_close(s);
	free(core);
}

/* ---- lines, completion, kept snapshots ---- */

static void check_words(const char *line, const char *const *words, const char *const *raw, bool open, char quote)
{
	struct tm_words w;
	ok(tm_words_split(line, &w));
	for (size_t i = 0; words[i]; i++) {
		assert_true(i < w.items.n);
		assert_string_equal(w.items.items[i], words[i]);
		assert_string_equal(w.raw.items[i], raw[i]);
		assert_true(i + 1 < w.items.n || !words[i + 1]);
	}
	assert_true(words[0] || !w.items.n);
	assert_int_equal(w.open, open);
	assert_int_equal(w.quote, quote);
	tm_words_free(&w);
}
#define W(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void lines_split_as_in_a_shell(void **state)
{
	check_words("", W(NULL), W(NULL), false, 0);
	check_words(" \t ", W(NULL), W(NULL), false, 0);
	check_words("a", W("a"), W("a"), true, 0);
	check_words(" a  b\t", W("a", "b"), W("a", "b"), false, 0);
	check_words("'a b' \"c'd\" e\\ f", W("a b", "c'd", "e f"), W("'a b'", "\"c'd\"", "e\\ f"), true, 0);
	check_words("x'y'\"z\"w ''", W("xyzw", ""), W("x'y'\"z\"w", "''"), true, 0);
	check_words("\"a\\\"b\\c\" 'a\\'", W("a\"b\\c", "a\\"), W("\"a\\\"b\\c\"", "'a\\'"), true, 0);
	check_words("a 'b c", W("a", "b c"), W("a", "'b c"), true, '\'');
	check_words("a\\", W("a\\"), W("a\\"), true, 0);
	char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;
	setenv("HOME", "/home/a user", 1);
	check_words("~/x ~/ '~/y' \\~/z a~/ ~ ~1", W("/home/a user/x", "/home/a user/", "~/y", "~/z", "a~/", "~", "~1"),
		W("~/x", "~/", "'~/y'", "\\~/z", "a~/", "~", "~1"), true, 0);
	unsetenv("HOME");
	check_words("~/x ~/", W("~/x", "~/"), W("~/x", "~/"), true, 0);
	if (home)
		setenv("HOME", home, 1);
	free(home);
}

static void completes(struct tm_session *s, const char *line, size_t start, const char *words, bool expression)
{
	struct tm_completion c;
	struct tm_text all = { 0 };
	ok(tm_session_complete(s, line, &c));
	for (size_t i = 0; i < c.words.n; i++)
		tm_text_printf(&all, "%s%s", i ? " " : "", c.words.items[i]);
	assert_string_equal(tm_text_str(&all), words);
	assert_int_equal(c.start, start);
	assert_int_equal(c.expression, expression);
	tm_text_free(&all);
	tm_completion_free(&c);
}

static struct tm_session *lasting_session(struct host *h)
{
	struct tm_session *s;
	tm_text_clear(&out);
	ok(tm_session_open(&(struct tm_front) { .out = { write_out, &out }, .lasting = true, .target = host_target,
		.evaluate = host_evaluate, .ctx = h }, &s));
	return s;
}

static void lines_complete_from_the_tables(void **state)
{
	char *core = python_core(state, "core", NULL), *folder = unit_path(*state, ""), *inner = unit_path(*state, "sub");
	char *was = getcwd(NULL, 0), *home = strdup(getenv("HOME") ? getenv("HOME") : "");
	struct host h = { core, 0, "" };
	struct tm_session *s = lasting_session(&h);
	assert_int_equal(chdir(folder) | setenv("HOME", folder, 1) | mkdir(inner, 0700) | mkdir("sub/one", 0700) | symlink("core", "sub/.hidden") | symlink("core", "a b'c"), 0);
	completes(s, "statu", 0, "status", false);
	completes(s, "", 0, "break clear-traces compare config drop dump filter help list load record reset-peak run snapshot start statistics status stop traceback "
		"traces version", false);
	completes(s, "help tra", 5, "traceback traces", false);
	completes(s, "statistics --b", 11, "--by", false);
	completes(s, "statistics --by ", 16, "filename lineno traceback", false);
	completes(s, "stats --by=l", 6, "--by=lineno", false);
	completes(s, "statistics --cumulative c", 24, "core", false);
	completes(s, "statistics -o x", 14, "", false);
	completes(s, "statistics -o s", 14, "sub/ sub/one/", false);
	completes(s, "statistics -o ./sub/.h", 14, "./sub/.hidden", false);
	completes(s, "statistics --output=c", 11, "--output=core", false);
	completes(s, "statistics ~/c", 11, "~/core", false);
	completes(s, "statistics '~/su", 11, "'~/sub/ '~/sub/one/", false);
	completes(s, "statistics --output=~/c", 11, "", false); /* no home folder there */
	completes(s, "statistics a", 11, "a\\ b\\'c", false);
	completes(s, "statistics a\\ ", 11, "a\\ b\\'c", false);
	completes(s, "statistics \"a ", 11, "\"a b'c", false);
	completes(s, "statistics 'a ", 11, "", false); /* it has one itself */
	completes(s, "statistics none/c", 11, "", false);
	completes(s, "traceback se", 10, "", true);
	completes(s, "config fo", 7, "format", false);
	completes(s, "config format ", 14, "csv json table text", false);
	completes(s, "config strict o", 14, "off on", false);
	completes(s, "config format json ", 19, "", false);
	completes(s, "nonesuch ", 9, "", false);
	ok(tm_session_run_line(s, "snapshot --name before"));
	completes(s, "drop ", 5, "before", false);
	completes(s, "statistics b", 11, "before", false);
	completes(s, "traceback --in ", 15, "a\\ b\\'c before core sub/", false);
	completes(s, "traceback --in=b", 10, "--in=before", false);
	tm_session_close(s);
	assert_int_equal(unlink("a b'c") | unlink("sub/.hidden") | rmdir("sub/one") | rmdir("sub") | chdir(was) | setenv("HOME", home, 1), 0);
	free(was);
	free(home);
	free(inner);
	free(folder);
	free(core);
}

static void a_session_keeps_snapshots(void **state)
{
	char *core = python_core(state, "core", NULL);
	struct host h = { core, 0, "" };
	struct tm_session *s = lasting_session(&h);
	ok(tm_session_run_line(s, "list"));
	assert_non_null(strstr(out.s, "no snapshots yet"));
	ok(tm_session_run_line(s, "snapshot"));
	ok(tm_session_run_line(s, "snapshot --name 'b'"));
	ok(tm_session_run_line(s, "snapshot"));
	assert_non_null(strstr(out.s, "Snapshot 2: "));
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "list --format csv"));
	assert_non_null(strstr(out.s, "\n1,"));
	assert_non_null(strstr(out.s, "\nb,"));
	assert_non_null(strstr(out.s, "\n2,"));
	/* A snapshot does not need what it was taken of. */
	assert_int_equal(unlink(core), 0);
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "statistics b -qn1"));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	fails(tm_session_run_line(s, "statistics"), TM_ERR_OS, NULL);
	fails(tm_session_run_line(s, "snapshot --name b"), TM_ERR_USAGE, "already");
	fails(tm_session_run_line(s, "snapshot --name 12"), TM_ERR_USAGE, "cannot name");
	ok(tm_session_run_line(s, "snapshot b --name b --force"));
	fails(tm_session_run_line(s, "drop 1 nonesuch"), TM_ERR_NOTFOUND, "no snapshot 'nonesuch'");
	struct tm_snapshot *kept = tm_session_snapshot(s, "1");
	assert_non_null(kept);
	ok(tm_session_run_line(s, "drop 1 b"));
	fails(tm_session_run_line(s, "statistics 1"), TM_ERR_NOTFOUND, "snapshot 1 is gone"); /* nor is it process 1 */
	assert_null(tm_session_snapshot(s, "b"));
	tm_session_close(s);
	assert_int_equal(kept->ntraces, 6);
	tm_snapshot_unref(kept);
	free(core);
}

static void filters_and_comparisons(void **state)
{
	char *core = python_core(state, "core", NULL);
	struct host h = { core, 0, "" };
	struct tm_session *s = lasting_session(&h);
	fails(tm_session_run_line(s, "compare"), TM_ERR_USAGE, "compare what?");
	ok(tm_session_run_line(s, "snapshot --include a.py:1 --name a"));
	ok(tm_session_run_line(s, "filter a --exclude *:1 --name none"));
	ok(tm_session_run_line(s, "snapshot"));
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "statistics a -q -n 0"));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "compare none a -q"));
	assert_string_equal(out.s, "a.py:1: size=1150 B (+1150 B), count=3 (+3), average=383 B\n");
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "compare a none -q"));
	assert_string_equal(out.s, "a.py:1: size=0 B (-1150 B), count=0 (-3)\n");
	/* The last two; one against now; filters on both sides. */
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "compare --format csv --include a.py:1"));
	assert_non_null(strstr(out.s, "\n1150,1150,3,3,\"[[\"\"a.py\"\",1]]\",tm.compare/1,true\n"));
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "diff a --include a.py:1 --format csv"));
	assert_non_null(strstr(out.s, "\n1150,0,3,0,"));
	fails(tm_session_run_line(s, "compare a none -p 1"), TM_ERR_USAGE, "too many");
	fails(tm_session_run_line(s, "compare a --by traceback --cumulative"), TM_ERR_USAGE, "--cumulative goes with");
	fails(tm_session_run_line(s, "statistics a --domain x"), TM_ERR_USAGE, "a domain is a number");
	fails(tm_session_run_line(s, "filter a --include x:99999999999 --name y"), TM_ERR_USAGE, "no line has the number");
	tm_session_close(s);
	fails(run("compare", core), TM_ERR_USAGE, "compare with what?");
	free(core);
}

static void dumps_are_loaded(void **state)
{
	char *core = python_core(state, "core", NULL), line[400];
	struct host h = { core, 0, "" };
	struct tm_session *s = lasting_session(&h);
	fails(tm_session_run_line(s, "dump"), TM_ERR_USAGE, "where to?");
	fails(tm_session_run_line(s, "load"), TM_ERR_USAGE, "which file?");
	fails(tm_session_run_line(s, "dump -o /dev/null --for-python 4"), TM_ERR_USAGE, "takes a version");
	static const char *const kinds[] = { "pickle", "tm" };
	for (int i = 0; i < 2; i++) {
		snprintf(line, sizeof line, "dump -o %s.%s --as %s --include a.py:1", core, kinds[i], kinds[i]);
		ok(tm_session_run_line(s, line));
		fails(tm_session_run_line(s, line), TM_ERR_USAGE, "exists already");
		snprintf(line, sizeof line, "load %s.%s --name from_%s", core, kinds[i], kinds[i]);
		ok(tm_session_run_line(s, line));
		snprintf(line, sizeof line, "statistics from_%s -q", kinds[i]);
		tm_text_clear(&out);
		ok(tm_session_run_line(s, line));
		assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	}
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "status from_pickle"));
	assert_non_null(strstr(out.s, "evidence: none: a pickle keeps no checksums"));
	tm_session_close(s);
	fails(run("load", core), TM_ERR_USAGE, "every command takes");
	free(core);
}

static void settings_are_the_defaults_of_options(void **state)
{
	char *core = python_core(state, "core", NULL);
	struct host h = { core, 0x20002000, "" };
	struct tm_session *s = lasting_session(&h);
	ok(tm_session_run_line(s, "config limit 1"));
	ok(tm_session_run_line(s, "config quiet on"));
	ok(tm_session_run_line(s, "statistics"));
	assert_string_equal(out.s, "a.py:1: size=1150 B, count=3, average=383 B\n");
	tm_text_clear(&out);
	ok(tm_session_run_line(s, "config sysroot '/a b'"));
	ok(tm_session_run_line(s, "config sysroot --format csv"));
	assert_non_null(strstr(out.s, "\nsysroot,/a b,"));
	ok(tm_session_run_line(s, "config sysroot ''"));
	fails(tm_session_run_line(s, "config nonesuch 1"), TM_ERR_USAGE, "no setting 'nonesuch'; there are by, limit");
	fails(tm_session_run_line(s, "config quiet maybe"), TM_ERR_USAGE, "on or off");
	fails(tm_session_run_line(s, "config limit x"), TM_ERR_USAGE, "takes a number");
	fails(tm_session_run_line(s, "statistics 'x"), TM_ERR_USAGE, "quote ' is not closed");
	ok(tm_session_run_line(s, "traceback --frames 1 *(char **)\"a  b\" + 'c'"));
	assert_string_equal(h.expression, "*(char **)\"a  b\" + 'c'");
	tm_session_close(s);
	fails(run("config", "limit", "3"), TM_ERR_USAGE, "the shell keeps no settings");
	fails(run("snapshot", core, "--name", "x"), TM_ERR_USAGE, "the shell keeps no snapshots");
	free(core);
}

static bool stop(void *ctx, const char *what, uint64_t done, uint64_t total)
{
	return true;
}

static void the_host_can_stop_a_command(void **state)
{
	char *core = python_core(state, "core", NULL);
	struct tm_session *s;
	ok(tm_session_open(&(struct tm_front) { .out = { write_out, &out }, .poll = { stop, NULL } }, &s));
	fails(tm_session_run(s, 2, (const char *const[]) { "statistics", core }), TM_ERR_INTERRUPTED, NULL);
	tm_session_close(s);
	free(core);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(commands_are_sorted_unique_and_explained),
		TEST(options_are_unique_within_each_command),
		TEST(every_example_parses),
		TEST(every_command_has_help_that_names_its_options),
		TEST(commands_are_found_by_prefix_and_alias),
		TEST(unknown_commands_name_the_nearest_one),
		TEST(options_have_defaults),
		TEST(values_are_given_in_five_ways),
		TEST(letters_go_together),
		TEST(a_double_dash_ends_the_options),
		TEST(options_may_stand_behind_operands),
		TEST(wrong_options_are_told_one_by_one),
		TEST(too_many_folders_are_refused),
		TEST(the_environment_gives_the_format_unless_an_option_does),
		TEST(statistics_of_a_core),
		TEST(output_goes_to_a_file),
		TEST(traces_of_a_core),
		TEST(tracebacks_of_addresses),
		TEST(snapshots_are_written_and_read),
		TEST(what_is_incomplete_is_told_and_fails_only_when_strict),
		TEST(what_does_not_trace_says_what_to_do),
		TEST(sources_that_are_none_have_their_reasons),
		TEST(a_debugger_lends_its_target_and_its_expressions),
		TEST(the_host_can_stop_a_command),
		TEST(lines_split_as_in_a_shell),
		TEST(lines_complete_from_the_tables),
		TEST(a_session_keeps_snapshots),
		TEST(filters_and_comparisons),
		TEST(dumps_are_loaded),
		TEST(settings_are_the_defaults_of_options),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
