/* The table of commands. */
#include "args.h"

#define SOURCE_HELP                                                                                          \
	"SOURCE is a snapshot of this session, an ELF core file, a process (its PID) or a snapshot file, tm's or tracemalloc's;\n" \
	"files may be compressed and are told apart by their content. In a debugger no SOURCE means the present target."

#define CONTROL_HELP                                                                                          \
	"This is the one place where anything runs in the target: from 3.14 on a script that the process runs by itself\n" \
	"(PEP 768, unless it has switched that off), before that a pending call in its main thread, or a call there while it\n" \
	"waits in a system call. Where none of these is safe, nothing is done. In the shell -p names the process, and a Python\n" \
	"before 3.14, or one all of whose threads wait, needs an installed GDB or LLDB."
#define CONTROL_GROUPS TM_GROUP_ALL | TM_GROUP_PROCESS | TM_GROUP_CONTROL

const struct tm_command tm_commands[] = {
	{ .name = "break", .operands = "", .summary = "Stop the target in the allocation that takes its traced memory across a line.",
		.help = "In GDB and LLDB, on a process. Takes a snapshot, break-1 the first time, and sets a hardware watchpoint on the peak,\n"
			"which is written only when a new one is reached: a process below its peak runs at full speed. When the line is\n"
			"reached, the process stops, the watchpoint is gone, and what grew since then is shown. Deleting the debugger's\n"
			"watchpoint disarms. Without an option: lists what is armed.",
		.groups = TM_GROUP_ALL | TM_GROUP_LINE | TM_GROUP_RENDER, .run = tm_run_break, .example = "tm break --grow 10M" },
	{ .name = "clear-traces", .operands = "", .summary = "Make the process forget all traces, and trace on (tracemalloc.clear_traces).",
		.help = CONTROL_HELP, .groups = CONTROL_GROUPS, .run = tm_run_control, .example = "tm clear-traces -p 1234" },
	{ .name = "compare", .alias = "diff", .operands = "[OLD [NEW]]",
		.summary = "Show what grew and what shrank between two snapshots (Snapshot.compare_to).",
		.help = "OLD and NEW are SOURCEs. Without them: the last two snapshots of this session; with OLD alone: it against the\n"
			"present target. One line each is str(StatisticDiff) of tracemalloc, in its order.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_RENDER | TM_GROUP_ROWS | TM_GROUP_BY | TM_GROUP_OUTPUT,
		.word = TM_WORD_SOURCE, .most_operands = 2, .run = tm_run_compare, .example = "tm compare before.tm core --by filename" },
	{ .name = "config", .operands = "[NAME [VALUE]]", .summary = "Show or set the defaults of this session.",
		.help = "Each setting is the default of the option of the same name. In GDB 'set tm NAME VALUE' and 'show tm NAME' do\n"
			"the same.",
		.groups = TM_GROUP_ALL | TM_GROUP_RENDER, .word = TM_WORD_SETTING, .most_operands = 2, .run = tm_run_config,
		.example = "tm config format table" },
	{ .name = "drop", .operands = "NAME...", .summary = "Forget snapshots of this session.", .groups = TM_GROUP_ALL,
		.word = TM_WORD_SNAPSHOT, .most_operands = 64, .run = tm_run_drop, .example = "tm drop 1 2" },
	{ .name = "dump", .operands = "[SOURCE] -o FILE", .summary = "Write a snapshot that Python itself can load (Snapshot.dump).",
		.help = "The file is what tracemalloc.Snapshot.load() reads, in the shape of the snapshot's own Python.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_OUTPUT | TM_GROUP_DUMP, .word = TM_WORD_SOURCE,
		.most_operands = 1, .run = tm_run_dump, .example = "tm dump core -o night.pickle" },
	{ .name = "filter", .operands = "[SOURCE]", .summary = "Make a snapshot of the blocks that filters let pass (Snapshot.filter_traces).",
		.help = "A block passes when it fits an --include or --domain, or there is none, and no --exclude or --exclude-domain.\n"
			"Patterns are fnmatch's: *, ?, [seq], [!seq]; PAT:LINE asks for that line, too. Every command with a SOURCE has these\n"
			"options. It is kept in the session or written with -o, as by 'tm snapshot'.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_OUTPUT | TM_GROUP_NAME, .word = TM_WORD_SOURCE,
		.most_operands = 1, .run = tm_run_snapshot, .example = "tm filter core --exclude '*/importlib/*' -o mine.tm" },
	{ .name = "gdb", .operands = "[PID | CORE | EXE CORE]", .summary = "Start GDB with these commands in it.",
		.help = "A CORE's program is found by itself where its build-id agrees. GDB's own settings and init files are left as\n"
			"they are; TM_GDB names another gdb.",
		.groups = TM_GROUP_ALL, .word = TM_WORD_FILE, .most_operands = 2, .shell = true, .run = tm_run_shell, .example = "tm gdb core" },
	{ .name = "help", .operands = "[COMMAND]", .summary = "Show what tm can do, or how one command is used.",
		.groups = TM_GROUP_ALL | TM_GROUP_HELP, .most_operands = 1, .run = tm_run_help,
		.word = TM_WORD_COMMAND, .example = "tm help statistics" },
	{ .name = "install-gdb", .operands = "", .summary = "Show or write what makes GDB load these commands by itself.",
		.help = "Shows a line for GDB's init file, which is silent when the plugin is gone; --write adds it, once. With --auto-load GDB\n"
			"loads the plugin when it meets that Python, a program's or a core's, and the line is needed only where GDB would not\n"
			"look into the folder, or not trust it.",
		.groups = TM_GROUP_ALL | TM_GROUP_SETUP | TM_GROUP_AUTO_LOAD, .shell = true, .run = tm_run_shell, .example = "tm install-gdb --write" },
	{ .name = "install-lldb", .operands = "", .summary = "Show or write what makes LLDB load these commands by itself.",
		.help = "Shows a line for LLDB's init file, which is silent when the plugin is gone; --write adds it, once.",
		.groups = TM_GROUP_ALL | TM_GROUP_SETUP, .shell = true, .run = tm_run_shell, .example = "tm install-lldb --write" },
	{ .name = "list", .operands = "", .summary = "Show the snapshots of this session, and the growth from one to the next.",
		.groups = TM_GROUP_ALL | TM_GROUP_RENDER | TM_GROUP_OUTPUT, .run = tm_run_list, .example = "tm list" },
	{ .name = "lldb", .operands = "[PID | CORE | EXE CORE]", .summary = "Start LLDB with these commands in it.",
		.help = "A CORE's program is found by itself where its build-id agrees. LLDB's own settings and init files are left as\n"
			"they are; TM_LLDB names another lldb.",
		.groups = TM_GROUP_ALL, .word = TM_WORD_FILE, .most_operands = 2, .shell = true, .run = tm_run_shell, .example = "tm lldb core" },
	{ .name = "load", .operands = "FILE", .summary = "Keep a snapshot file in this session (Snapshot.load).",
		.help = "FILE is tm's own or a pickle of tracemalloc's, which is read without executing anything, also when it is compressed\n"
			"with gzip, xz or zstd.",
		.groups = TM_GROUP_ALL | TM_GROUP_NAME | TM_GROUP_FILTER, .word = TM_WORD_FILE, .most_operands = 1, .run = tm_run_load,
		.example = "tm load night.pickle --name night" },
	{ .name = "record", .operands = "LOCATION", .summary = "Take a snapshot whenever the target comes to a place, and let it go on.",
		.help = "In GDB and LLDB. LOCATION is what the debugger's own 'break' or 'b' takes; one that begins with '-' needs a '--' in\n"
			"front of it. It becomes a breakpoint; deleting that ends it. When a snapshot cannot be taken the target stays there.\n"
			"'tm list' shows the growth from one to the next.",
		.groups = TM_GROUP_ALL, .word = TM_WORD_EXPRESSION, .rest = true, .run = tm_run_record, .example = "tm record fsync" },
	{ .name = "reset-peak", .operands = "", .summary = "Set the peak to what is traced now (tracemalloc.reset_peak).", .help = CONTROL_HELP,
		.groups = CONTROL_GROUPS, .run = tm_run_control, .example = "tm reset-peak -p 1234" },
	{ .name = "run", .operands = "[PROGRAM [ARG...]]", .summary = "Start a program with tracing from its first line.",
		.help = "The shell becomes PROGRAM. A debugger runs it, or without PROGRAM its present one with its present arguments. Options\n"
			"of tm's stand before PROGRAM; all behind it is PROGRAM's own. Its environment gets PYTHONTRACEMALLOC=N, which the\n"
			"Pythons that it starts inherit; a PROGRAM called python... also '-X tracemalloc=N', because with -E or -I it would\n"
			"ignore that.",
		.groups = TM_GROUP_ALL | TM_GROUP_LAUNCH, .word = TM_WORD_FILE, .rest = true, .run = tm_run_run,
		.example = "tm run --nframe 5 python3 job.py" },
	{ .name = "snapshot", .operands = "[SOURCE]", .summary = "Keep all traces, in this session or in a file (take_snapshot).",
		.help = "Without -o it is kept in the session under its number or --name; the shell keeps nothing and needs -o. The file\n"
			"is tm's own format: it opens at once whatever its size, and every command takes it as SOURCE.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_OUTPUT | TM_GROUP_NAME, .word = TM_WORD_SOURCE, .most_operands = 1, .run = tm_run_snapshot,
		.example = "tm snapshot core -o night.tm" },
	{ .name = "start", .operands = "[NFRAME]", .summary = "Make the process trace from now on (tracemalloc.start).",
		.help = "NFRAME is the most frames that a traceback keeps (1). Blocks that are there already have no traces.\n" CONTROL_HELP,
		.groups = CONTROL_GROUPS, .most_operands = 1, .run = tm_run_control, .example = "tm start 25 -p 1234" },
	{ .name = "statistics", .alias = "stats", .operands = "[SOURCE]",
		.summary = "Show what allocated most, by line, file or traceback (Snapshot.statistics).",
		.help = "One line each is str(Statistic) of tracemalloc, in its order; lines of tm's own begin with '# '.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_RENDER | TM_GROUP_ROWS | TM_GROUP_BY | TM_GROUP_OUTPUT,
		.word = TM_WORD_SOURCE, .most_operands = 1, .run = tm_run_statistics, .example = "tm statistics core --by filename --cumulative" },
	{ .name = "status", .operands = "[SOURCE]",
		.summary = "Show whether tracemalloc traces, how much, and whether its tables can be trusted.",
		.help = "What is_tracing(), get_traceback_limit(), get_traced_memory() and get_tracemalloc_memory() would say, and what the\n"
			"checks of the tables gave.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_OUTPUT | TM_GROUP_VERIFY, .word = TM_WORD_SOURCE, .most_operands = 1,
		.run = tm_run_status, .example = "tm status 1234" },
	{ .name = "stop", .operands = "", .summary = "Make the process stop tracing and forget all traces (tracemalloc.stop).", .help = CONTROL_HELP,
		.groups = CONTROL_GROUPS, .run = tm_run_control, .example = "tm stop -p 1234" },
	{ .name = "traceback", .alias = "tb", .operands = "EXPR",
		.summary = "Show where the block at an address was allocated (get_object_traceback).",
		.help = "EXPR is an address: the start of a block, any address inside one, or that of a Python object. A debugger evaluates\n"
			"it in its own language, so a variable of a C frame or a register will do; behind '--' nothing is an option.\n"
			"Frames come as Traceback.format() writes them, the oldest first.",
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_RENDER | TM_GROUP_OUTPUT | TM_GROUP_IN | TM_GROUP_FRAMES,
		.word = TM_WORD_EXPRESSION, .most_operands = 64, .run = tm_run_traceback, .example = "tm traceback 0x7f52a4c0 --in core" },
	{ .name = "traces", .operands = "[SOURCE]", .summary = "Show the single blocks, biggest first (Snapshot.traces).",
		.help = "One line each is str(Trace) of tracemalloc.\n" SOURCE_HELP,
		.groups = TM_GROUP_ALL | TM_GROUP_SOURCE | TM_GROUP_FILTER | TM_GROUP_RENDER | TM_GROUP_ROWS | TM_GROUP_OUTPUT, .word = TM_WORD_SOURCE, .most_operands = 1,
		.run = tm_run_traces, .example = "tm traces core -n 20 --format table" },
	{ .name = "version", .operands = "", .summary = "Show the version of tm and of the libraries it uses.",
		.groups = TM_GROUP_ALL, .run = tm_run_version, .example = "tm version" },
	{ 0 },
};
