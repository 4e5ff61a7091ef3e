"""Names of time zones."""

import pytest

from shared.time_zones import zone_named


@pytest.mark.parametrize(
    "name", ["Asia/Kolkata", "Asia/Calcutta", "Pacific/Chatham", "Australia/Lord_Howe", "UTC", "EST"]
)
def test_zones_have_their_names_and_those_they_had(name: str) -> None:
    zone = zone_named(name)
    assert zone is not None
    assert zone.key == name


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "europe/london",
        "localtime",
        "Factory",
        "posixrules",
        "right/Europe/London",
        "posix/UTC",
        "Africa",
        "../UTC",
    ],
)
def test_what_only_this_machine_knows_is_no_zone(name: str | None) -> None:
    assert zone_named(name) is None
