"""What a text in the search box may be, and when a name is meant by it."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Literal, NamedTuple
from uuid import UUID

from services.accounts.customers.domain import normalize_email, plain_phone, without_invisible
from services.accounts.search.folding import words_of

IdKind = Literal["customer", "order", "ticket", "receipt", "transaction", "checkout"]
Kind = IdKind | Literal["email", "phone", "name"]

# Numbers are compared, and found in the index, by so many of their last digits.
PHONE_END = 7
_MIN_PHONE_DIGITS = 6
# Less of an id is the beginning of too many; letters alone are more likely a word.
_MIN_ID_BEGINNING, _MIN_LETTERS_OF_ID = 4, 6

_IDENTIFIER = re.compile(r"[A-Za-z0-9._:-]{1,64}")
_AROUND = " \t\r\n#\"'<>«»“”‘’,;()[]"
_ADDRESS = re.compile(r"[^\s<>()\[\]\",;:]*@[^\s<>()\[\]\"',;:?]*")
_PHONE = re.compile(r"[0-9+() ./-]+")
_SCHEME = re.compile(r"(?:tel|phone|ph|mob|mobile|fax|sms|whatsapp)[.:]*\s*(?=[+(0-9])")
_EXTENSION = re.compile(r"\s*(?:[,;]?\s*(?:ext|extn|extension|x)[.:=]?|#)\s*[0-9]{1,6}$")
# The last digits of a number, as people are asked for them.
_PHONE_END = re.compile(
    r"(?:(?:number |phone |mobile )?end(?:s|ing)?(?: in| with)?|last (?:[4-6]|four|five|six)(?: digits)?|[.…*x•]+)?"
    r"[:\s]*([0-9](?:[ .-]?[0-9]){3,5})"
)
_TRUNK_ZERO = re.compile(r"\(0\) ?")
_TYPED_APOSTROPHES = dict.fromkeys(map(ord, "’‘ʼ"), "'")
# Letters of the scripts in which a letter may be mistyped, as they are when folded.
_ALPHABETS = (
    "abcdefghijklmnopqrstuvwxyz",
    "αβγδεζηθικλμνξοπρστυφχψω",
    "абвгдежзиклмнопрстуфхцчшщъыьэюяєіґђјљњћџ",
    "אבגדהוזחטיךכלםמןנסעףפץצקרשת",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويءپچژگ",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆ",
)
# Words are taken apart up to this length, and in so many ways.
_MAX_SPLIT_LENGTH = 40
_MAX_APART = 12
_MIN_BEGINNING = 3

# How far a word may be from what was typed, and how that counts when results are put in order.
EXACT, SPELLED, BEGINNING, ONE_ERROR, PART, TWO_ERRORS = range(6)
# How umlauts and their like are written without them: Müller, which is folded without its dots, is Mueller as well.
_SPELLINGS = re.compile("([aou])e|a(a)")


@dataclass(frozen=True, slots=True)
class Sought:
    """What a text may be: each field that is not None or empty is worth a look-up."""

    identifier: str | None
    entry_id: UUID | None
    email: str | None
    phone: str | None
    phone_end: str | None
    words: tuple[str, ...]
    has_digits: bool

    @property
    def looks_like_email(self) -> bool:
        """Whether it is more like a part of an address than like a name."""
        return self.email is not None or (self.identifier is not None and not self.identifier.isalnum())


def classify(text: str) -> Sought:
    """Everything that the text may be. An id may look like a phone number, or like a name."""
    text = text.strip()
    bare = without_invisible(text).strip(_AROUND)
    is_email = "@" in text
    return Sought(
        identifier=bare if _IDENTIFIER.fullmatch(bare) else None,
        entry_id=_uuid(bare),
        email=untagged_email(text) if is_email else None,
        phone=phone_digits(text),
        phone_end=phone_end(text),
        words=() if is_email else words_of(text),
        has_digits=any(character.isdigit() for character in text),
    )


def id_beginning(text: str | None) -> str | None:
    """How an id begins that may be meant by a text, in small letters; None when it is too short to tell."""
    if text is None or len(text) < _MIN_ID_BEGINNING or (text.isalpha() and len(text) < _MIN_LETTERS_OF_ID):
        return None
    return text.lower()


def uuids_beginning(text: str) -> tuple[UUID, UUID] | None:
    """The first and the last UUID that begin with a text in small letters; None when none does."""
    digits = text.replace("-", "")
    if len(digits) > 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    first = UUID(digits.ljust(32, "0"))
    return (first, UUID(digits.ljust(32, "f"))) if text in {digits, str(first)[: len(text)]} else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def typed_email(text: str) -> str:
    """The address in a text, as it is compared: also of one with the name before it, as mail programs copy it.

    Apostrophes are part of it, however they were typed, but not those around it.
    """
    found = _ADDRESS.search(text.translate(_TYPED_APOSTROPHES))
    return normalize_email(found[0].lstrip("'").rstrip(".") if found else text)


def untagged_email(text: str) -> str:
    """The address in a text, without a tag between `+` and `@`."""
    return re.sub(r"\+[^@]*", "", typed_email(text), count=1)


def email_beginning(text: str) -> str | None:
    """How an address begins that may be meant by a text; None when it is none, or all of one."""
    text = text.strip()
    if len(text) < _MIN_BEGINNING or text.startswith("@") or any(character.isspace() for character in text):
        return None
    return normalize_email(text)


def typed_phone(text: str) -> str:
    """The text without what people write around a number: `tel:` before it, an extension behind it."""
    text = _TRUNK_ZERO.sub("", plain_phone(text).strip().lower())
    return _EXTENSION.sub("", _SCHEME.sub("", text, count=1))


def phone_digits(text: str) -> str | None:
    """The digits of what may be a phone number; None when it cannot be one."""
    text = typed_phone(text)
    if not _PHONE.fullmatch(text):
        return None
    digits = "".join(character for character in text if character in "0123456789")
    return digits if len(digits) >= _MIN_PHONE_DIGITS else None


def phone_end(text: str) -> str | None:
    """The four to six last digits of a number that may be meant by a text, also by `ends in 4471`."""
    found = _PHONE_END.fullmatch(plain_phone(text).strip().lower())
    return re.sub("[^0-9]", "", found[1]) if found else None


class TypedNumber(NamedTuple):
    """A number to look for: the digits that were typed, and in E.164 when these are a whole number."""

    digits: str
    number: str | None = None

    @property
    def ends(self) -> list[str]:
        """How the keys of customers with this number end."""
        return sorted({key[-PHONE_END:] for key in (self.digits, self.number) if key})


def fits(typed: TypedNumber, key: str | None) -> bool:
    """Whether a customer with this key may be meant: E.164, or the digits of a number that was not understood."""
    return key is not None and (key == typed.number or same_number(typed.digits, key.removeprefix("+")))


def same_number(one: str, other: str) -> bool:
    """Whether two numbers, as digits, are one number written with more or with less of its prefixes.

    Without exit codes and trunk zeros, a number with its country ends in the one without it.
    """
    shorter, longer = sorted((one.lstrip("0"), other.lstrip("0")), key=len)
    return longer == shorter or (len(shorter) >= PHONE_END and longer.endswith(shorter))


def word_pairs(words: Sequence[str]) -> list[tuple[str, str]]:
    """Each word beside each other one; a single one beside nothing."""
    return [(words[0], "")] if len(words) == 1 else list(permutations(words, 2))


def one_error_away(word: str) -> list[str]:
    """Every text that one error makes of a word: a letter left out, added, replaced, or two exchanged."""
    letters = [letter for alphabet in _ALPHABETS if not set(alphabet).isdisjoint(word) for letter in alphabet]
    splits = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    made = {left + right[1:] for left, right in splits if right}
    made |= {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    made |= {left + letter + right[1:] for left, right in splits if right for letter in letters}
    made |= {left + letter + right for left, right in splits for letter in letters}
    return sorted(made - {word, ""})


def parts_of(word: str) -> set[str]:
    """Every part of a word that may be a word of its own: of two letters at least where a letter is not a syllable."""
    least = 2 if word.isascii() else 1
    length = len(word)
    if length > _MAX_SPLIT_LENGTH:
        return set()
    return {word[n:m] for n in range(length) for m in range(n + least, length + 1)} - {word}


def taken_apart(word: str, known: Collection[str]) -> Iterator[tuple[str, ...]]:
    """The ways to write a word as two or three known ones."""
    for end in range(1, len(word)):
        if word[:end] not in known:
            continue
        if word[end:] in known:
            yield word[:end], word[end:]
        for second in range(end + 1, len(word)):
            if word[end:second] in known and word[second:] in known:
                yield word[:end], word[end:second], word[second:]


def set_apart_otherwise(typed: Sequence[str], known: Collection[str]) -> list[tuple[str, ...]]:
    """The same letters as other words: two neighbours joined, or one taken apart into known ones."""
    joined = [(*typed[:n], typed[n] + typed[n + 1], *typed[n + 2 :]) for n in range(len(typed) - 1)]
    apart = (
        (*typed[:n], *parts, *typed[n + 1 :]) for n, word in enumerate(typed) for parts in taken_apart(word, known)
    )
    return [*dict.fromkeys([*joined, *islice(apart, _MAX_APART)])]


def one_left_out(typed: Sequence[str]) -> list[tuple[str, ...]]:
    """All of three or more words but one, such as a title or an initial."""
    return [(*typed[:n], *typed[n + 1 :]) for n in range(len(typed))] if len(typed) > 2 else []


def errors_allowed(word: str, *, alone: bool = True) -> int:
    """How many errors a word of this length may have and still be told from others; beside another it may be short."""
    if len(word) < (3 if alone else 2):
        return 0
    return 1 if len(word) < 7 else 2


def errors_between(one: str, other: str) -> int:
    """The fewest letters left out, added, replaced or exchanged with the next that make one word the other."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for n, letter in enumerate(one, start=1):
        above, before = before, row
        row = [n]
        for m, other_letter in enumerate(other, start=1):
            cost = min(before[m] + 1, row[m - 1] + 1, before[m - 1] + (letter != other_letter))
            if above and m > 1 and letter == other[m - 2] and one[n - 2] == other_letter:
                cost = min(cost, above[m - 2] + 1)
            row.append(cost)
    return row[-1]


