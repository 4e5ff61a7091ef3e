"""A text of several parts, as agents paste it: a label before an id, a name with a number, the address of a page."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from services.accounts.customers.domain import plain_phone
from services.accounts.search.domain import phone_digits
from services.accounts.search.folding import words_of

_MAX_DETAILS = 6
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:=/]+@[^\s<>()\[\]\"',;:?&/]+")
_NUMBER = re.compile(r"(?<![\w.+/-])[+(]*[0-9][0-9() ./-]{4,}[0-9](?![\w@-])")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*[A-Za-z0-9]")
_ENDS = re.compile(r"(?<!\S)[0-9]{3,5}(?!\S)")
# What stands before a detail or a name and is no part of it, when there is more.
_BEFORE_OTHERS = """
    mr mrs ms miss mx dr prof professor sir madam herr frau monsieur mme signor signora senor senora customer client
    name id no nr number ref reference order ticket receipt transaction txn checkout purchase email mail phone tel
    telephone mobile mob cell fax url
"""
_LABELS = frozenset(_BEFORE_OTHERS.split())


@dataclass(frozen=True, slots=True)
class Parts:
    """What a text may name beside other things: each of `details` is an address, a number or an id.

    `words` are those of a name, `ends` the last digits of a number that stand beside it.
    """

    details: tuple[str, ...]
    words: tuple[str, ...]
    ends: tuple[str, ...]


def parts_of_text(text: str) -> Parts:
    """The parts of a text; none that could be meant are left out, but for too many of them."""
    # An escaped NUL is no part of a detail either, and no database takes it.
    text = plain_phone(unquote(text, errors="replace").replace("\0", " ") if "%" in text else text)
    addresses, rest = _taken_out(_ADDRESS, text)
    numbers, rest = _taken_out(_NUMBER, rest)
    tokens = [token for token in _TOKEN.findall(rest) if _has_digit(token)]
    inner = [token.rpartition(":")[2] for token in tokens if ":" in token]
    digits = [found for number in numbers if (found := phone_digits(number)) and found != number]
    details = [*addresses, *(number for number in numbers if phone_digits(number)), *digits, *tokens, *inner]
    words = _name_in(rest, tokens) or _name_heard_in(addresses)
    return Parts(tuple([*dict.fromkeys(details)][:_MAX_DETAILS]), words, tuple(_ENDS.findall(rest)))


def _name_in(text: str, ids: Sequence[str]) -> tuple[str, ...]:
    if "://" in text:
        return ()
    for each in ids:
        text = text.replace(each, " ")
    words = tuple(word for word in words_of(text) if word not in _LABELS and not _has_digit(word))
    # A letter alone is a label as well.
    return words if any(len(word) > 1 or not word.isascii() for word in words) else ()


def _name_heard_in(addresses: Sequence[str]) -> tuple[str, ...]:
    """The name of which an address seems to be made, as `ada.king23@`; a word alone is too often no name."""
    words = [word for each in addresses for word in words_of(re.sub("[0-9]", " ", re.split("[@+]", each)[0]))]
    return tuple(words) if len(words) > 1 and max(map(len, words)) > 1 else ()


def _taken_out(pattern: re.Pattern[str], text: str) -> tuple[list[str], str]:
    return [found.strip("' ") for found in pattern.findall(text)], pattern.sub(" ", text)


def _has_digit(text: str) -> bool:
    return any(character.isdigit() for character in text)
