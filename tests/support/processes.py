"""Whether processes of a stack are really gone."""

from __future__ import annotations

import psutil

from deploy.local.stack import Stack


def family(stack: Stack) -> list[psutil.Process]:
    """Every process of the stack that runs now, with all children."""
    found: list[psutil.Process] = []
    for process in stack.processes.values():
        if (running := process.find()) is not None:
            found += [running, *running.children(recursive=True)]
    return found


def lives(process: psutil.Process) -> bool:
    """Whether the process still does anything; one that only waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
