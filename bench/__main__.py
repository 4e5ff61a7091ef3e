"""`python -m bench [--only id,id] [--rounds 3] [--scale 1]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import report
from bench.environment import Bench, running_stack
from bench.figures import Line
from bench.registry import UnknownLineError, chosen

RESULTS = Path(__file__).with_name("results.json")


def main() -> int:
    """Measure the chosen lines, print the table and write `results.json`. 1 when a target is missed."""
    options = _options()
    # New topics have no leader for a moment; the producer says so again and again while it waits.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        lines = chosen(options.only)
    except UnknownLineError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    results: list[dict[str, Any]] = []

    def keep(result: dict[str, Any]) -> None:
        """Write what there is, so that a long run that is broken off is not lost."""
        results.append(result | report.circumstances(options.scale))
        report.dump(options.output, results)
        if options.report is not None:
            report.write(options.report, results)

    with running_stack() as stack:
        asyncio.run(_measure(lines, Bench(stack, options.rounds, options.scale), keep))
    _show(results)
    return 0 if all(result["holds"] for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure what the speed claims rest on.")
    parser.add_argument("--only", help="ids of lines, separated by commas")
    parser.add_argument("--rounds", type=int, default=3, help="how often each side runs (default 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="factor on the amount of work (default 1)")
    parser.add_argument("--output", type=Path, default=RESULTS, help="where the results go")
    parser.add_argument("--report", type=Path, help="a folder whose page `bench.md` gets these lines")
    return parser.parse_args()


async def _measure(lines: Sequence[Line], bench: Bench, keep: Callable[[dict[str, Any]], None]) -> None:
    await bench.prepare()
    for line in lines:
        print(f"{line.id}: {line.what}", flush=True)
        started = time.monotonic()
        try:
            result = line.result(await line.run(bench))
        except Exception as error:  # noqa: BLE001 - hours of other lines are not lost for it
            traceback.print_exc()
            result = line.failure(error)
        keep(result)
        print(f"    {report.figure(result)}, {time.monotonic() - started:.0f} s", flush=True)


def _show(results: Sequence[dict[str, Any]]) -> None:
    table = Table(title=report.machine())
    for name in ("id", "what", "figure", "target", "holds"):
        table.add_column(name, justify="right" if name == "figure" else "left")
    for result in results:
        verdict = "yes" if result["holds"] else "NO"
        table.add_row(result["id"], result["what"], report.figure(result), result["target"], verdict)
    Console().print(table)


if __name__ == "__main__":
    raise SystemExit(main())
