"""Shared commits: who waits together commits together, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.db import GroupCommit


async def test_what_waits_during_a_commit_shares_the_next_one() -> None:
    groups: list[list[int]] = []

    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        groups.append(list(requests))
        await asyncio.sleep(0)
        return [request * 2 for request in requests]

    group_commit = GroupCommit(commit)
    answers = await asyncio.gather(*(group_commit.submit(n) for n in range(10)))
    assert answers == [n * 2 for n in range(10)]
    assert [len(group) for group in groups] == [10]


async def test_a_group_has_a_limit() -> None:
    sizes: list[int] = []

    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        sizes.append(len(requests))
        return list(requests)

    group_commit = GroupCommit(commit, max_requests=4)
    await asyncio.gather(*(group_commit.submit(n) for n in range(10)))
    assert sizes == [4, 4, 2]


async def test_so_many_groups_commit_at_once_and_no_more() -> None:
    running, most = 0, 0

    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return list(requests)

    group_commit = GroupCommit(commit, max_requests=3, at_once=2)
    assert await asyncio.gather(*(group_commit.submit(n) for n in range(20))) == list(range(20))
    assert most == 2


async def test_what_is_submitted_as_a_commit_ends_is_not_forgotten() -> None:
    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        return list(requests)

    group_commit = GroupCommit(commit, at_once=2)

    async def ask(number: int) -> list[int]:
        return [await group_commit.submit(n) for n in range(number)]

    async with asyncio.timeout(10):
        assert await asyncio.gather(*(ask(number) for number in range(50))) == [list(range(n)) for n in range(50)]


async def test_one_bad_request_fails_alone() -> None:
    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        return [ValueError(f"{request} is odd") if request % 2 else request for request in requests]

    group_commit = GroupCommit(commit)
    answers = await asyncio.gather(*(group_commit.submit(n) for n in range(4)), return_exceptions=True)
    assert [str(answer) for answer in answers] == ["0", "1 is odd", "2", "3 is odd"]


async def test_a_failed_commit_fails_for_all_and_the_next_goes_on() -> None:
    failing = True

    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        if failing:
            raise OSError("gone")
        return list(requests)

    group_commit = GroupCommit(commit)
    answers = await asyncio.gather(*(group_commit.submit(n) for n in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [OSError] * 3
    failing = False
    assert await group_commit.submit(7) == 7


async def test_a_request_that_breaks_the_commit_fails_alone() -> None:
    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        if 5 in requests:
            raise ValueError("five")
        return list(requests)

    group_commit = GroupCommit(commit)
    answers = await asyncio.gather(*(group_commit.submit(n) for n in range(8)), return_exceptions=True)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 1, 2, 3, 4, 6, 7]
    assert isinstance(answers[5], ValueError)


async def test_a_caller_that_goes_away_does_not_stop_the_others() -> None:
    started = asyncio.Event()
    go_on = asyncio.Event()

    async def commit(requests: Sequence[int]) -> Sequence[int | Exception]:
        started.set()
        await go_on.wait()
        return list(requests)

    group_commit = GroupCommit(commit)
    leaving, staying = (asyncio.create_task(group_commit.submit(n)) for n in range(2))
    await started.wait()
    leaving.cancel()
    go_on.set()
    assert await staying == 1
    with pytest.raises(asyncio.CancelledError):
        await leaving
