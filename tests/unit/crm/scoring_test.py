"""Rules of scoring: how far each is met, and what they come to."""

import pytest

from pbxcrm.crm.fields import BadFields
from pbxcrm.crm.scoring import DAY, Rule, Scorer, Subject, matching, rule

NOW = 1_000 * DAY


def lead(**known: object) -> Subject:
    empty: Subject = {
        "city": "", "numbers": [], "company": "", "employees": 0, "job_title": "", "source": "", "interest": "",
        "talks": 0, "answered": 0, "called": 0, "missed": 0, "last_talk": None, "quality": 0,
    }  # fmt: skip
    empty.update(known)  # type: ignore[typeddict-item]
    return empty


@pytest.mark.parametrize(
    ("field", "full", "part", "known", "how"),
    [
        ("city", "Kraków, Warszawa", "", {"city": "WARSZAWA"}, "full"),
        ("city", "Kraków", "", {"city": "Nowa Huta (Kraków)"}, "part"),
        ("city", "Kraków", "małopol", {"city": "Tarnów, Małopolska"}, "part"),
        ("city", "Kraków", "małopol", {"city": "Gdańsk"}, None),
        ("city", "تهران، کرج", "", {"city": "كرج"}, "full"),
        ("city", "Kraków", "", {}, None),
        ("job_title", "CEO", "director, head", {"job_title": "Head of sales"}, "part"),
        ("country", "PL", "CZ,SK", {"numbers": ["+48601234567"]}, "full"),
        ("country", "PL", "CZ,SK", {"numbers": ["+420601234567"]}, "part"),
        ("country", "CA", "", {"numbers": ["+12125550123"]}, None),
        ("country", "PL", "", {}, None),
        ("number", "+48 12", "", {"numbers": ["+48123456789"]}, "full"),
        ("number", "+48 12", "", {"numbers": ["+48223456789"]}, "part"),
        ("number", "+48 12", "+48 32", {"numbers": ["+48223456789"]}, None),
        ("number", "+48 12", "", {"numbers": ["+49123456789"]}, None),
        ("employees", "50", "10", {"employees": 50}, "full"),
        ("employees", "۵۰", "۱۰", {"employees": 49}, "part"),
        ("employees", "50", "10", {"employees": 9}, None),
        ("talks", "3", "", {"talks": 1}, "part"),
        ("talks", "3", "", {}, None),
        ("last_talk", "7", "30", {"last_talk": NOW - 7 * DAY}, "full"),
        ("last_talk", "7", "30", {"last_talk": NOW - 30 * DAY}, "part"),
        ("last_talk", "7", "30", {"last_talk": NOW - 31 * DAY}, None),
        ("last_talk", "7", "30", {}, None),
    ],
)
def test_how_far_a_rule_is_met(field: str, full: str, part: str, known: dict[str, object], how: str | None) -> None:
    assert matching(Rule(1, field, full, part, 10, 5))(lead(**known), NOW) == how


def test_points_stay_between_nothing_and_all() -> None:
    rules = [Rule(1, "city", "a", "", 80, 0), Rule(2, "source", "b", "", 70, 0), Rule(3, "talks", "1", "", -100, 0)]
    scorer = Scorer(rules, 20)
    assert scorer.score(lead(city="a", source="b", quality=5), NOW) == 100
    assert scorer.score(lead(city="a", talks=4), NOW) == 0
    assert [one.points for one in scorer.reasons(lead(city="a", talks=4), NOW)] == [80, -100]
    assert Scorer([], 20).score(lead(quality=3), NOW) == 60


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"field": "colour"}, "field"),
        ({"full": ""}, "full"),
        ({"full": " , "}, "full"),
        ({"points": "101"}, "points"),
        ({"points": "many"}, "points"),
        ({"field": "talks"}, "full"),
        ({"field": "country"}, "full"),
        ({"field": "number"}, "full"),
        ({"part_points": "x"}, "part_points"),
    ],
)
def test_a_rule_that_says_nothing_is_refused(given: dict[str, object], wrong: str) -> None:
    with pytest.raises(BadFields) as refused:
        rule({"field": "city", "full": "Kraków", "points": "10", **given})
    assert set(refused.value.fields) == {wrong}


def test_a_rule_is_read_as_it_is_written() -> None:
    assert rule({"field": "talks", "full": "3", "points": "−۵"}) == Rule(0, "talks", "3", "", -5, 0)
