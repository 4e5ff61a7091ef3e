"""What an operation may answer besides a plain model."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Generic, Self, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """A model with more than a body: headers, and the version of the resource.

    `version` becomes the ETag; a GET whose If-None-Match names it is answered 304.
    """

    content: T
    headers: Mapping[str, str] = field(default_factory=dict)
    version: int | str | None = None


@dataclass(frozen=True, slots=True)
class RenderedReply(Generic[T]):
    """An answer that is already bytes: what an Idempotency-Key replays. `T` only says which model it is."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Stream:
    """A body of any length, sent as it is made; declare its type with `produces`.

    What is wrong with the request is raised before: an error among the chunks can only cut the answer off.
    """

    chunks: AsyncIterator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def file(cls, chunks: AsyncIterator[bytes], name: str) -> Self:
        """A body that browsers save as a file; `name` is of letters, digits and `-_.:` alone."""
        return cls(chunks, {"Content-Disposition": f'attachment; filename="{name}"'})
