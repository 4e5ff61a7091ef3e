"""The results for people: a page with the table, and each figure of each round.

A whole run takes hours, so that the page may come from several: `bench.json` beside it keeps the last result of each
line, with the circumstances under which it was measured.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from bench.registry import LINES

PAGE, RESULTS = "bench.md", "bench.json"


def machine() -> str:
    """What this machine is, in a few words."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} CPUs, {memory:.0f} GiB, {platform.machine()}"


def circumstances(scale: float) -> dict[str, Any]:
    """When, of which commit, and with which share of the work a line was measured."""
    return {"measured_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}", "commit": _commit(), "scale": scale}


def figure(result: dict[str, Any]) -> str:
    """The figure with its unit."""
    if result["figure"] is None:
        return f"failed: {result['error']}"
    return f"{result['figure']:g}{'×' if result['unit'] == 'ratio' else ' ' + result['unit']}"


def dump(path: Path, results: Sequence[dict[str, Any]]) -> None:
    """Write results as JSON, in a folder that need not exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write(folder: Path, results: Sequence[dict[str, Any]]) -> None:
    """Bring `bench.json` and `bench.md` in the folder up to date with these results."""
    kept = folder / RESULTS
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    by_id = {result["id"]: result for result in [*known, *results]}
    merged = [by_id[line.id] for line in LINES if line.id in by_id]
    dump(kept, merged)
    (folder / PAGE).write_text(_page(merged), encoding="utf-8")


def _page(results: Sequence[dict[str, Any]]) -> str:
    lines = [
        "# Measured speed and cost",
        "",
        f"{machine()}. Everything ran on this one machine: load, both sides, PostgreSQL (`fsync` and",
        "`synchronous_commit` on) and Kafka (acks all). The sides ran in turn; a figure is made of the medians of its",
        "rounds. Written by `make bench REPORT=docs/measurements`, from a clean clone; a run with `ONLY=` brings its",
        "lines up to date. Work is the share of the full amount of work that was done.",
        "",
        "| id | what | figure | target | holds | work | measured | commit |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(result) for result in results),
        "",
        "## Every round",
        "",
        *(line for result in results for line in _rounds(result)),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _row(result: dict[str, Any]) -> str:
    verdict = "yes" if result["holds"] else "**no**"
    cells = [
        f"`{result['id']}`", result["what"], figure(result), result["target"], verdict, f"{result['scale']:g}",
        result["measured_at"], result["commit"],
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


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


@cache
def _commit() -> str:
    """The commit of the code, `unknown` outside of a repository."""
    asked = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or "unknown"
