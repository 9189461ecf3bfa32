"""The wire, without a wire: any cut gives the same frames, nothing grows, nothing slips in."""

import re
import time
import tracemalloc
from collections import deque
from itertools import repeat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.ami.errors import BadHeader, BadStream, FrameTooBig
from pbxcrm.ami.frames import ACTIONS, Frame, FrameReader, encode

STREAM = (
    "Asterisk Call Manager/11.0.0\r\n"
    "Response: Success\r\nActionID: a/1\r\nMessage: Authentication accepted\r\n\r\n"
    "Event: Newchannel\r\nPrivilege: call,all\r\nCallerIDName: Иван Ü 李\r\nUniqueid: 1.1\r\nAccountCode: \r\n\r\n"
    "Event: VarSet\r\nVariable: X\r\nValue: a: b: c\r\n\r\n"
    "\r\nEvent: DialBegin\r\nEvent: Twice\r\nChanVariable: A=1\r\nChanVariable: B=\r\nEmpty:\r\n\r\n"
    "Privilege: late\r\nEvent: Hangup\r\nCause: 16\r\n\r\n"
    "Event: CoreShowChannel\r\nActionID: a/2\r\nLast: \r\n\r\n"
).encode()


def read(data: bytes, cuts: list[int] | None = None, wanted: frozenset[bytes] | None = None) -> list[Frame]:
    reader, frames, start = FrameReader(wanted), [], 0
    for cut in [*(cuts or []), len(data)]:
        frames += reader.feed(data[start:cut])
        start = cut
    return frames


def shape(frames: list[Frame]) -> list[dict[str, list[str]]]:
    return [{key: frame.all(key) for key in frame} for frame in frames]


def test_reads_events_responses_and_repeated_headers():
    frames = read(STREAM)
    assert [f.name for f in frames] == ["Response", "Newchannel", "VarSet", "DialBegin", "Hangup", "CoreShowChannel"]
    assert frames[0]["message"] == "Authentication accepted"
    assert frames[0].event == ""
    assert frames[1]["calleridname"] == "Иван Ü 李"
    assert frames[1]["accountcode"] == ""
    assert frames[2]["value"] == "a: b: c"
    assert frames[3].event == "DialBegin"
    assert frames[3].all("event") == ["DialBegin", "Twice"]
    assert frames[3].all("chanvariable") == ["A=1", "B="]
    assert frames[3]["chanvariable"] == "A=1"
    assert frames[3]["empty"] == ""
    assert frames[3].all("absent") == []
    assert frames[5]["last"] == ""


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_any_cut_gives_the_same_frames(cuts):
    assert shape(read(STREAM, sorted(cuts))) == shape(read(STREAM))


@given(st.lists(st.integers(0, len(STREAM)), max_size=40))
def test_any_cut_of_a_stream_with_lone_lf_gives_the_same_frames(cuts):
    assert shape(read(STREAM.replace(b"\r\n", b"\n"), sorted(cuts))) == shape(read(STREAM))


@given(
    st.lists(
        st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"Event: A", b"x", b": ", b"\xd0", b"\x98"]), max_size=60
    ),
    st.lists(st.integers(0, 300), max_size=20),
)
def test_any_cut_of_garbage_gives_the_same_frames(parts, cuts):
    data = b"".join(parts)
    assert shape(read(data, sorted(min(c, len(data)) for c in cuts))) == shape(read(data))


def test_byte_by_byte():
    assert shape(read(STREAM, list(range(len(STREAM))))) == shape(read(STREAM))


def test_only_wanted_events_are_parsed_but_answers_always_pass():
    reader = FrameReader(frozenset({b"Newchannel", b"Hangup"}))
    assert [f.name for f in reader.feed(STREAM)] == ["Response", "Newchannel", "Hangup", "CoreShowChannel"]
    assert reader.dropped == 2


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_filtering_does_not_depend_on_the_cut(cuts):
    wanted = frozenset({b"Hangup", b"DialBegin"})
    assert shape(read(STREAM, sorted(cuts), wanted)) == shape(read(STREAM, None, wanted))


