"""Properties of what reaches the PBX: whatever was typed, whatever a customer is called."""

from hypothesis import given, settings
from hypothesis import strategies as st

from pbxcrm.ami.originate import originate_headers
from pbxcrm.calls import numbers
from pbxcrm.service.dial import _caller_id, _Target


@given(st.one_of(st.text(), st.from_regex(r"\+?[0-9 ()./&,;@*#-]{1,20}", fullmatch=True)))
@settings(max_examples=400, deadline=None)
def test_a_number_is_plus_and_digits_or_no_number(said: str) -> None:
    number = numbers.parse(said, "PL")
    assert number is None or set(number[1:]) <= set("0123456789")
    assert number is None or (number[0] in "+0123456789" and 2 <= len(number.lstrip("+")) <= 15)


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_name_makes_a_caller_id_the_pbx_reads_once(name: str) -> None:
    caller = _caller_id(_Target("+48601234567", name, None, None))
    originate_headers("PJSIP/101", "pbxcrm-out", "+48601234567", caller, 30_000, {}, "id")
    assert caller.count("<") == caller.count(">") == 1
    assert caller.count('"') in (0, 2)
