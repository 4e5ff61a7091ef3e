"""Memory and the lock of a stack."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from deploy.local import machine
from deploy.local.errors import StackError


def test_too_little_memory_is_said_in_figures() -> None:
    with pytest.raises(StackError, match=r"needs about 999999999 MB of free memory and \d+ MB are free: stop"):
        machine.require_memory(999_999_999)


def test_enough_memory_is_no_news() -> None:
    machine.require_memory(1)


@pytest.mark.parametrize(
    ("limit", "used", "expected"), [("1000", "400", 600), ("max", "400", None), ("nonsense", "x", None)]
)
def test_the_limit_of_a_container_counts(tmp_path: Path, limit: str, used: str, expected: int | None) -> None:
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")

    available = machine.available_memory(tmp_path)

    if expected is None:
        assert available > psutil.virtual_memory().available // 2
    else:
        assert available == expected


def test_the_lock_is_free_again_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), machine.exclusive(tmp_path):
        raise RuntimeError

    with machine.exclusive(tmp_path):
        assert (tmp_path / "lock").exists()
