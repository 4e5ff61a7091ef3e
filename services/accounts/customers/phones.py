"""Phone numbers as they are compared: in E.164 where they are understood, by their digits where they are not."""

import re
from collections.abc import Callable

from phonenumbers import (
    NumberParseException,
    PhoneNumber,
    PhoneNumberFormat,
    format_number,
    is_possible_number,
    national_significant_number,
    parse,
    region_code_for_country_code,
)
from phonenumbers.phonemetadata import PhoneMetadata

from services.accounts.customers.domain import normalize_phone

_BARE = re.compile(r"\+?[0-9]+")
_SEPARATOR = re.compile(r"[^0-9+]")

Accepted = Callable[[PhoneNumber], bool]


class Phones:
    """Reads numbers as people of `region`, an ISO 3166 code, write them."""

    def __init__(self, region: str) -> None:
        self.region = region

    def key(self, phone: str) -> str | None:
        """What lookups compare: E.164 with its `+`, or the digits; None when it has none."""
        return self.number(phone) or normalize_phone(phone)

    def number(self, phone: str) -> str | None:
        """The number in E.164; None when it cannot be told which one it is.

        Behind `+` or `00` every number is taken that the country may have. One without is of the region when the
        region has numbers like it, and international when another country has.
        """
        found = self._read(phone)
        return _e164(found) if found else None

    def is_possible(self, phone: str) -> bool:
        """Whether it may be a number at all: also one of the region that lacks its area."""
        if self._read(phone) is not None:
            return True
        bare = _bare(phone)
        return bare is not None and _parsed(bare, self.region, is_possible_number) is not None

    def earlier_keys(self, phone: str) -> list[str]:
        """Keys that the number may be stored under where they are still the digits of what was written."""
        found = self._read(phone)
        forms = [PhoneNumberFormat.E164, PhoneNumberFormat.NATIONAL] if found else []
        written = {normalize_phone(phone), *(_digits(format_number(found, form)) for form in forms if found)}
        return sorted(key for key in written if key)

    def _read(self, phone: str) -> PhoneNumber | None:
        bare = _bare(phone)
        if bare is None:
            return None
        if bare.startswith("+"):
            return _parsed(bare, None, is_possible_number)
        accepted = is_possible_number if bare.startswith("00") else _fits_plan
        return _parsed(bare, self.region, _fits_plan) or _parsed(f"+{bare.removeprefix('00')}", None, accepted)


def _bare(phone: str) -> str | None:
    bare = _SEPARATOR.sub("", phone)
    return bare if _BARE.fullmatch(bare) else None


def _parsed(bare: str, region: str | None, accepted: Accepted) -> PhoneNumber | None:
    try:
        number = parse(bare, region)
    except NumberParseException:
        return None
    return number if accepted(number) else None


def _fits_plan(number: PhoneNumber) -> bool:
    """Whether the country has whole numbers like this one, whether or not the range is in use yet."""
    country = number.country_code or 0
    plan = PhoneMetadata.metadata_for_region_or_calling_code(country, region_code_for_country_code(country))
    pattern = plan.general_desc.national_number_pattern if plan and plan.general_desc else None
    return pattern is not None and re.fullmatch(pattern, national_significant_number(number)) is not None


def _e164(number: PhoneNumber) -> str:
    return format_number(number, PhoneNumberFormat.E164)


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)
