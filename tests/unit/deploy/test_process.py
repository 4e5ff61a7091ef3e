"""A process of a stack, by itself."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from deploy.local.process import ManagedProcess, ProcessSpec


@pytest.mark.parametrize(("niceness", "expected"), [(0, 0), (5, 5), (40, 19)])
def test_a_process_is_nicer_than_its_starter(tmp_path: Path, niceness: int, expected: int) -> None:
    spec = ProcessSpec("sleeper", lambda: ["sleep", "60"], port=0, is_ready=lambda: True, niceness=niceness)
    process = ManagedProcess(spec, tmp_path)
    process.start()
    try:
        assert psutil.Process(process.pid).nice() == min(psutil.Process().nice() + expected, 19)
    finally:
        process.kill()