def test_names_with_stray_blanks_are_still_wanted():
    assert [f.event.strip() for f in read(b"Event: Hangup  \r\nA: b\r\n\r\n", None, frozenset({b"Hangup"}))] == [
        "Hangup"
    ]
    assert len(read(b"Event: Hangup\r\n\r\n", None, frozenset({b"Hangup"}))) == 1


def test_banner_and_first_line():
    reader = FrameReader(None)
    reader.feed(b"Asterisk Call Man")
    assert reader.banner is None
    reader.feed(b"ager/5.0.4\r\nResp")
    assert reader.banner == "Asterisk Call Manager/5.0.4"
    reader = FrameReader(None)
    reader.feed(b"SSH-2.0-OpenSSH_9.2\r\n")
    assert reader.banner is None
    assert reader.first_line == "SSH-2.0-OpenSSH_9.2"


def test_a_greeting_in_the_middle_of_a_recording_is_passed_over():
    frames = read(STREAM + STREAM)
    assert len(frames) == 12
    assert shape(frames[:6]) == shape(frames[6:])


def test_a_lone_line_feed_inside_a_value_does_not_end_the_line():
    data = b"Asterisk Call Manager/1\r\nEvent: A\r\nCallerIDName: x\n\nEvent: Hangup\nUniqueid: 1\r\n\r\n"
    (frame,) = read(data)
    assert frame.event == "A"
    assert frame["calleridname"] == "x\n\nEvent: Hangup\nUniqueid: 1"


def test_bytes_that_are_not_utf8_are_replaced_not_fatal():
    (frame,) = read(b"Event: A\r\nCallerIDName: \xff\xfe!\r\n\r\n")
    assert frame["calleridname"] == "\ufffd\ufffd!"


def test_unterminated_frame_is_capped_and_memory_stays():
    reader = FrameReader(None)
    reader.feed(b"Event: A\r\n")
    tracemalloc.start()
    try:
        with pytest.raises(FrameTooBig, match="longer than 65536 bytes"):
            deque(map(reader.feed, repeat(b"k: " + b"x" * 1457, 1000)), maxlen=0)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_whole_frame_over_the_cap_gives_the_frames_before_it():
    reader = FrameReader(frozenset({b"A"}), max_frame=100)
    with pytest.raises(FrameTooBig) as caught:
        reader.feed(b"Event: A\r\n\r\nEvent: B\r\nx: " + b"y" * 100 + b"\r\n\r\n")
    assert [f.event for f in caught.value.frames] == ["A"]


@given(st.integers(0, 8), st.integers(1, 130))
def test_the_cap_does_not_depend_on_the_cut(over, step):
    body = b"Event: A\r\nx: " + b"y" * (100 - 13 + over - 4)
    data = b"Event: Z\r\n\r\n" + body + b"\r\n\r\nEvent: Q\r\n\r\n"
    outcome = []
    for size in (step, len(data)):
        reader, got = FrameReader(None, max_frame=100), []
        try:
            for start in range(0, len(data), size):
                got += [f.event for f in reader.feed(data[start : start + size])]
        except FrameTooBig as error:
            got += [f.event for f in error.frames] + ["too big"]
        outcome.append(got)
    assert outcome[0] == outcome[1]


def test_too_many_headers():
    with pytest.raises(FrameTooBig, match="more than 512 headers"):
        read(b"Event: A\r\n" + b"a: b\r\n" * 600 + b"\r\n")
    assert len(read(b"Event: A\r\n" + b"a: b\r\n" * 500 + b"\r\n")) == 1


