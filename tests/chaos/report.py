"""The report of a run, for people (Markdown) and for programs (JSON)."""

import json
import os
import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.run import REPLICAS, Result

BUGS = "## Bugs found"


def machine() -> str:
    """The size of this machine in one line."""
    memory = psutil.virtual_memory().total / 2**30
    return f"{os.cpu_count()} cores ({_processor()}), {memory:.0f} GiB of memory, {platform.system()}"


def write_reports(result: Result, folder: Path, *, command: str) -> None:
    """Write `chaos.json` and `chaos.md`; what stands under "Bugs found" in the latter is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "chaos.json").write_text(json.dumps(as_json(result, command), indent=2) + "\n")
    target = folder / "chaos.md"
    earlier = target.read_text() if target.exists() else ""
    bugs = earlier[earlier.index(BUGS) :] if BUGS in earlier else f"{BUGS}\n\nNone.\n"
    target.write_text(f"{as_markdown(result, command)}\n{bugs}")


def as_json(result: Result, command: str) -> dict[str, Any]:
    """All figures."""
    return {
        "command": command,
        "machine": machine(),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seed": result.plan.seed,
        "seconds": round(result.seconds, 1),
        **result.damage.as_json(),
        "purchase_records": result.records,
        "purchase_event_ids": result.events,
        "batches_published_again": result.repeated_batches,
        "http_attempts": dict(result.attempts.most_common()),
        "calls_given_up": result.given_up,
        "seconds_to_quiet": result.quiet and round(result.quiet, 2),
        "compared": result.comparison["totals"],
        "rolling_restart": {service: seen.as_json() for service, seen in result.rolling.items()},
        "differences": result.differences,
        "holds": result.holds,
    }


def as_markdown(result: Result, command: str) -> str:
    """The report for people."""
    damage, totals = result.damage, result.comparison["totals"]
    kinds = sorted({*damage.kills, *damage.freezes, *damage.restarts})
    rows = [(kind, damage.kills[kind], damage.freezes[kind], damage.restarts[kind]) for kind in kinds]
    rows.append(("all", damage.kills.total(), damage.freezes.total(), damage.restarts.total()))
    quiet = "never" if result.quiet is None else f"{result.quiet:.1f} s"
    return "\n".join(
        [
            "# Chaos: killed at random, compared with an independent model",
            "",
            f"Run by `{command}` on {machine()}; {datetime.now(UTC):%Y-%m-%d}. Written by the run itself.",
            "",
            f"A stack of its own ({REPLICAS} replicas of each service, one PostgreSQL, one Kafka node, one mail "
            f"server) for {result.seconds / 60:.0f} minutes under a seeded load of {result.plan.purchases:g} purchases "
            f"and {result.plan.calls:g} calls a second, while its processes were killed (`SIGKILL`), frozen (`SIGSTOP` "
            "for longer than a group's session) and restarted. Then every ledger line and running balance, held "
            "withdrawal, ticket, timeline, bulk cancellation, AutoPlay, movement of points and mail was compared with "
            "what `tests/chaos/model` makes of the published events and the answered calls.",
            "",
            f"**Differences: {len(result.differences)}. Processes that ended by themselves: {len(damage.deaths)}. "
            f"Quiet {quiet} after the last process was back.**",
            "",
            *_table(("process", "killed", "frozen", "restarted"), rows),
            "",
            *_table(("published", ""), _published(result)),
            "",
            *_table(("HTTP attempts", ""), result.attempts.most_common()),
            "",
            *_table(("compared", ""), totals.items()),
            "",
            *_rolling(result),
            *_differences(result),
        ]
    )


def _published(result: Result) -> list[tuple[str, int]]:
    return [
        ("records on `purchases`", result.records),
        ("different event ids among them", result.events),
        ("batches sent again, their fate unknown", result.repeated_batches),
        ("calls given up without an answer", result.given_up),
    ]


def _rolling(result: Result) -> list[str]:
    figures = {service: seen.as_json() for service, seen in result.rolling.items()}
    if not figures:
        return []
    names = list(next(iter(figures.values())))
    rows = [(service, *(seen[name] for name in names)) for service, seen in figures.items()]
    return [
        "Rolling restart: both replicas of each service asked to stop and started again, under requests without pause. "
        "`rerouted`: no connection, so the other replica was asked. `cut`: the connection ended under the request.",
        "",
        *_table(("service", *(name.replace("_", " ") for name in names)), rows),
        "",
    ]


def _differences(result: Result) -> list[str]:
    lines = [f"- {each['where']}: {each['what']}" for each in result.differences[:50]]
    lines += [f"- {each['process']} ended by itself" for each in result.damage.deaths[:20]]
    if result.waiting_for:
        lines.append(f"- never quiet: {result.waiting_for}")
    return ["## What was wrong", "", *lines, ""] if lines else []


def _table(head: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> list[str]:
    return [
        f"| {' | '.join(head)} |",
        f"|{'|'.join('---' for _ in head)}|",
        *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows),
    ]


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
