"""One supervised background process: detached, found again by a later command, never confused with another.

The process runs in a session of its own and survives the command that started it. Its pid file records when
it started, so that a recycled pid is never taken for it, let alone killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from deploy.local.errors import StackError

_POLL_SECONDS = 0.05
_NICEST = 19
_START_TIME_TOLERANCE_SECONDS = 1.0
_LOG_LINES_SHOWN = 20
_LOG_ROTATE_BYTES = 20_000_000

# A Popen that is collected while its process lives warns; these live on by design. Kept until seen dead, which
# also reaps them.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Owner:
    """The unprivileged account a process runs as when the stack is started by root."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class ProcessSpec:
    """How to start, check and stop a process. Times in seconds.

    `niceness` is by how much it is nicer than the one who starts it: where processors are scarce it gets fewer of them.
    """

    name: str
    command: Callable[[], Sequence[str]]
    port: int
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    owner: Owner | None = None
    niceness: int = 0
    ready_timeout: float = 120.0
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout: float = 15.0
    prepare: Callable[[], None] = lambda: None


class ManagedProcess:
    """A process of a stack, running or not."""

    def __init__(self, spec: ProcessSpec, state_dir: Path) -> None:
        self.spec = spec
        self.log_path = state_dir / "logs" / f"{spec.name}.log"
        self._pid_path = state_dir / "run" / f"{spec.name}.json"

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def port(self) -> int:
        return self.spec.port

    @property
    def pid(self) -> int | None:
        """The pid of the running process, or None."""
        process = self.find()
        return process.pid if process else None

    def find(self) -> psutil.Process | None:
        """The running process, if the pid file names one that is still the same."""
        try:
            record = json.loads(self._pid_path.read_text())
            process = psutil.Process(int(record["pid"]))
            same = abs(process.create_time() - float(record["started"])) < _START_TIME_TOLERANCE_SECONDS
        except (FileNotFoundError, ValueError, KeyError, psutil.NoSuchProcess):
            return None
        if same and _is_alive(process):
            return process
        _reap(process.pid)
        return None

    def start(self, *, wait: bool = True) -> None:
        """Start the process unless it runs, and wait until it answers.

        Raises `StackError` with the last lines of its log when it exits or does not answer in time.
        """
        if self.find() is None:
            self.spec.prepare()
            self._spawn()
        if wait:
            self.wait_ready()

    def wait_ready(self) -> None:
        """Wait until the process answers; raises `StackError` when it exits or stays silent."""
        deadline = time.monotonic() + self.spec.ready_timeout
        while not self.spec.is_ready():
            if self.find() is None:
                raise StackError(self._failure("stopped while starting"))
            if time.monotonic() > deadline:
                raise StackError(self._failure(f"did not answer within {self.spec.ready_timeout:.0f} s"))
            time.sleep(_POLL_SECONDS)

    def stop(self) -> None:
        """Ask the process to stop, wait, and kill what is left of it and of its children."""
        process = self.find()
        if process is not None:
            family = _family(process)
            _signal(process, self.spec.stop_signal)
            _signal(process, signal.SIGCONT)
            _wait_gone([process], self.spec.stop_timeout)
            _kill_all(family)
        self._pid_path.unlink(missing_ok=True)

    def kill(self) -> None:
        """SIGKILL the process and its children at once, and wait until they are gone."""
        process = self.find()
        if process is not None:
            # Stopped first, it has no child that the list of them lacks. One that outlives PostgreSQL may wait for ever
            # for a lock of one that was killed, and keeps the server from starting again.
            _signal(process, signal.SIGSTOP)
            _kill_all(_family(process))

    def pause(self) -> None:
        """SIGSTOP the process and its children: alive, but silent."""
        self._signal_family(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT after `pause`."""
        self._signal_family(signal.SIGCONT)

    def restart(self) -> None:
        """Stop gracefully and start again."""
        self.stop()
        self.start()

    def memory_bytes(self) -> int:
        """Resident memory of the process and its children, without shared pages."""
        process = self.find()
        return sum(_memory(member) for member in _family(process)) if process else 0

    def log_tail(self, lines: int = _LOG_LINES_SHOWN) -> str:
        """The last `lines` lines of the log, empty when there is none."""
        if not self.log_path.exists():
            return ""
        with self.log_path.open("rb") as file:
            file.seek(max(0, self.log_path.stat().st_size - 400 * lines))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])

    def _signal_family(self, number: signal.Signals) -> None:
        process = self.find()
        for member in _family(process) if process else []:
            _signal(member, number)

    def _spawn(self) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        self._pid_path.parent.mkdir(parents=True, exist_ok=True)
        self._rotate_log()
        owner = self.spec.owner
        with self.log_path.open("ab") as log:
            child = subprocess.Popen(
                list(self.spec.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.spec.environment},
                cwd="/" if owner else None,
                start_new_session=True,
                user=owner.uid if owner else None,
                group=owner.gid if owner else None,
                extra_groups=[] if owner else None,
            )
        _children[child.pid] = child
        self._record(child.pid)

    def _record(self, pid: int) -> None:
        try:
            process = psutil.Process(pid)
            process.nice(min(process.nice() + self.spec.niceness, _NICEST))
            started = process.create_time()
        except psutil.NoSuchProcess:
            raise StackError(self._failure("stopped while starting")) from None
        temporary = self._pid_path.with_suffix(".tmp")
        temporary.write_text(json.dumps({"pid": pid, "started": started}))
        temporary.replace(self._pid_path)

    def _rotate_log(self) -> None:
        if self.log_path.exists() and self.log_path.stat().st_size > _LOG_ROTATE_BYTES:
            self.log_path.replace(self.log_path.with_suffix(".log.1"))

    def _failure(self, what: str) -> str:
        tail = self.log_tail()
        return f"{tail}\n{self.name} {what}; the lines above end its log, {self.log_path} has it all."


def _family(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _kill_all(family: Sequence[psutil.Process]) -> None:
    for member in family:
        _signal(member, signal.SIGKILL)
    _wait_gone(family, timeout=10.0)


def _wait_gone(processes: Sequence[psutil.Process], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while any(_is_alive(process) for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for process in processes:
        _reap(process.pid)


def _is_alive(process: psutil.Process) -> bool:
    """A killed process of many threads looks like a zombie while its threads still hold ports and locks."""
    try:
        if not process.is_running():
            return False
        dead = process.status() in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        return not dead or process.num_threads() > 1
    except psutil.NoSuchProcess:
        return False


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _memory(process: psutil.Process) -> int:
    try:
        info = process.memory_info()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0
    return int(info.rss) - int(getattr(info, "shared", 0))
