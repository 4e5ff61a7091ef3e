"""Lines of CSV (RFC 4180) that no spreadsheet takes for formulas."""

from collections.abc import Iterable

# A cell that begins so is a formula to a spreadsheet, the wide forms of the signs too.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_QUOTED = frozenset(',"\r\n')


def csv_head(names: Iterable[str]) -> bytes:
    """The first line of a file. It begins with a byte order mark: spreadsheets then read UTF-8."""
    return b"\xef\xbb\xbf" + csv_line(names).encode()


def csv_line(cells: Iterable[str | int | None]) -> str:
    """One line with its end. Text that a spreadsheet would compute is preceded by an apostrophe; None is empty."""
    return ",".join(map(_cell, cells)) + "\r\n"


def _cell(value: str | int | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    text = f"'{value}" if value.startswith(_FORMULA) else value
    if _QUOTED.isdisjoint(text):
        return text
    return '"' + text.replace('"', '""') + '"'
