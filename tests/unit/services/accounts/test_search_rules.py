"""What a text in the search box may be, and which names it may mean."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts.search.domain import (
    BEGINNING,
    EXACT,
    ONE_ERROR,
    PART,
    SPELLED,
    TWO_ERRORS,
    classify,
    closeness,
    errors_allowed,
    errors_between,
    id_beginning,
    one_error_away,
    phone_digits,
    phone_end,
    rank,
    same_number,
    untagged_email,
    uuids_beginning,
    word_pairs,
)
from services.accounts.search.folding import MAX_WORDS, fold, words_of

WORDS = st.text("abcdefghij", min_size=1, max_size=9)
DIGITS = st.text("0123456789", min_size=7, max_size=9).map(lambda digits: "4" + digits)


@given(st.text(max_size=80))
def test_every_text_is_something_or_nothing_but_never_an_error(text: str) -> None:
    sought = classify(text)
    assert sought.identifier is None or sought.identifier in text
    assert classify(f"  {text}\t") == sought
    assert all(word == fold(word) for word in sought.words)


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("Ada+Lotto@Example.com", {"email"}),
        ("cus-1001", {"identifier", "words"}),
        ("0491570156", {"identifier", "phone", "words"}),
        ("+61 (0)491 570-156", {"phone", "words"}),
        ("Novák, Ada", {"words"}),
        ("novak", {"identifier", "words"}),
        ("0199a1f0-0000-7000-8000-000000000001", {"identifier", "entry_id", "words"}),
        ("!?", set()),
    ],
)
def test_a_text_is_looked_up_as_all_that_it_may_be(text: str, kinds: set[str]) -> None:
    sought = classify(text)
    found = {name for name in ("identifier", "entry_id", "email", "phone", "words") if getattr(sought, name)}
    assert found == kinds


@given(st.text("abcdef.", min_size=1, max_size=10), st.text("abc+1", max_size=5))
def test_an_address_is_the_same_with_any_tag_in_any_case(name: str, tag: str) -> None:
    plain = untagged_email(f"{name}@example.com")
    assert untagged_email(f" {name.upper()}+{tag}@Example.COM ") == plain == f"{name}@example.com"


@given(
    DIGITS, st.sampled_from(["+61 {}", "0061{}", "61-{}", "011 61 {}", "0{}", "(0){}", "{}", "+61 (0) {}", "+61 (0){}"])
)
def test_a_number_is_the_same_however_it_is_written(national: str, form: str) -> None:
    spaced = " ".join(national[start : start + 3] for start in range(0, len(national), 3))
    digits = phone_digits(form.format(spaced))
    assert digits is not None
    assert same_number(digits, f"61{national}")
    assert same_number(f"61{national}", digits)
    assert not same_number(digits, f"61{national[:-1]}{(int(national[-1]) + 1) % 10}")


@pytest.mark.parametrize("text", ["12-34", "cus-1001", "", "+", "ten"])
def test_what_is_too_short_or_has_letters_is_no_number(text: str) -> None:
    assert phone_digits(text) is None


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("NOVÁK", "novak"), ("Strauß", "strauss"), ("Łukasz", "lukasz"), ("O’Brien", "obrien"), ("Søren", "soren"),
        ("İpek", "ipek"), ("Đorđe", "dorde"), ("Ångström", "angstrom"), ("Nguyễn", "nguyen"), ("Ιωάννης", "ιωαννησ"),
        ("Kaʻahumanu", "kaahumanu"), ("Алёна", "алена"), ("Yıldız", "yildiz"),
    ],
)  # fmt: skip
def test_names_are_compared_without_case_accents_and_apostrophes(name: str, folded: str) -> None:
    assert fold(name) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("علي", "علی"), ("على", "علي"), ("كريم", "کریم"), ("محـــمد", "مُحَمَّد"), ("فاطمة", "فاطمه"), ("أحمد", "احمد"),
        ("ﻣﺤﻤﺪ", "محمد"), ("タナカ", "たなか"), ("ﾀﾅｶ", "たなか"), ("ヴァージニア", "ゔぁーじにあ"), ("ＡＤＡ", "ada"),
        ("ISIK", "ışık"), ("İbrahim", "ibrahim"), ("Фёдор", "Федор"),
    ],
)  # fmt: skip
def test_letters_that_people_take_for_the_same_are_the_same(one: str, other: str) -> None:
    assert fold(one) == fold(other)


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("4471", "4471"), (" 44 71 ", "4471"), ("04471", "04471"), ("ends in 4471", "4471"), ("Ending 4471", "4471"),
        ("...4471", "4471"), ("***-4471", None), ("xxx 4471", "4471"), ("last four digits: 4471", "4471"),
        ("phone ending in 570 156", "570156"), ("447", None), ("0491570156", None), ("4471 smith", None),
    ],
)  # fmt: skip
def test_the_last_digits_of_a_number_are_told_from_other_texts(text: str, end: str | None) -> None:
    assert phone_end(text) == end


@pytest.mark.parametrize(
    ("text", "beginning"),
    [
        ("ORD-", "ord-"), ("ord1", "ord1"), ("or1", None), ("smith", None), ("abcdef", "abcdef"), (None, None),
    ],
)  # fmt: skip
def test_the_beginning_of_an_id_has_some_length(text: str | None, beginning: str | None) -> None:
    assert id_beginning(text) == beginning


@given(st.uuids(), st.integers(4, 36), st.sampled_from(["", "-"]))
def test_an_id_lies_among_those_that_begin_as_it_does(entry: UUID, length: int, dash: str) -> None:
    text = str(entry).replace("-", dash)[:length]
    among = uuids_beginning(text)
    assert among is not None
    assert among[0] <= entry <= among[1]
    assert [str(each).replace("-", "")[: len(text.replace("-", ""))] for each in among] == [text.replace("-", "")] * 2


@pytest.mark.parametrize("text", ["ord-1", "0199-a1f0", "0199a1f00000-7000", "a" * 33])
def test_what_no_uuid_begins_with_is_none(text: str) -> None:
    assert uuids_beginning(text) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_words_are_few_distinct_and_stay_the_same_when_folded_again(first: str, last: str) -> None:
    words = words_of(first, last)
    assert len(words) == len(set(words)) <= MAX_WORDS
    assert words_of(*words) == words
    assert set(words_of(last, first)) == set(words) or len(words) == MAX_WORDS


def test_a_name_is_kept_by_each_pair_of_its_words() -> None:
    assert word_pairs(["ada"]) == [("ada", "")]
    assert sorted(word_pairs(["ada", "mary", "novak"])) == [
        ("ada", "mary"), ("ada", "novak"), ("mary", "ada"), ("mary", "novak"), ("novak", "ada"), ("novak", "mary"),
    ]  # fmt: skip


@given(st.text("abc", min_size=1, max_size=5))
def test_what_is_one_error_away_is_counted_as_one(word: str) -> None:
    variants = one_error_away(word)
    assert word not in variants
    assert {errors_between(word, variant) for variant in variants} == {1}


@given(WORDS, WORDS)
def test_errors_are_counted_alike_from_both_sides(one: str, other: str) -> None:
    errors = errors_between(one, other)
    assert errors == errors_between(other, one) <= max(len(one), len(other))
    assert (errors == 0) == (one == other)
    # The alphabet of the variants holds that of the words, so that none is missed.
    assert (errors == 1) == (other in one_error_away(one))


@pytest.mark.parametrize(
    ("typed", "word", "close"),
    [
        ("novak", "novak", EXACT), ("nov", "novak", BEGINNING), ("nvoak", "novak", ONE_ERROR),
        ("jhon", "john", ONE_ERROR),
        ("vak", "novak", PART), ("ak", "novak", None), ("schmitd", "schmidt", ONE_ERROR),
        ("christopfre", "christopher", TWO_ERRORS), ("muller", "mueller", SPELLED),
        ("mueller", "muller", SPELLED), ("fohnmuller", "foehnmueller", SPELLED),
        ("mue", "mueller", BEGINNING),
        ("smith", "novak", None), ("jo", "john", BEGINNING),
        ("jp", "jo", None),
    ],
)  # fmt: skip
def test_how_close_a_word_is(typed: str, word: str, close: int | None) -> None:
    assert closeness(typed, word) == close


@given(st.lists(WORDS, min_size=1, max_size=4), st.randoms())
def test_a_name_fits_itself_in_any_order_and_best(words: list[str], random: object) -> None:
    shuffled = sorted(words, key=lambda _: random.random())  # type: ignore[attr-defined]
    assert rank(shuffled, words) == 0
    assert rank([*words, "zzzzzzzzzz"], words) is None
    assert all(errors_allowed(word) <= max(0, len(word) - 2) for word in words)
