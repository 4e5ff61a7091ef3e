"""Starting, freezing and ending probe processes."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.probe_process import ProbeSettings
from tests.support.messaging import Probe
from tests.support.wait import eventually

_ROOT = Path(__file__).resolve().parents[2]


class ProbeProcess:
    """A running probe process and what it wrote to its log."""

    def __init__(self, settings: ProbeSettings, folder: Path) -> None:
        self.name = settings.name
        self._log_path = folder / f"{settings.name}.log"
        settings_path = folder / f"{settings.name}.json"
        settings_path.write_text(settings.model_dump_json())
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.probe_process", str(settings_path)],
                cwd=_ROOT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def log(self) -> str:
        """Everything it said."""
        return self._log_path.read_text()

    def says(self, text: str) -> bool:
        """Whether the text is in its log."""
        return text in self.log

    def is_frozen(self) -> bool:
        """Whether it is stopped by SIGSTOP."""
        return bool(psutil.Process(self._process.pid).status() == psutil.STATUS_STOPPED)

    def thaw(self) -> None:
        """Let a frozen process go on."""
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> None:
        """Ask it to stop and wait until it has; fails the test when it ends in error."""
        self._process.send_signal(signal.SIGTERM)
        self.thaw()
        assert await asyncio.to_thread(self._process.wait, 20) == 0, self.log[-2000:]

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(10)


class ProbeProcesses:
    """Processes of one probe, ended when the test ends."""

    def __init__(self, probe: Probe, folder: Path, cleanup: ExitStack) -> None:
        self._probe = probe
        self._folder = folder
        self._cleanup = cleanup

    def start(self, name: str, **options: Any) -> ProbeProcess:
        """Start a process; `options` are fields of ProbeSettings."""
        settings = ProbeSettings(
            name=name,
            database_url=self._probe.url,
            bootstrap_servers=self._probe.kafka.bootstrap_servers,
            topic_prefix=self._probe.kafka.topic_prefix,
            **options,
        )
        process = ProbeProcess(settings, self._folder)
        self._cleanup.callback(process.kill)
        return process


@contextmanager
def probe_processes(probe: Probe, folder: Path) -> Iterator[ProbeProcesses]:
    """A way to start processes, all of them ended with the block."""
    with ExitStack() as cleanup:
        yield ProbeProcesses(probe, folder, cleanup)


async def until_frozen(process: ProbeProcess) -> None:
    """Wait until the process has stopped itself."""
    await eventually(process.is_frozen, timeout=30)
