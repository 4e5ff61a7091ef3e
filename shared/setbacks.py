"""What fails in a background job and does not pass: told, tried again after growing pauses, and kept from the rest."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Generic, TypeVar

from shared.db import is_transient
from shared.telemetry.logging import get_logger
from shared.telemetry.metrics import counter

log = get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE, LONGEST_APART = 1.0, 60.0, 600.0
# So many rows that fail one after the other are no bad rows: the job is broken.
_MOST_IN_A_ROW = 10
_failures = counter(
    "recourse_job_failures_total", "Failures of background jobs that do not pass by themselves", ("name",)
)

Row = TypeVar("Row", bound=Hashable)


def tell(job: str, error: BaseException, **about: object) -> None:
    """Log and count a failure of a job. `about` names what it failed at, never personal data."""
    _failures.labels(job).inc()
    log.error("a job failed", job=job, **about, exc_info=error)


class Setbacks:
    """The failures of a job in a row, and how long to pause after each."""

    def __init__(self, job: str, *, longest: float = _LONGEST_PAUSE) -> None:
        self.longest = longest
        self._job = job
        self._pause = 0.0

    def failed(self, error: BaseException) -> float:
        """Tell it; returns the seconds to wait before the job is tried again."""
        self._pause = min(self._pause * 2 or _FIRST_PAUSE, self.longest)
        tell(self._job, error, again_in=self._pause)
        return self._pause

    def over(self) -> None:
        """The job works."""
        self._pause = 0.0


class SetAside(Generic[Row]):
    """Rows that failed by themselves, each left out for a while, which grows while it fails."""

    def __init__(self, job: str) -> None:
        self._job = job
        self._rows: dict[Row, tuple[float, float]] = {}

    def rows(self) -> list[Row]:
        """What is to be left out now."""
        now = monotonic()
        self._rows = {row: each for row, each in self._rows.items() if each[0] > now - 2 * LONGEST_APART}
        return [row for row, (until, _) in self._rows.items() if until > now]

    def add(self, row: Row, error: BaseException) -> None:
        """Leave the row out for a while, and tell it."""
        pause = min(self._rows.get(row, (0.0, 0.0))[1] * 2 or _FIRST_PAUSE, LONGEST_APART)
        self._rows[row] = (monotonic() + pause, pause)
        tell(self._job, error, row=str(row), again_in=pause)


@dataclass(slots=True)
class Piece(Generic[Row]):
    """What a job may take on in one transaction: `limit` rows, but for those to be `left_out`.

    The job says in `taken` which rows it works on, before it does.
    """

    limit: int
    left_out: Sequence[Row]
    taken: Sequence[Row] = field(default=())


class Pieces(Generic[Row]):
    """Cuts a job's work into pieces of at most `most` rows, so that no bad row keeps the others from being done.

    A piece that fails is tried again with half as many rows, down to the one row that fails by itself: that is set
    aside for a while. Several may share what they set `aside`. Passing faults, and failures before the job has `taken`
    any row, are left to the caller.
    """

    def __init__(self, job: str, most: int, aside: SetAside[Row] | None = None) -> None:
        self._most = most
        self._limit = most
        self._in_a_row = 0
        self._aside: SetAside[Row] = SetAside(job) if aside is None else aside

    async def work(self, on: Callable[[Piece[Row]], Awaitable[int]]) -> int:
        """Do the next piece; returns what `on` does, how much was done, and 1 when there is more to try at once."""
        piece: Piece[Row] = Piece(self._limit, self._aside.rows())
        try:
            done = await on(piece)
        except Exception as error:
            if is_transient(error) or not piece.taken:
                raise
            self._divide(piece, error)
            return 1
        if piece.taken:
            self._limit = min(self._limit * 2, self._most)
            self._in_a_row = 0
        return done

    def _divide(self, piece: Piece[Row], error: Exception) -> None:
        if len(piece.taken) > 1:
            self._limit = len(piece.taken) // 2
            return
        self._aside.add(piece.taken[0], error)
        self._in_a_row += 1
        if self._in_a_row >= _MOST_IN_A_ROW:
            raise error
