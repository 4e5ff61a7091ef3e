"""Jobs that look for work: at once while there is some, after a pause otherwise, sooner when they are woken."""

import asyncio
from collections.abc import Callable

import pytest

from shared.telemetry.metrics import REGISTRY
from shared.waiting import keep_running, sweep_until

pytestmark = pytest.mark.timeout(10)


def failures(job: str) -> float:
    return REGISTRY.get_sample_value("recourse_job_failures_total", {"name": job}) or 0.0


class Sweep:
    """Looks of which the first `finds` find something; `after` is called in each."""

    def __init__(self, after: Callable[[int], None], *, finds: int = 0) -> None:
        self.looks = 0
        self._finds = finds
        self._after = after

    async def __call__(self) -> bool:
        self.looks += 1
        self._after(self.looks)
        return self.looks <= self._finds


async def test_a_job_looks_at_once_while_it_finds_something() -> None:
    stop = asyncio.Event()
    sweep = Sweep(lambda looks: stop.set() if looks == 3 else None, finds=2)
    await sweep_until(stop, sweep, pause=3600, looking_for="work")
    assert sweep.looks == 3


async def test_a_job_that_is_woken_does_not_wait_for_its_pause() -> None:
    stop, wake = asyncio.Event(), asyncio.Event()

    def wake_up(looks: int) -> None:
        """While it looks, and when it rests."""
        if looks == 1:
            wake.set()
        elif looks == 2:
            asyncio.get_running_loop().call_later(0.01, wake.set)
        else:
            stop.set()

    sweep = Sweep(wake_up)
    await sweep_until(stop, sweep, pause=3600, looking_for="work", wake=wake)
    assert sweep.looks == 3


async def test_a_fault_that_passes_is_waited_out_and_is_no_failure_of_the_job() -> None:
    stop = asyncio.Event()

    def fail(looks: int) -> None:
        if looks == 1:
            raise ConnectionResetError
        stop.set()

    sweep = Sweep(fail)
    await sweep_until(stop, sweep, pause=0.001, looking_for="work that passes")
    assert (sweep.looks, failures("work that passes")) == (2, 0)


async def test_any_other_failure_is_told_and_tried_again_after_a_pause_that_nothing_shortens() -> None:
    stop, wake = asyncio.Event(), asyncio.Event()
    began_at = asyncio.get_running_loop().time()

    def fail(looks: int) -> None:
        wake.set()
        if looks == 1:
            raise LookupError
        stop.set()

    sweep = Sweep(fail)
    await sweep_until(stop, sweep, pause=0.001, looking_for="work that fails", wake=wake)
    assert (sweep.looks, failures("work that fails")) == (2, 1)
    assert asyncio.get_running_loop().time() - began_at >= 0.99


async def test_what_runs_for_good_begins_anew_when_it_fails() -> None:
    stop = asyncio.Event()
    runs: list[int] = []

    async def run() -> None:
        runs.append(len(runs))
        if len(runs) == 1:
            raise LookupError
        await stop.wait()

    running = asyncio.create_task(keep_running(stop, run, name="a worker"))
    async with asyncio.timeout(5):
        while len(runs) < 2:  # noqa: ASYNC110 - nothing tells when it begins anew
            await asyncio.sleep(0.01)
    stop.set()
    await running
    assert failures("a worker") == 1
