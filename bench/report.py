"""The results for people: a page with the table, and each figure of each round."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

NAME = "bench.md"


def machine() -> str:
    """What this machine is, in a few words."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.machine()}, load {os.getloadavg()[0]:.1f}"


def write(folder: Path, results: Sequence[dict[str, Any]], *, command: str) -> Path:
    """Write `bench.md` into the folder and return its path."""
    lines = [
        "# Measured speed and cost",
        "",
        f"{datetime.now(UTC):%d %B %Y}, {machine()} at the end. Everything ran on this one machine: load, both",
        "sides, PostgreSQL (`fsync` and `synchronous_commit` on) and Kafka (acks all). The sides ran in turn; a",
        f"figure is made of the medians of its rounds. `{command}`, from a clean clone.",
        "",
        "| id | what | figure | target | holds |",
        "|---|---|---|---|---|",
        *(_row(result) for result in results),
        "",
        "## Every round",
        "",
        *(line for result in results for line in _rounds(result)),
    ]
    path = folder / NAME
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _row(result: dict[str, Any]) -> str:
    verdict = "yes" if result["holds"] else "**no**"
    figure = f"{result['figure']:g} {result['unit']}"
    return f"| `{result['id']}` | {result['what']} | {figure} | {result['target']} | {verdict} |"


def _rounds(result: dict[str, Any]) -> list[str]:
    names = list(dict.fromkeys(name for each in result["rounds"] for name in each))
    return [
        f"`{result['id']}`",
        "",
        f"| {' | '.join(names)} |",
        "|" + "---|" * len(names),
        *("| " + " | ".join(f"{each.get(name, 0):,.4g}" for name in names) + " |" for each in result["rounds"]),
        "",
    ]
