"""Log lines as people and as programs read them."""

import json
import logging
from collections.abc import Iterator

import pytest

from pbxcrm import logs
from pbxcrm.http.current import REQUEST


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_json_is_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "JSON")
    log = logging.getLogger("pbxcrm.intake")
    log.info("call of %s\nsecond line", "Иван", extra={"call": "c-1", "uid": "1795000000.1"})
    log.debug("nobody wants this")
    try:
        int("odd")
    except ValueError:
        log.exception("broken")
    first, second = (json.loads(line) for line in lines(capsys))
    assert first.pop("at").endswith("Z")
    assert first == {
        "level": "INFO", "logger": "pbxcrm.intake", "message": "call of Иван\nsecond line", "call": "c-1",
        "uid": "1795000000.1",
    }  # fmt: skip
    assert second["message"] == "broken"
    assert "ValueError: invalid literal" in second["error"]
    assert "call" not in second


def test_the_request_that_is_answered_is_on_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    before = REQUEST.set("abc123")
    try:
        logs.configure("INFO", "JSON")
        logging.getLogger("pbxcrm.service.dial").warning("refused")
        logs.configure("INFO")
        logging.getLogger("pbxcrm.service.dial").warning("refused")
        logging.getLogger("pbxcrm.http").error("request abc123: broken")
    finally:
        REQUEST.reset(before)
    one, two, three = lines(capsys)
    assert json.loads(one)["request"] == "abc123"
    assert two.endswith("WARNING pbxcrm.service.dial: refused [request=abc123]")
    assert three.endswith("ERROR pbxcrm.http: request abc123: broken")


def test_text_stays_text(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO")
    logging.getLogger("pbxcrm").info("pbxcrm serves")
    logging.getLogger("pbxcrm.intake").info("ended", extra={"call": "c-1", "uid": "1.2"})
    plain, about = lines(capsys)
    assert plain.endswith("Z INFO pbxcrm: pbxcrm serves")
    assert about.endswith("ended [call=c-1 uid=1.2]")


def test_library_chatter_is_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("DEBUG")
    logging.getLogger("aiosqlite").info("executing")
    logging.getLogger("aiosqlite").warning("slow")
    assert [line.rpartition(": ")[2] for line in lines(capsys)] == ["slow"]
