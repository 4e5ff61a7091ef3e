"""Words as they are compared: without what people leave out, or write in one way or another."""

import re
import unicodedata

# More words than names have; what is beyond is not searchable.
MAX_WORDS = 8
MAX_WORD_LENGTH = 64
# To be raised when `fold` makes something else of any text. `fold_before` is then the rule before that, by which names
# may still be in the index.
VERSION = 2

_NO_WORD = re.compile(r"[\W_]+")
_APOSTROPHES = dict.fromkeys(map(ord, "'’‘ʼ`´"))
# Letters that Unicode does not take apart into a base and a mark.
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ħ": "h", "ı": "i", "ŋ": "n"}
)
# The yeh, kaf and heh of Arabic, Persian and Urdu keyboards; the line that only makes words longer; the ʻokina.
_SAME_LETTERS = str.maketrans({"ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ہ": "ه", "ە": "ه", "ٱ": "ا", "ـ": "", "ʻ": ""})
_HIRAGANA = {katakana: katakana - 0x60 for katakana in [*range(0x30A1, 0x30F7), 0x30FD]}


def fold(text: str) -> str:
    """Lower case, without accents and apostrophes, in one of the letters that people take for the same."""
    before = fold_before(text)
    return before if before.isascii() else before.translate(_SAME_LETTERS).translate(_HIRAGANA)


def fold_before(text: str) -> str:
    """What version 1 made of a text."""
    if text.isascii():
        return text.lower().translate(_APOSTROPHES)
    # Taken apart before as well: some letters have their small form only then.
    small = unicodedata.normalize("NFKD", text.translate(_APOSTROPHES)).casefold()
    apart = unicodedata.normalize("NFKD", small)
    bare = "".join(character for character in apart if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", bare).translate(_LETTERS)


def words_of(*names: str) -> tuple[str, ...]:
    """The distinct words of a name, folded, in their order."""
    return _words(fold(" ".join(names)))


def words_before(*names: str) -> tuple[str, ...]:
    """The words that version 1 made of a name."""
    return _words(fold_before(" ".join(names)))


def was_folded_otherwise(*names: str) -> bool:
    """Whether the name has other words than before."""
    return words_of(*names) != words_before(*names)


def _words(folded: str) -> tuple[str, ...]:
    words = _NO_WORD.sub(" ", folded).split()
    return tuple(dict.fromkeys(word[:MAX_WORD_LENGTH] for word in words))[:MAX_WORDS]
