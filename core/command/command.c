/* The table of commands. */
#include "args.h"

#define SOURCE_HELP                                                                                          \
	"SOURCE is an ELF core file, a process (its PID) or a snapshot file; files are told apart by their content."

const struct tm_command tm_commands[] = {
	{ .name = "help", .operands = "[COMMAND]", .summary = "Show what tm can do, or how one command is used.",
		.groups = TM_GROUP_ALL | TM_GROUP_HELP, .most_operands = 1, .run = tm_run_help,
		.example = "tm help statistics" },
	{ .name = "snapshot", .operands = "[SOURCE] -o FILE", .summary = "Keep all traces in a snapshot file (take_snapshot).",
		.help = "The file is tm's own format: it opens at once whatever its size, and every command takes it as SOURCE.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_OUTPUT, .most_operands = 1, .run = tm_run_snapshot,
		.example = "tm snapshot core -o night.tm" },
	{ .name = "statistics", .alias = "stats", .operands = "[SOURCE]",
		.summary = "Show what allocated most, by line, file or traceback (Snapshot.statistics).",
		.help = "One line each is str(Statistic) of tracemalloc, in its order; lines of tm's own begin with '# '.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_ROWS | TM_GROUP_BY | TM_GROUP_OUTPUT,
		.most_operands = 1, .run = tm_run_statistics, .example = "tm statistics core --by filename --cumulative" },
	{ .name = "status", .operands = "[SOURCE]",
		.summary = "Show whether tracemalloc traces, how much, and whether its tables can be trusted.",
		.help = "What is_tracing(), get_traceback_limit(), get_traced_memory() and get_tracemalloc_memory() would say, and what the\n"
			"checks of the tables gave.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_OUTPUT | TM_GROUP_VERIFY, .most_operands = 1,
		.run = tm_run_status, .example = "tm status 1234" },
	{ .name = "traceback", .alias = "tb", .operands = "EXPR",
		.summary = "Show where the block at an address was allocated (get_object_traceback).",
		.help = "EXPR is an address: the start of a block, any address inside one, or that of a Python object.\n"
			"Frames come as Traceback.format() writes them, the oldest first.",
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_OUTPUT | TM_GROUP_IN | TM_GROUP_FRAMES,
		.most_operands = 8, .run = tm_run_traceback, .example = "tm traceback 0x7f52a4c0 --in core" },
	{ .name = "traces", .operands = "[SOURCE]", .summary = "Show the single blocks, biggest first (Snapshot.traces).",
		.help = "One line each is str(Trace) of tracemalloc.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_ROWS | TM_GROUP_OUTPUT, .most_operands = 1,
		.run = tm_run_traces, .example = "tm traces core -n 20 --format table" },
	{ .name = "version", .operands = "", .summary = "Show the version of tm and of the libraries it uses.",
		.groups = TM_GROUP_ALL, .run = tm_run_version, .example = "tm version" },
	{ 0 },
};
