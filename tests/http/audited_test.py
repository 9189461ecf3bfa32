"""The audit log in a reader's words: no raw field names, no raw values."""

from pbxcrm.crm.access import Scope
from pbxcrm.http import audited
from pbxcrm.http.api_calls import FILTERS as CALL_FILTERS
from pbxcrm.http.api_deals import FILTERS as DEAL_FILTERS
from pbxcrm.http.audited import FIELDS, changes
from pbxcrm.http.i18n import Reader
from pbxcrm.http.render import Viewer, know
from pbxcrm.service import contacts, tell
from pbxcrm.store.retention import KINDS

NOW = 1_795_000_000.0  # 18 November 2026


def reads(locale: str = "en") -> Viewer:
    return Viewer("mona", "Mona", Scope(1, "mona", "manager").role, Reader(locale, "UTC", "gregorian", lambda: NOW))


def test_every_field_that_is_noted_has_a_name() -> None:
    noted = {*tell._DEAL, *contacts._AUDITED, *CALL_FILTERS, *DEAL_FILTERS, *KINDS}
    noted |= {"role", "team", "active", "operator", "password", "device", "token", "tokens", "locale", "calendar"}
    noted |= {"time_zone", "host", "kinds", "why", "deal_id", "tasks", "deals", "calls", "q"}
    assert noted <= set(FIELDS)
    assert audited.changes(reads(), {"of_another_version": [1, None]}) == [("of another version", "1", None)]


def test_values_are_said_as_everywhere_else() -> None:
    know({"alice": "Alicja Nowak"})
    said = {
        "value": [None, "12400.50 PLN"],
        "next_contact_at": [None, "2026-11-19T09:30:00.000Z"],
        "owner_name": [None, "alice"],
        "stage_name": ["Unsorted", "Nasz etap"],
        "active": [True, False],
        "numbers": [["+48601234567"], ["+48601234567", "101"]],
        "role": ["agent", "manager"],
        "password": [None, None],
        "calls": [12, 0],
        "locale": ["en", "fa"],
    }
    assert changes(reads("pl"), said) == [
        ("Wartość", None, "12\u00a0400,50\u00a0zł"),
        ("Następny kontakt", None, "19 lis, 09:30"),
        ("Prowadzi", None, "Alicja Nowak"),
        ("Etap", "Nieposortowane", "Nasz etap"),
        ("Aktywny", "tak", "nie"),
        ("Numery", "+48 601 234 567", "+48 601 234 567, 101"),
        ("Rola", "Handlowiec", "Kierownik"),
        ("Hasło", None, None),
        ("Połączenia", "12", "0"),
        ("Język", "English", "فارسی"),
    ]
    assert changes(reads("fa"), {"calls": [12, 0]})[0][1:] == ("۱۲", "۰")


def test_what_is_no_value_is_said_as_it_is() -> None:
    odd = {"value": [None, "x y"], "next_contact_at": ["soon", "9" * 30], "why": ["new", "too_many"]}
    said = changes(reads(), odd)
    assert said[0][2] == "x y"
    assert said[1][1:] == ("soon", "9" * 30)
    assert said[2][1] == "new"
