"""The lines of FastAGI: what is a question, and what may be said to a PBX."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.ami.agi import LINES, LONGEST, BadRequest, cleaned, read, set_variable

HEAD = (
    b"agi_network: yes\nagi_network_script: caller\nagi_request: agi://127.0.0.1:4573/caller\n"
    b"agi_channel: PJSIP/trunk-00000001\nagi_callerid: +48225550101\nagi_calleridname: \xc5\x81ucja: x\n"
    b"agi_arg_1: +48601234567\nagi_arg_2: b\n\n"
)


def test_a_question_is_read() -> None:
    question = read(HEAD)
    assert (question.script, question.arguments) == ("caller", ("+48601234567", "b"))
    assert question.values["agi_calleridname"] == "Łucja: x"
    assert read(HEAD.replace(b"\n", b"\r\n")).script == "caller"
    assert read(b"agi_network_script: /owner?x=1\n\n").script == "owner"


@pytest.mark.parametrize(
    "head",
    [b"\n\n", b"GET / HTTP/1.1\nHost: x\n\n", b"agi_network: yes\n\n", b"agi_network_script: \n\n", b"\xff\xfe\n\n",
     b"agi_network_script caller\n\n", b"agi_network_script: caller\n" + b"agi_x: y\n" * LINES + b"\n"],
)  # fmt: skip
def test_what_is_none_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequest):
        read(head)


@given(st.binary(max_size=500))
def test_whatever_comes_it_is_a_question_or_none(head: bytes) -> None:
    with contextlib.suppress(BadRequest):
        assert read(head).script


@given(st.text(max_size=400))
def test_a_value_is_one_line_inside_its_quotes(value: str) -> None:
    line = set_variable("PBXCRM_NAME", value)
    text = line.decode()
    assert text.count("\n") == 1
    assert text.endswith('"\n')
    assert text.count('"') == 2
    assert not set("\\${}[]()|;`") & set(text)
    assert len(cleaned(value)) <= LONGEST
    assert cleaned(value).isprintable()


def test_what_people_are_called_stays() -> None:
    for name in ("Anna Kowalska", "Łucja O'Neil-Żak", "علی رضایی", "Иван Петров", "Kowalska, Anna", "ACME & Co. 24/7"):
        assert cleaned(name) == name
    assert cleaned('x"\nEXEC System "rm -rf /') == "x EXEC System rm -rf /"
    assert cleaned("${SHELL(id)}") == "SHELL id"


@pytest.mark.parametrize("name", ["", "A B", 'A"', "A\nB", "1A", "Ä", "CALLERID(name)"])
def test_only_plain_names_are_set(name: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        set_variable(name, "x")
