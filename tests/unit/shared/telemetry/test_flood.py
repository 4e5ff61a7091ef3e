"""What a library repeats is written now and then, with how often it was said."""

import logging

from shared.telemetry.flood import FloodFilter


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _record(
    message: object, *arguments: object, name: str = "aiokafka", level: int = logging.ERROR
) -> logging.LogRecord:
    return logging.LogRecord(name, level, __file__, 1, message, arguments, None)


def test_a_repeated_template_passes_once_an_interval_and_says_how_many_did_not() -> None:
    clock = _Clock()
    flood = FloodFilter(10, clock=clock)
    passed = []
    for _ in range(41):
        record = _record("Unable to update metadata from %s", [clock.now])
        if flood.filter(record):
            passed.append(record.getMessage())
        clock.now += 0.5
    assert passed == [
        "Unable to update metadata from [100.0]",
        "Unable to update metadata from [110.0] (and 19 more like it)",
        "Unable to update metadata from [120.0] (and 19 more like it)",
    ]


def test_templates_loggers_and_levels_are_counted_apart() -> None:
    flood = FloodFilter(10, clock=_Clock())
    records = [
        _record("one"),
        _record("two"),
        _record("one", name="asyncpg"),
        _record("one", level=logging.WARNING),
        _record("one"),
    ]
    assert [flood.filter(record) for record in records] == [True, True, True, True, False]


def test_what_this_code_logs_always_passes() -> None:
    flood = FloodFilter(10, clock=_Clock())
    assert all(flood.filter(_record({"event": "request answered"})) for _ in range(3))


def test_it_remembers_a_bounded_number_of_templates() -> None:
    flood = FloodFilter(10, clock=_Clock())
    assert all(flood.filter(_record(f"made up {number}")) for number in range(5000))
    assert len(flood._seen) <= 1000
