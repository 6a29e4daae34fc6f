"""Runs commands one after the other and says what each cost: wait4 alone knows the processor time and the largest resident size of a
single child. A command is a line of JSON on stdin, its answer a line of JSON on stdout. What the child writes to a pipe is read as a
caller would read it."""

import json
import os
import sys
import time


def run(argv, env, cwd):
    reading, writing = os.pipe()
    errors = os.memfd_create("stderr")
    os.chdir(cwd)
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writing, 1),
        (os.POSIX_SPAWN_DUP2, errors, 2),
    ]
    started = time.perf_counter_ns()
    pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        out = pipe.read()
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter_ns() - started
    os.lseek(errors, 0, os.SEEK_SET)
    with os.fdopen(errors, "rb") as file:
        complaint = file.read()
    return {
        "wallMs": took / 1e6,
        "cpuMs": (usage.ru_utime + usage.ru_stime) * 1000,
        "peakMb": usage.ru_maxrss * 1024 / 1e6,
        "status": os.waitstatus_to_exitcode(status),
        "stdout": out.decode("utf-8", "replace"),
        "stderr": complaint.decode("utf-8", "replace"),
    }


for line in sys.stdin:
    sys.stdout.write(json.dumps(run(**json.loads(line))) + "\n")
    sys.stdout.flush()
