"""The sides of a comparison: processes of `bench/sides`, each told its parameters in its environment."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from deploy.local.ports import is_free

_VARIABLE = "RECOURSE_BENCH_PARAMETERS"
_STOP_SECONDS = 15.0


class SideFailedError(Exception):
    """A side ended before its work was done, or badly."""


def parameters() -> dict[str, Any]:
    """What this process, a side, was told."""
    told: dict[str, Any] = json.loads(os.environ[_VARIABLE])
    return told


async def _start(name: str, told: dict[str, Any], *, output: int) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", f"bench.sides.{name}",
        env={**os.environ, _VARIABLE: json.dumps(told)}, stdin=DEVNULL, stdout=output,
    )  # fmt: skip


@asynccontextmanager
async def running(name: str, **told: Any) -> AsyncIterator[Process]:
    """The side `name` for the duration of the block."""
    # Not a pipe: nobody would read it, and the end of a process is not seen before the end of its pipe.
    process = await _start(name, told, output=DEVNULL)
    try:
        yield process
    finally:
        await _stop(process)


async def outcome(name: str, **told: Any) -> dict[str, float]:
    """Run the side `name` to its end and return the figures that it printed as JSON."""
    (figures,) = await outcomes([(name, told)])
    return figures


async def outcomes(sides: Sequence[tuple[str, dict[str, Any]]]) -> list[dict[str, float]]:
    """Run several sides at once, each to its end."""
    processes = [await _start(name, told, output=PIPE) for name, told in sides]
    try:
        answers = await asyncio.gather(*(process.communicate() for process in processes))
    finally:
        for process in processes:
            await _stop(process)
    for (name, _), process in zip(sides, processes, strict=True):
        if process.returncode != 0:
            raise SideFailedError(f"{name} ended with status {process.returncode}")
    return [json.loads(output.splitlines()[-1]) for output, _ in answers]


async def listening(port: int) -> None:
    """Wait until something listens on the port."""
    while is_free(port):  # noqa: ASYNC110 - it is another process that will
        await asyncio.sleep(0.05)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
