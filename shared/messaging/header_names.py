"""Records whose headers have names that are no UTF-8: Kafka takes them, and aiokafka 0.14 would never get past one.

Any producer can write such a name; aiokafka raises on it, and reads the same record again for ever.
"""

from collections.abc import Iterator
from typing import Any, SupportsIndex

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy


def read_any_header_name() -> None:
    """Let each consumer of this process read a name that is no text with its octets as `\\xff`."""
    fetcher.MemoryRecords = _KeptRecords
    fetcher.PartitionRecords = _PartitionRecords


class _KeptRecords(MemoryRecords):  # type: ignore[misc] # final in the stubs alone
    """What a broker answered for one partition, at aiokafka's speed; `data` is for the second, tolerant reading."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc] # aiokafka ships no types
    _records: Any

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except UnicodeDecodeError:
            self._records = _TolerantRecords(self._records.data, self.next_fetch_offset)
            self._records_iterator: Iterator[Any] = self._unpack_records()
            return super().__next__()


class _TolerantRecords:
    """The batches that end after `offset`; the others were read already."""

    def __init__(self, data: bytes, offset: int) -> None:
        self._rest = _MemoryRecordsPy(data)
        self._batches = self._behind(offset)
        self._next = next(self._batches, None)

    def has_next(self) -> bool:
        return self._next is not None

    def next_batch(self) -> Any:
        batch, self._next = self._next, next(self._batches, None)
        return batch

    def _behind(self, offset: int) -> Iterator[Any]:
        while self._rest.has_next():
            octets = self._rest._next_slice  # noqa: SLF001 - no other way in
            batch: Any = self._rest.next_batch()
            if batch.next_offset > offset:
                # The old formats have no headers.
                yield _TolerantBatch(octets) if batch.magic >= 2 else batch


class _TolerantBatch(_DefaultRecordBatchPy):  # type: ignore[misc] # final in the stubs alone
    _buffer: bytearray

    def _maybe_uncompress(self) -> None:
        super()._maybe_uncompress()
        self._buffer = _Octets(self._buffer)


class _Octets(bytearray):
    """Octets whose slices are decoded whatever they hold."""

    def __getitem__(self, at: SupportsIndex | slice) -> Any:
        part = super().__getitem__(at)
        return _Octets(part) if isinstance(part, bytearray) else part

    def decode(self, encoding: str = "utf-8", errors: str = "") -> str:  # noqa: ARG002 - as its base has it
        return super().decode(encoding, "backslashreplace")
