"""Rows that make a job fail: found by halving, set aside, and the others done."""

import asyncio

import pytest

from shared.setbacks import Piece, Pieces, Setbacks


class Work:
    """Rows to be done, of which some are bad."""

    def __init__(self, rows: int, bad: set[int]) -> None:
        self.left = list(range(rows))
        self.bad = bad

    async def __call__(self, piece: Piece[int]) -> int:
        piece.taken = [row for row in self.left if row not in piece.left_out][: piece.limit]
        if self.bad & set(piece.taken):
            raise LookupError
        self.left = [row for row in self.left if row not in piece.taken]
        return len(piece.taken)


@pytest.mark.parametrize("bad", [set(), {0}, {49}, {3, 4, 30}, set(range(9))], ids=str)
async def test_bad_rows_do_not_keep_the_others_from_being_done(bad: set[int]) -> None:
    work = Work(50, bad)
    pieces: Pieces[int] = Pieces("rows", 20)
    while await pieces.work(work):
        pass
    assert set(work.left) == bad


async def test_when_nothing_works_the_job_itself_has_failed() -> None:
    work = Work(50, set(range(50)))
    pieces: Pieces[int] = Pieces("rows", 20)

    async def work_off() -> None:
        while await pieces.work(work):
            pass

    with pytest.raises(LookupError):
        await work_off()
    assert len(work.left) == 50


async def test_a_row_set_aside_is_tried_again() -> None:
    work = Work(1, {0})
    pieces: Pieces[int] = Pieces("rows", 20)
    await pieces.work(work)
    assert await pieces.work(work) == 0
    work.bad = set()
    async with asyncio.timeout(5):
        while work.left:
            await asyncio.sleep(0.05)
            await pieces.work(work)


@pytest.mark.parametrize("error", [ConnectionResetError(), TimeoutError()])
async def test_faults_that_pass_set_nothing_aside(error: Exception) -> None:
    async def fail(piece: Piece[int]) -> int:
        piece.taken = [1]
        raise error

    with pytest.raises(type(error)):
        await Pieces[int]("rows", 20).work(fail)


def test_pauses_grow_up_to_the_longest_and_begin_anew() -> None:
    setbacks = Setbacks("rows", longest=5)
    assert [setbacks.failed(LookupError()) for _ in range(5)] == [1, 2, 4, 5, 5]
    setbacks.over()
    assert setbacks.failed(LookupError()) == 1
