"""Run inside GDB or LLDB: starts and stops at random moments, each checked. $TM_ROUNDS of them; what went wrong goes to $TM_ANSWERS.

The moments are chosen without tm: the process is let go by the debugger's own means, for some milliseconds.
"""
import json
import os
import random
import threading

ROUNDS = int(os.environ.get("TM_ROUNDS", "50"))
VERBS = ("start", "reset-peak", "clear-traces", "stop")


class InGdb:
    def __init__(self):
        import gdb
        self.gdb = gdb
        self.error = gdb.error
        gdb.execute("handle SIGINT stop print nopass", to_string=True)

    def let_go(self, seconds):
        def stop():
            self.gdb.post_event(lambda: self.gdb.execute("interrupt", to_string=True))

        threading.Timer(seconds, stop).start()
        self.gdb.execute("continue", to_string=True)
        self.gdb.execute("queue-signal 0", to_string=True)

    def run(self, command):
        return self.gdb.execute(command, to_string=True)

    def state(self):
        """What must be the same before and after, but for where the process is."""
        return [self.gdb.execute(text, to_string=True) for text in ("info signals", "show scheduler-locking", "show unwindonsignal", "info breakpoints",
                                                                    "show confirm", "show print thread-events")]

    def where(self):
        """For whoever has to find out why: where everything stands, and what the last signal said."""
        told = []
        for text in ("thread", "bt 12", "p $_siginfo", "info registers", "x/6i $pc", "thread apply all bt 6"):
            try:
                told.append(self.gdb.execute(text, to_string=True))
            except self.error as error:
                told.append(str(error))
        return "\n".join(told)


class InLldb:
    error = RuntimeError

    def __init__(self, debugger):
        import lldb
        self.lldb, self.debugger = lldb, debugger

    @property
    def process(self):
        return self.debugger.GetSelectedTarget().GetProcess()

    def let_go(self, seconds):
        stopped = threading.Event()

        def stop():
            while not stopped.wait(seconds):  # LLDB forgets one that comes before it has let the process go
                self.process.SendAsyncInterrupt()
                stopped.wait(1)

        thread = threading.Thread(target=stop)
        thread.start()
        self.process.Continue()
        stopped.set()
        thread.join()

    def run(self, command):
        result = self.lldb.SBCommandReturnObject()
        self.debugger.GetCommandInterpreter().HandleCommand(command, result)
        if result.GetError():  # 'process handle' alone does not call itself a success
            raise RuntimeError(result.GetError())
        return result.GetOutput() or ""

    def state(self):
        target = self.debugger.GetSelectedTarget()
        return [self.run("process handle"), target.GetNumBreakpoints(), target.GetNumWatchpoints(), self.debugger.GetAsync()]

    def where(self):
        return self.run("thread list") + self.run("thread backtrace all --count 8")


def one_round(host, rng, number):
    import tm
    host.let_go(rng.uniform(0.0003, 0.02))
    before = host.state()
    verb = VERBS[number % 4]
    limit = rng.randrange(1, 60)
    if verb == "reset-peak" and "3.8." in host.run("tm status --json"):  # which cannot
        verb = "clear-traces"
    said = host.run("tm start %d" % limit if verb == "start" else "tm " + verb)
    assert "done by" in said, said
    assert host.state() == before, "the debugger's own state has changed"
    assert tm.is_tracing() == (verb != "stop"), said
    if verb == "start":
        assert tm.get_traceback_limit() == limit, said
    return said.rsplit("done by ", 1)[1].strip(), limit


def main(host):
    rng = random.Random(os.getpid())
    result = {"ways": {}, "error": None, "rounds": 0}
    try:
        for number in range(ROUNDS):
            way, limit = one_round(host, rng, number)
            result["limit"] = limit if number % 4 == 0 else result["limit"]
            result["ways"][way] = result["ways"].get(way, 0) + 1
            result["rounds"] += 1
    except (AssertionError, host.error) as error:
        result["error"] = "%s: %s\n%s" % (type(error).__name__, error, host.where())
    with open(os.environ["TM_ANSWERS"], "w") as file:
        json.dump(result, file)


def __lldb_init_module(debugger, internal_dict):
    debugger.SetAsync(False)
    main(InLldb(debugger))


if __name__ == "__main__":  # sourced by GDB
    main(InGdb())
