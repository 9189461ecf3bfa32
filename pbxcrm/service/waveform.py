"""How loud a recording is over its length: what its picture is drawn of.

WAV of plain samples (PCM, 8 or 16 bits: what MixMonitor writes for `wav`) is read here; of what else there is (mp3,
ogg, compressed WAV) the browser makes the picture when it is played, for it can decode it.
"""

import os
import sys
import wave
from array import array
from itertools import pairwise
from typing import BinaryIO

BARS = 160
_LOOKED_AT = 2000  # samples of each bar: a second in four of a long talk, and all of a short one
_QUIET = 0.01  # of full scale: a recording in which nobody is louder is drawn as silence


def loudness(file: BinaryIO) -> list[int]:
    """How loud, 0 to 100, each of BARS equal parts is, the loudest being 100; empty of what is read elsewhere.

    A recording that breaks off is drawn as far as it goes.
    """
    try:
        with wave.open(file) as sound:
            start, end = file.tell(), file.seek(0, os.SEEK_END)
            file.seek(start)
            return _drawn(sound, (end - start) // (sound.getnchannels() * sound.getsampwidth()))
    except (wave.Error, EOFError, RuntimeError):  # RuntimeError: a chunk's length leads nowhere
        return []


def _drawn(sound: wave.Wave_read, there: int) -> list[int]:
    frames, width = min(sound.getnframes(), there), sound.getsampwidth()
    if frames < 1 or width not in (1, 2):
        return []
    edges = [frames * bar // BARS for bar in range(BARS + 1)]
    peaks = [_peak(sound.readframes(stop - start), width) for start, stop in pairwise(edges)]
    loudest = max(peaks)
    return [round(100 * peak / loudest) if loudest >= _QUIET else 0 for peak in peaks]


def _peak(data: bytes, width: int) -> float:
    """The loudest sample, of full scale."""
    if width == 1:  # without a sign, around 128
        samples = array("h", (byte - 128 for byte in data[:: _step(len(data))]))
        return max(map(abs, samples), default=0) / 128
    samples = array("h")
    samples.frombytes(data[: len(data) - len(data) % 2])
    if sys.byteorder == "big":
        samples.byteswap()
    return max(map(abs, samples[:: _step(len(samples))]), default=0) / 32768


def _step(samples: int) -> int:
    return max(1, samples // _LOOKED_AT) | 1  # odd: of two channels both are looked at
