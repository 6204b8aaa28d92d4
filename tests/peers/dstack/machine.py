"""A machine in one process tree: what systemd and the power switch do to the programs on it.

Usage: machine.py PARENT_PID COMMAND...; it starts the command again whenever that ends, and takes words on its standard
input: `stop` ends the command and leaves what it started, `start` starts it, `power-off` ends everything. Its own end,
however it comes, ends everything, also what has left the command's session.
"""

import ctypes
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36
RESTART_SECONDS = 0.2

parent, command = int(sys.argv[1]), sys.argv[2:]
kernel = ctypes.CDLL(None)
kernel.prctl(SET_PDEATHSIG, signal.SIGTERM)
# Whoever loses its parent below becomes this process's child, so that its children are all there is.
kernel.prctl(SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """All of this process."""
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def end(pid: int) -> None:
    """Kill a child of this process, and return when it has gone."""
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def end_all() -> None:
    """Until there is none: the end of one brings its own children here."""
    while pids := children():
        for pid in pids:
            end(pid)


def end_with_everything(*_: object) -> None:
    """As if the machine had never been."""
    end_all()
    os._exit(0)


def start() -> int:
    """The command's process, which reads nothing of ours."""
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=sys.stderr).pid


signal.signal(signal.SIGTERM, end_with_everything)
if os.getppid() != parent:
    end_with_everything()

wanted, running = True, start()
while True:
    readable, _, _ = select.select([sys.stdin], [], [], RESTART_SECONDS)
    word = sys.stdin.readline().strip() if readable else None
    if word == "":
        end_with_everything()
    elif word == "stop":
        wanted = False
        if running in children():
            end(running)
    elif word == "power-off":
        wanted = False
        end_all()
    elif word == "start":
        wanted = True
    if word:
        print("done", word, flush=True)
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0] != 0:
            pass
    if wanted and running not in children():
        running = start()
