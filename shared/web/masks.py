"""How personal data looks to a caller who may not see it. Pure functions on text."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

Kind = Literal["email", "phone", "text", "prose", "details"]

DOTS = "•••"
_DIGIT = re.compile(r"[0-9]")
_COUNTRY = re.compile(r"\+[0-9]{1,3}(?=[^0-9])")
_PART = r"[^\s@<>()\[\],;:\"']"
# An apostrophe, also as HTML writes it, belongs to an address when something is on both of its sides. It is looked for
# at the beginnings of words only: trying each character takes a time that grows with the square of a long word.
_ADDRESS = re.compile(rf"(?<!{_PART})(?<!\w')(?!&\#x27;){_PART}++(?:(?:'|(?<=&\#x27);){_PART}++)*@{_PART}+")
# Written as people write phone numbers: with + or 0 first, unlike dates, amounts and identifiers.
_NUMBER = re.compile(r"(?<![\w.:/-])(?:\+|\(?0)[0-9]?(?:[ ()-]{0,2}[0-9]){7,}")

# Digits that a number must have for its last three to be shown, and for its country as well.
_ENOUGH_FOR_END, _ENOUGH_FOR_COUNTRY = 8, 9


def mask_email(email: str) -> str:
    """`ada@example.com` as `a•••@example.com`; nothing of what is no address."""
    name, at, domain = email.strip().rpartition("@")
    if not at or not name:
        return mask_text(email)
    return f"{name[0] if len(name) > 1 else ''}{DOTS}@{domain}"


def mask_phone(phone: str) -> str:
    """`+61 491 570 156` as `+61 ••• ••• 156`: the country, where it is set apart, and the last three digits."""
    digits = len(_DIGIT.findall(phone))
    if digits < _ENOUGH_FOR_END:
        return DOTS if not digits else _DIGIT.sub("•", phone)
    country = _COUNTRY.match(phone) if digits >= _ENOUGH_FOR_COUNTRY else None
    start = country.end() if country else 0
    last = [match.start() for match in _DIGIT.finditer(phone)][-3]
    return phone[:start] + _DIGIT.sub("•", phone[start:last]) + phone[last:]


def mask_text(text: str) -> str:
    """The first character of a longer text, such as a postal address, and dots."""
    stripped = text.strip()
    return (stripped[0] if len(stripped) > 3 else "") + DOTS


def mask_prose(text: str) -> str:
    """A text in which e-mail addresses and what looks like a phone number are masked, and the rest is clear."""
    masked = _ADDRESS.sub(lambda found: mask_email(found[0]), text)
    return _NUMBER.sub(lambda found: mask_phone(found[0]), masked)


# Members of free-form objects (what was changed, before and after) that hold personal data.
PERSONAL_MEMBERS: Mapping[str, Kind] = {
    "email": "email",
    "recipient_address": "email",
    "phone": "phone",
    "address": "text",
    "ip_address": "text",
    "postal_address": "text",
}


def mask_details(value: Any) -> Any:
    """A free-form object: members with the names of personal data are masked, at any depth, and texts as prose."""
    if isinstance(value, str):
        return mask_prose(value)
    if isinstance(value, Mapping):
        return {name: _masked_member(name, item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [mask_details(item) for item in value]
    return value


def _masked_member(name: Any, value: Any) -> Any:
    kind = PERSONAL_MEMBERS.get(name)
    return mask_details(value) if kind is None or not isinstance(value, str) else MASKS[kind](value)


MASKS: Mapping[Kind, Callable[[Any], Any]] = {
    "email": mask_email,
    "phone": mask_phone,
    "text": mask_text,
    "prose": mask_prose,
    "details": mask_details,
}
