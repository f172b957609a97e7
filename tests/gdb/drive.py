"""Sourced in GDB: runs the commands listed in the JSON file $TM_STEPS and writes what each of them said to $TM_ANSWERS."""

import json
import os

import gdb


def answer(step):
    try:
        return {"out": gdb.execute(step, to_string=True), "error": None}
    except gdb.error as error:
        return {"out": "", "error": str(error)}
    except KeyboardInterrupt:
        return {"out": "", "error": "Quit"}


def main():
    with open(os.environ["TM_STEPS"]) as file:
        steps = json.load(file)
    with open(os.environ["TM_ANSWERS"], "w") as file:
        for step in steps:
            file.write(json.dumps(answer(step)) + "\n")
            file.flush()


main()
