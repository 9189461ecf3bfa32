"""The picture of a recording: true to what is heard, of whatever lies there, for whoever may hear it."""

import io
import math
import struct
import wave
from array import array
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pbxcrm.http.keys import DEPS
from pbxcrm.service import recordings
from pbxcrm.service.waveform import BARS, loudness
from tests.http.bed import House
from tests.http.things import call_of


def wav(samples: list[int], *, width: int = 2, channels: int = 1) -> bytes:
    made = io.BytesIO()
    with wave.open(made, "wb") as sound:
        sound.setparams((channels, width, 8000, 0, "NONE", ""))
        sound.writeframes(array("h", samples).tobytes() if width == 2 else bytes(128 + one for one in samples))
    return made.getvalue()


def tone(seconds: float, loud: int) -> list[int]:
    return [round(loud * math.sin(n / 4)) for n in range(round(8000 * seconds))]


def test_it_is_loud_where_somebody_talks() -> None:
    bars = loudness(io.BytesIO(wav(tone(2, 0) + tone(4, 12_000) + tone(2, 3_000))))
    quarter = BARS // 4
    assert bars[:quarter] == [0] * quarter
    assert min(bars[quarter + 1 : 3 * quarter]) >= 98
    assert {24, 25} >= set(bars[3 * quarter + 1 :])


@pytest.mark.parametrize(("width", "channels", "loud"), [(2, 1, 9000), (2, 2, 9000), (1, 1, 90), (1, 2, 90)])
def test_every_plain_kind(width: int, channels: int, loud: int) -> None:
    silent_then_loud = tone(3, 0) + tone(3, loud)
    bars = loudness(io.BytesIO(wav(silent_then_loud, width=width, channels=channels)))
    assert (max(bars[: BARS // 2]), min(bars[BARS // 2 + 1 :]) >= 95, len(bars)) == (0, True, BARS)


def test_who_talks_on_one_side_only_is_seen() -> None:
    both = [sample for one in tone(60, 9000) for sample in (0, one)]
    assert min(loudness(io.BytesIO(wav(both, channels=2)))) >= 95


def test_silence_is_flat_and_a_moment_is_enough() -> None:
    assert set(loudness(io.BytesIO(wav(tone(5, 40))))) == {0}
    assert len(loudness(io.BytesIO(wav([9000])))) == BARS


def test_what_breaks_off_is_drawn_as_far_as_it_goes() -> None:
    whole = wav(tone(8, 9000))
    assert min(loudness(io.BytesIO(whole[: len(whole) // 2]))) >= 95
    endless = whole[:40] + struct.pack("<I", 0xFFFFFFF0) + whole[44:]
    assert min(loudness(io.BytesIO(endless))) >= 95


@pytest.mark.parametrize("format_tag", [6, 7, 0x31, 0x55])
def test_what_is_compressed_is_left_to_the_browser(format_tag: int) -> None:
    whole = wav(tone(1, 9000))
    assert loudness(io.BytesIO(whole[:20] + struct.pack("<H", format_tag) + whole[22:])) == []


@given(st.binary(max_size=400), st.integers(0, 60), st.binary(max_size=20))
def test_whatever_lies_there_harms_nobody(noise: bytes, at: int, put: bytes) -> None:
    sound = wav(tone(0.01, 9000))
    for data in (noise, b"RIFF" + noise, sound[:at] + put + sound[at + len(put) :], sound[:at]):
        bars = loudness(io.BytesIO(data))
        assert len(bars) in (0, BARS)
        assert all(0 <= bar <= 100 for bar in bars)


@pytest.mark.asyncio
async def test_it_is_for_whoever_may_hear_it(house: House, tmp_path: Path) -> None:
    app = house.server.app
    app._state[DEPS] = replace(app[DEPS], recordings=tmp_path)
    (tmp_path / "talk.wav").write_bytes(wav(tone(1, 9000)))
    (tmp_path / "talk.mp3").write_bytes(b"ID3")
    plain = await call_of(house.db, house.people["alice"], "1795000000.12", "+48601234567")
    other = await call_of(house.db, house.people["alice"], "1795000000.13", "+48601234567")
    await recordings.keep(house.db, plain, "talk.wav")
    await recordings.keep(house.db, other, "talk.mp3")
    for who in ("alice", "mona"):
        answer = await house.ask("GET", f"/calls/{plain}/waveform.svg", who)
        assert (answer.status, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
        assert (await answer.text()).count("v32") > BARS * 0.9
    assert ' width="1" ' in await (await house.ask("GET", f"/calls/{other}/waveform.svg", "alice")).text()
    for who in ("bob", "charlie"):
        assert (await house.ask("GET", f"/calls/{plain}/waveform.svg", who)).status == 404
    (tmp_path / "talk.wav").unlink()
    assert (await house.ask("GET", f"/calls/{plain}/waveform.svg", "alice")).status == 404
