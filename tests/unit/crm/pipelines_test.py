"""When a deal stands too long, what a stage asks for, what an administrator may type."""

import pytest

from pbxcrm.crm.fields import BadFields
from pbxcrm.crm.pipelines import DAY, checklist, demand, idle_from, stage_fields


def test_a_deal_stands_too_long_after_its_days_without_a_talk() -> None:
    assert idle_from(10, 1000.0, None, None, 0) == 1000.0 + 10 * DAY
    assert idle_from(10, 1000.0, 5000.0, None, 1) == 5000.0 + 10 * DAY
    assert idle_from(10, 1000.0, 500.0, 99 * DAY, 0) == 99 * DAY
    assert idle_from(None, 1000.0, None, None, 0) is None
    assert idle_from(10, 1000.0, None, None, -1) is None


def test_a_stage_demands_what_it_needs_and_nothing_it_does_not_know() -> None:
    demand("", {})
    demand("value,gone", {"value": 5})
    with pytest.raises(BadFields) as lacking:
        demand("value,note,source", {"value": 0, "note": "", "source": "fair"})
    assert set(lacking.value.fields) == {"value", "note"}


def test_what_is_typed_becomes_columns() -> None:
    given = {"name": "Trial", "probability": "40", "idle_days": "", "guidance": "a\nb", "needs": ["note", "value"]}
    assert stage_fields(given) == {
        "name": "Trial", "probability": 40, "idle_days": None, "guidance": "a\nb", "needs": "value,note",
    }  # fmt: skip
    assert checklist("a\n\n b ") == ["a", "b"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("name", ""), ("probability", "101"), ("probability", "-1"), ("idle_days", "x"), ("needs", ["owner_id"])],
)
def test_what_cannot_be_is_said(name: str, value: object) -> None:
    with pytest.raises(BadFields) as wrong:
        stage_fields({name: value})
    assert list(wrong.value.fields) == [name]
