"""What a stack needs before it starts: memory, and that no other command works on the same stack."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import psutil

from deploy.local.errors import StackError

_CGROUP = Path("/sys/fs/cgroup")
MIB = 1024 * 1024
KAFKA_NODE_MIB = 600
POSTGRES_MIB = 200
SERVICE_MIB = 120


def require_memory(needed_mib: int) -> None:
    """Raise `StackError` when less than `needed_mib` of memory is available to this process."""
    available = available_memory() // MIB
    if available < needed_mib:
        raise StackError(
            f"The stack needs about {needed_mib} MB of free memory and {available} MB are free: "
            "stop other programs, or give the machine (or container) more memory."
        )


def available_memory(cgroup: Path = _CGROUP) -> int:
    """Bytes available to this process: the machine's, or what is left under the control group's limit."""
    available = int(psutil.virtual_memory().available)
    try:
        limit = (cgroup / "memory.max").read_text().strip()
        used = int((cgroup / "memory.current").read_text())
    except (OSError, ValueError):
        return available
    return min(available, int(limit) - used) if limit.isdecimal() else available


@contextlib.contextmanager
def exclusive(state_dir: Path) -> Iterator[None]:
    """Keep a second command from changing the stack; the lock dies with its process, so it is never stale.

    Raises `StackError` naming the process that holds it.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise StackError(
                f"Another command (pid {file.read().strip() or 'unknown'}) is working on this stack: "
                "wait for it to finish, or stop it."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
