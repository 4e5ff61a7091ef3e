"""Shared commits: requests that wait while one commit runs go together into the next."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from shared.db.faults import is_transient

Request = TypeVar("Request")
Answer = TypeVar("Answer")


class GroupCommit(Generic[Request, Answer]):
    """Runs `commit` over everything that was submitted while its last run lasted, at most `at_once` runs at a time.

    With two of them this process is at work on one group while the database is on the other.

    `commit` gets the requests in order of arrival and returns one answer for each, in the same order; an answer
    that is an exception is raised to its own caller alone. When `commit` itself raises, nothing of its run may have
    happened: a passing fault goes to every caller of the run, any other is looked for in the run's halves, so that
    it reaches the one who caused it.
    """

    def __init__(
        self,
        commit: Callable[[Sequence[Request]], Awaitable[Sequence[Answer | Exception]]],
        *,
        max_requests: int = 500,
        at_once: int = 1,
    ) -> None:
        self._commit = commit
        self._max_requests = max_requests
        self._waiting: list[tuple[Request, asyncio.Future[Answer]]] = []
        self._at_once = at_once
        self._runners: set[asyncio.Task[Any] | None] = set()

    async def submit(self, request: Request) -> Answer:
        """Wait for the commit that holds this request and return its answer, or raise its error."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if len(self._runners) < self._at_once:
            runner = asyncio.create_task(self._run(), name="group-commit")
            self._runners.add(runner)
        # The future is this caller's alone: one that goes away does not stop the commit, which others share.
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                group = self._waiting[: self._max_requests]
                del self._waiting[: self._max_requests]
                await self._run_group(group)
        finally:
            # Here, not when the task is done: what is submitted in between would wait for ever.
            self._runners.discard(asyncio.current_task())

    async def _run_group(self, group: list[tuple[Request, asyncio.Future[Answer]]]) -> None:
        answers = await self._answers([request for request, _ in group])
        for (_, future), answer in zip(group, answers, strict=True):
            if future.done():
                continue
            if isinstance(answer, Exception):
                future.set_exception(answer)
            else:
                future.set_result(answer)

    async def _answers(self, requests: Sequence[Request]) -> Sequence[Answer | Exception]:
        try:
            return await self._commit(requests)
        except Exception as error:  # noqa: BLE001 - the callers get it raised
            if is_transient(error) or len(requests) == 1:
                return [error] * len(requests)
            middle = len(requests) // 2
            return [*await self._answers(requests[:middle]), *await self._answers(requests[middle:])]
