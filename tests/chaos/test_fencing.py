"""Fencing with real processes: one is frozen with a fetched batch in its hands until another owns its partition."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.chaos.processes import ProbeProcesses, probe_processes, until_frozen
from tests.support.messaging import Probe, eventually, points, running_probe
from tests.support.stack import Infra
from tests.support.wait import eventually as eventually_so

FENCED = "a partition was moved by another process"


@pytest.fixture
async def lone_probe(infra: Infra) -> AsyncIterator[Probe]:
    """A probe whose topics have one partition, so that one process at a time owns everything."""
    async with running_probe(infra, partitions=1) as running:
        yield running


async def _publish(probe: Probe, first: int, last: int) -> None:
    await probe.publish([points("c1", n) for n in range(first, last)], [f"e{n}" for n in range(first, last)])


async def _until_applied(probe: Probe, entry_id: str) -> None:
    async def applied() -> bool:
        return entry_id in await probe.effects("c1")

    await eventually(applied, seconds=45)


ONCE_EACH = [f"{n:06d}" for n in range(40)]


async def _two_owners(probe: Probe, processes: ProbeProcesses, *, compare_and_set: bool) -> tuple[list[str], bool]:
    """What took effect, in order, and whether the zombie says that it was fenced.

    Neither process has an inbox, so that the offset alone must keep the zombie from committing.
    """
    zombie = processes.start("zombie", freeze_at_offset=10, inbox=False, compare_and_set=compare_and_set)
    await _publish(probe, 0, 10)
    await _until_applied(probe, "000009")
    await _publish(probe, 10, 20)
    await until_frozen(zombie)
    heir = processes.start("heir", inbox=False, compare_and_set=compare_and_set)
    await _until_applied(probe, "000019")
    assert zombie.is_frozen()
    await _publish(probe, 20, 30)
    await _until_applied(probe, "000029")

    zombie.thaw()
    await eventually_so(lambda: zombie.says(FENCED) or zombie.says("Revoking previously assigned partitions"))
    await _publish(probe, 30, 40)
    await _until_applied(probe, "000039")
    await zombie.stop()
    await heir.stop()
    return await probe.effects("c1"), zombie.says(FENCED)


async def test_a_frozen_owner_wakes_up_and_the_database_refuses_its_commit(lone_probe: Probe, tmp_path: Path) -> None:
    with probe_processes(lone_probe, tmp_path) as processes:
        assert await _two_owners(lone_probe, processes, compare_and_set=True) == (ONCE_EACH, True)


async def test_without_the_compare_and_set_it_would_have_doubled_everything(lone_probe: Probe, tmp_path: Path) -> None:
    with probe_processes(lone_probe, tmp_path) as processes:
        effects, fenced = await _two_owners(lone_probe, processes, compare_and_set=False)
    doubled = [entry for entry in ONCE_EACH if effects.count(entry) == 2]
    assert set(ONCE_EACH[10:20]) <= set(doubled)
    assert (sorted(set(effects)), fenced) == (ONCE_EACH, False)
