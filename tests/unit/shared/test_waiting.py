"""Jobs that look for work: at once while there is some, after a pause otherwise, sooner when they are woken."""

import asyncio
from collections.abc import Callable

import pytest

from shared.waiting import sweep_until

pytestmark = pytest.mark.timeout(10)


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


async def test_a_fault_that_passes_is_waited_out_and_another_is_not() -> None:
    stop = asyncio.Event()

    def fail(looks: int) -> None:
        if looks == 1:
            raise ConnectionResetError
        raise LookupError

    sweep = Sweep(fail)
    with pytest.raises(LookupError):
        await sweep_until(stop, sweep, pause=0.001, looking_for="work")
    assert sweep.looks == 2
