"""Fields of the house's own: what they may be, and every kind of value in every writing."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.crm import custom
from pbxcrm.crm.custom import MOST_CHOICES, TYPES, Field, key_of, new, put, read, shown, taken
from pbxcrm.crm.fields import BadFields


def field(type_: str, key: str = "f", **more: object) -> Field:
    choices = ("Red", "Dark blue") if type_ == "select" else ()
    return Field(1, "contact", key, key, type_, **{"choices": choices, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("type_", "written", "value"),
    [
        ("text", " Two  words ", "Two  words"),
        ("text", 7, "7"),
        ("email", "Ann@Acme.Example", "ann@acme.example"),
        ("phone", "۲۲ ۱۲۳ ۴۵ ۶۷", "+48221234567"),
        ("phone", "+98 21 1234 5678", "+982112345678"),
        ("select", "red", "Red"),
        ("number", "3", 3),
        ("number", 3, 3),
        ("number", 2.5, 2.5),
        ("number", "-2,5", -2.5),
        ("number", "−4", -4),
        ("number", "۱٬۲۰۰", 1200),
        ("number", "١٫٥", 1.5),
        ("number", "1 200.50", 1200.5),
        ("date", "2024-02-29", "2024-02-29"),
        ("yes_no", True, True),
        ("yes_no", "no", False),
        ("yes_no", "بله", True),
        ("yes_no", "Tak", True),
    ],
)
def test_a_value_is_read_as_its_field_is(type_: str, written: object, value: object) -> None:
    found = read(field(type_), written, None, "PL")
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("type_", "written"),
    [
        ("text", "x" * 201),
        ("text", ["x"]),
        ("text", True),
        ("email", "ann@acme"),
        ("email", "ann acme@x.example"),
        ("phone", "red 5"),
        ("phone", "12"),
        ("phone", 600123456),
        ("select", "Pink"),
        ("select", 1),
        ("number", "many"),
        ("number", "1e9"),
        ("number", float("inf")),
        ("number", float("nan")),
        ("number", True),
        ("number", "1.2.3"),
        ("number", "1234567890123456"),
        ("date", "2024-02-30"),
        ("date", "01.02.2024"),
        ("date", 20240201),
        ("yes_no", "perhaps"),
        ("yes_no", 2),
    ],
)
def test_what_it_cannot_be_is_refused(type_: str, written: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(field(type_), written, None, "PL")


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("nothing", [None, "", "  "])
def test_nothing_is_nothing_for_every_type(type_: str, nothing: object) -> None:
    assert read(field(type_), nothing) is None


@given(st.sampled_from(TYPES), st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_whatever_comes_is_a_value_that_reads_the_same_again_or_is_refused(type_: str, written: object) -> None:
    try:
        value = read(field(type_), written, None, "PL")
    except ValueError:
        return
    kept = json.loads(json.dumps(value, allow_nan=False))
    assert kept == value
    assert read(field(type_), kept, None, "PL") == value


def test_all_that_is_wrong_is_said_by_its_field() -> None:
    fields = [field("number", "age"), field("date", "since"), field("text", "old", retired=True)]
    with pytest.raises(BadFields) as refused:
        taken(fields, {"age": "x", "since": "y", "old": "z", "no": 1}, {}, None)
    assert set(refused.value.fields) == {"custom.age", "custom.since", "custom.old", "custom.no"}
    assert taken(fields, {"age": "", "since": "2024-01-01"}, {}, None) == {"age": None, "since": "2024-01-01"}


def test_what_was_chosen_stays_though_it_is_offered_no_more() -> None:
    assert read(field("select"), "Pink", "Pink") == "Pink"


def test_values_are_kept_beside_the_rest_and_shown_in_order() -> None:
    said = put({"extension": "12", "custom": {"a": 1, "b": 2}}, {"b": None, "c": False})
    assert said == {"extension": "12", "custom": {"a": 1, "c": False}}
    assert put({"custom": {"a": 1}}, {"a": None}) == {}
    assert custom.kept(json.dumps(said)) == {"a": 1, "c": False}
    assert custom.kept("{}") == {}
    fields = [field("yes_no", "c"), field("number", "b"), field("number", "a"), field("text", "d", retired=True)]
    assert list(shown(fields, {"a": 1, "c": False, "d": "hidden"}).items()) == [("c", False), ("a", 1)]


def test_a_key_is_made_of_the_name_once() -> None:
    assert key_of("Favourite colour", ()) == "favourite_colour"
    assert key_of("Ulubiony KOLOR (żółty?)", ()) == "ulubiony_kolor_zolty"
    assert key_of("رنگ دلخواه", ()) == "رنگ_دلخواه"
    assert key_of("!!", ()) == "field"
    assert key_of("A", ("a", "a_2")) == "a_3"
    assert len(key_of("x" * 60, ())) == 40


@given(st.text(min_size=1, max_size=60), st.lists(st.text(max_size=5), max_size=5))
def test_a_key_is_a_word_that_nobody_else_has(name: str, others: list[str]) -> None:
    taken_ = [key_of(one, ()) for one in others]
    key = key_of(name, taken_)
    assert key not in taken_
    assert not set(key) & set(" .-\"'<>&")


def test_a_field_that_cannot_be_is_refused() -> None:
    good = {"thing": "deal", "name": "Length", "type": "number", "choices": "of no use here"}
    assert new(good) == Field(0, "deal", "", "Length", "number")
    wrong: list[tuple[str, object]] = [
        ("thing", "task"),
        ("name", " "),
        ("name", "x" * 61),
        ("type", "colour"),
        ("choices", 3),
    ]
    for name, value in wrong:
        with pytest.raises(BadFields) as refused:
            new({**good, name: value})
        assert set(refused.value.fields) == {name}
    for choices in ("", ["x" * 61], [str(n) for n in range(MOST_CHOICES + 1)]):
        with pytest.raises(BadFields) as refused:
            new({**good, "type": "select", "choices": choices})
        assert set(refused.value.fields) == {"choices"}
    assert new({**good, "type": "select", "choices": "Red\nBlue \n\n red"}).choices == ("Red", "Blue")
    with pytest.raises(BadFields):
        custom.changed(new(good), {"type": "text"})
    with pytest.raises(BadFields):
        custom.changed(new(good), {"retired": "yes"})


def test_a_thing_made_of_another_takes_what_fits() -> None:
    lead = [field("number", "size"), field("text", "word"), field("select", "colour")]
    deal = [field("number", "size"), field("number", "word"), field("select", "colour", choices=("Green",))]
    assert custom.fitting(deal, lead, {"size": 7, "word": "x", "colour": "Red"}) == {"size": 7}