def without_umlauts(word: str) -> str:
    """The same for all spellings of a word that may have umlauts."""
    return _SPELLINGS.sub(r"\1\2", word)


def closeness(typed: str, word: str, *, alone: bool = True) -> int | None:
    """How a typed word may mean a word of a name, from EXACT to TWO_ERRORS; None when it does not."""
    if typed == word:
        return EXACT
    if len(typed) > 2 and without_umlauts(typed) == without_umlauts(word):
        return SPELLED
    if word.startswith(typed):
        return BEGINNING
    allowed = errors_allowed(typed, alone=alone)
    errors = errors_between(typed, word) if abs(len(typed) - len(word)) <= allowed else allowed + 1
    if errors <= allowed and errors == 1:
        return ONE_ERROR
    if len(typed) >= 3 and typed in word:
        return PART
    return TWO_ERRORS if errors <= allowed else None


def rank(typed: Sequence[str], words: Sequence[str]) -> int | None:
    """How well a name fits all that was typed, in any order: 0 is exact; None when it does not fit.

    A single letter beside two words is an initial, which many names are on record without.
    """
    total = 0
    for each in typed:
        found = [close for word in words if (close := closeness(each, word, alone=len(typed) == 1)) is not None]
        if not found and not (len(each) == 1 and len(typed) > 2):
            return None
        total += min(found, default=BEGINNING)
    return total
