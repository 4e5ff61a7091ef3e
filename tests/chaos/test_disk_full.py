"""A disk that is really full: the tables of a probe lie on a small file system of their own."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import asyncpg
import pytest

from shared.telemetry.metrics import REGISTRY
from tests.support.messaging import Probe, eventually, points
from tests.support.stack import Infra

MEGABYTES = 8
EVENTS = 20_000


@contextmanager
def _small_disk() -> Iterator[Path]:
    # Not under pytest's folder: the database's user has to reach it.
    folder = Path(tempfile.mkdtemp(prefix="recourse-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=777", "recourse-tests", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def _folder_of_the_server(disk: Path, data_directory: str) -> Path:
    """A folder on the disk that the database's user owns."""
    folder = disk / "tables"
    folder.mkdir()
    owner = Path(data_directory).stat()
    os.chown(folder, owner.st_uid, owner.st_gid)
    return folder


@asynccontextmanager
async def _tables_on(disk: Path, infra: Infra, probe: Probe) -> AsyncIterator[None]:
    """Move what the consumer writes for each event to the disk."""
    database = probe.url.rpartition("/")[2].partition("?")[0]
    tablespace = f"{database}_disk"
    admin = await asyncpg.connect(infra.admin_url)
    inside = await asyncpg.connect(infra.admin_url, database=database)
    folder = _folder_of_the_server(disk, await admin.fetchval("show data_directory"))
    try:
        await admin.execute(f"create tablespace \"{tablespace}\" location '{folder}'")
        for table in ("effects", "inbox"):
            await inside.execute(f'alter table {table} set tablespace "{tablespace}"')
        yield
    finally:
        for table in ("effects", "inbox"):
            await inside.execute(f"drop table {table}")
        await inside.close()
        await admin.execute(f'drop tablespace "{tablespace}"')
        await admin.close()


def _fill(disk: Path) -> Path:
    """Take what room there is left, and return the file that holds it."""
    filler = disk / "filler"
    with suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(b"\0" * 65_536)
    return filler


async def _retried_by(count: float) -> bool:
    return (REGISTRY.get_sample_value("recourse_batch_retries_total", {"topic": "loyalty"}) or 0.0) >= count


async def _applied(probe: Probe, count: int) -> bool:
    return await probe.count("effects") == count


async def test_a_full_disk_is_waited_out_and_nothing_is_lost(probe: Probe, infra: Infra) -> None:
    with _small_disk() as disk:
        async with _tables_on(disk, infra, probe):
            probe.consumer()
            await probe.publish([points("c1", 1)], ["first"])
            await eventually(lambda: _applied(probe, 1))
            filler = _fill(disk)
            before = REGISTRY.get_sample_value("recourse_batch_retries_total", {"topic": "loyalty"}) or 0.0
            numbers = range(2, EVENTS)
            await probe.publish([points(f"c{n % 7}", n) for n in numbers], [f"e{n}" for n in numbers])
            await eventually(lambda: _retried_by(before + 3))
            assert await probe.count("dead_letters") == 0
            filler.unlink()
            await eventually(lambda: _applied(probe, EVENTS - 1), seconds=60)
            for customer in range(7):
                mine = [f"{n:06d}" for n in range(2, EVENTS) if n % 7 == customer]
                assert await probe.effects(f"c{customer}") == (["000001"] if customer == 1 else []) + mine
            await probe.stop_consumers()
            await probe.database.close()
