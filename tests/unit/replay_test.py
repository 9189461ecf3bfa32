"""`pbxcrm replay`: times from an index where the stream tells none, a line of JSON a call, a chart for a person."""

import json
import re
from pathlib import Path

import pytest

from pbxcrm import chart, cli, replay

RECORDING = Path(__file__).parents[1] / "flows" / "group" / "group_second_answers.ami"
DEVICES = [("PJSIP/101", "alice"), ("PJSIP/102", "bob"), ("PJSIP/103", "carol")]
UNTIMED = re.sub(rb"Timestamp: [^\r]*\r\n", b"", RECORDING.read_bytes())


def test_an_index_gives_the_times() -> None:
    index = [(0, 1000.0), (len(UNTIMED) // 2, 1010.0), (len(UNTIMED) - 10, 1030.0)]
    (call,) = replay.calls(UNTIMED, DEVICES, region="PL", index=index)
    assert (call.started_at, call.first_answered_by) == (1000.0, "bob")
    assert call.ended_at in (1010.0, 1030.0)


def test_without_a_clock_the_order_is_enough() -> None:
    (call,) = replay.calls(UNTIMED, DEVICES, region="PL")
    assert (call.outcome, call.first_answered_by, call.rang) == ("answered", "bob", ("alice", "bob", "carol"))


def test_a_last_frame_without_its_empty_line_counts() -> None:
    frames = RECORDING.read_bytes().split(b"\r\n\r\n")
    end = next(
        i for i, frame in enumerate(frames) if b"Event: Hangup\r\n" in frame and b"Channel: PJSIP/trunk" in frame
    )
    whole = b"\r\n\r\n".join(frames[: end + 1])
    (call,) = replay.calls(whole + b"\r\n", DEVICES, region="PL")
    assert call.outcome == "answered"
    (call,) = replay.calls(whole[:-20], DEVICES, region="PL")
    assert call.outcome == "ongoing"


def test_an_index_with_a_bad_line_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index"
    path.write_text("# offset, seconds\n0, 1000.0\n\nten 20\n")
    with pytest.raises(ValueError, match="line 4 of the index"):
        replay.read_index(path)
    path.write_text("5, 2\n0 1\n")
    assert replay.read_index(path) == [(0, 1.0), (5, 2.0)]


def test_the_command_prints_a_call_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["replay", str(RECORDING), "--json", "--device", "PJSIP/102=bob", "--device", "PJSIP/1*=others"]
    assert cli.main(words) == 0
    (line,) = capsys.readouterr().out.splitlines()
    call = json.loads(line)
    assert (call["first_answered_by"], call["rang"]) == ("bob", ["others", "bob"])


def test_the_chart_shows_who_rang_and_who_talked(capsys: pytest.CaptureFixture[str]) -> None:
    (call,) = replay.calls(RECORDING.read_bytes(), DEVICES, region="PL")
    drawn = chart.draw(call)
    assert "answered" in drawn.splitlines()[0]
    assert re.search(r"├─+·─+▶█ +· +bob \(PJSIP/102\) joined the conversation", drawn)
    assert re.search(r"│ +○ +· +· +rings at alice", drawn)
    assert cli.main(["replay", str(RECORDING), "--device", "PJSIP/102=bob"]) == 0
    assert "bob (PJSIP/102) joined" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["replay", "/nowhere.ami"], "/nowhere.ami: No such file"),
        (["replay", str(RECORDING), "--device", "PJSIP/102"], "--device takes DEVICE=PERSON"),
        (["replay", __file__], "no AMI stream"),
    ],
)
def test_what_cannot_be_read_says_so(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    status = cli.main(words)
    said = capsys.readouterr()
    assert (status, says.lower() in said.err.lower()) == (1, True), said