def test_garbage_says_so():
    with pytest.raises(BadStream, match="hold no line"):
        read(b"\x00" * 2000)
    with pytest.raises(BadStream, match="not AMI"):
        read(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n" * 20)
    assert read(b"what: is this\r\n\r\n" * 3 + b"Event: A\r\n\r\n" + b"x\r\n\r\n" * 15)[0].event == "A"


def test_a_megabyte_in_segments_is_read_in_linear_time():
    data = b"Event: A\r\n" + b"x: " + b"y" * 60_000 + b"\r\n\r\n"
    data *= 17  # 1 MiB of frames, each just under the cap
    spent = []
    for _ in range(5):
        reader, start = FrameReader(frozenset()), time.thread_time()
        for at in range(0, len(data), 1460):
            reader.feed(data[at : at + 1460])
        spent.append(time.thread_time() - start)
        assert reader.dropped == 17
    assert min(spent) < 0.05  # 2 ms on the machine where it was written; quadratic took 8 s for 4 MiB


# ---- writing


def test_encode_writes_what_it_was_given():
    assert encode("Ping", [("ActionID", "x/1")]) == b"Action: Ping\r\nActionID: x/1\r\n\r\n"
    originate = encode("Originate", [("Channel", "PJSIP/101"), ("Variable", "A=1"), ("Variable", "B=ü")])
    assert originate == "Action: Originate\r\nChannel: PJSIP/101\r\nVariable: A=1\r\nVariable: B=ü\r\n\r\n".encode()


def parse_as_asterisk(data: bytes) -> list[list[tuple[str, str]]]:
    """As Asterisk's get_input does: a line ends at CR LF, and a lone CR or LF is treated as an end as well."""
    actions: list[list[tuple[str, str]]] = [[]]
    for line in re.split(rb"\r\n|\r|\n", data):
        if not line:
            if actions[-1]:
                actions.append([])
            continue
        key, _, value = line.decode().partition(": ")
        actions[-1].append((key, value))
    return [action for action in actions if action]


@given(st.sampled_from(sorted(ACTIONS["Originate"])), st.text(max_size=1100), st.text(max_size=50))
def test_any_text_raises_or_makes_exactly_one_action(key, first, second):
    headers = [(key, first), ("Variable", second)]
    try:
        data = encode("Originate", headers)
    except BadHeader:
        return
    assert parse_as_asterisk(data) == [[("Action", "Originate"), *headers]]
    assert len(data.splitlines()) == len(data.decode().splitlines()) == 4
    assert max(map(len, data.split(b"\r\n"))) <= 1024


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_no_name_or_key_beyond_the_vocabulary(action, key, value):
    try:
        data = encode(action, [(key, value)])
    except BadHeader:
        return
    assert action in ACTIONS
    assert key in ACTIONS[action] | {"ActionID"}
    assert len(parse_as_asterisk(data)) == 1


@pytest.mark.parametrize("char", [*map(chr, range(32)), "\x7f", "\x85", "\u2028", "\u2029"])
def test_every_line_breaking_character_is_refused(char):
    for value in (char, f"a{char}", f"{char}b", f"x{char}Action: Command"):
        with pytest.raises(BadHeader, match="CallerID"):
            encode("Originate", [("CallerID", value)])
        with pytest.raises(BadHeader):
            encode("Originate", [("CallerID" + value, "x")])
        with pytest.raises(BadHeader):
            encode("Originate" + value)


def test_encode_limits():
    with pytest.raises(BadHeader, match="longer than 1024"):
        encode("Originate", [("CallerID", "ü" * 600)])
    with pytest.raises(BadHeader, match="more than 128"):
        encode("Originate", [("Variable", "A=1")] * 128)
    with pytest.raises(BadHeader, match="not valid text"):
        encode("Originate", [("CallerID", "\ud800")])


@pytest.mark.parametrize("name", ["Command", "UserEvent", "Setvar", "AGI", "UpdateConfig", "Redirect", "ping", ""])
def test_dangerous_actions_do_not_exist(name):
    with pytest.raises(BadHeader):
        encode(name)


def test_originate_runs_no_application():
    for key in ("Application", "Data", "PreDialGoSub"):
        with pytest.raises(BadHeader, match="no header"):
            encode("Originate", [(key, "System")])


def test_one_writer():
    source = [path.read_text() for path in Path(__file__).parents[3].glob("pbxcrm/**/*.py") if "demo" not in path.parts]
    ami = [path.read_text() for path in Path(__file__).parents[3].glob("pbxcrm/ami/*.py")]
    assert (
        sum(text.count("transport.write") for text in source) == sum(text.count("transport.write") for text in ami) <= 1
    )
    assert not any('"Command"' in text or '"Application"' in text for text in ami)
