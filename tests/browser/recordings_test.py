"""A recording on its deal: heard to its end, and the picture that leads into it."""

import re
import struct
from typing import Any

import pytest
from playwright.async_api import expect

from pbxcrm.service import moves, recordings
from tests.browser.conftest import Open
from tests.browser.world import World

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]


async def a_talk(firm: World, sound: bytes) -> dict[str, Any]:
    """A deal of Maria's with a call that was recorded; gives the deal."""
    deal = await firm.deal("maria", title="Trial", number="+48221234599")
    call = firm.call("+48221234599")
    await call.rings("maria")
    await call.answered("maria")
    told = await call.ended()
    (firm.recordings / "call.wav").write_bytes(sound)
    await recordings.keep(firm.db, told.id, "call.wav")
    return deal


def minute(*, silent: int = 30, format_tag: int = 1) -> bytes:
    """A WAV file of a minute, 8 bits a sample, of which the first seconds are silent."""
    nothing, loud = {1: (b"\x80", b"\xf0\x10"), 6: (b"\xd5", b"\x2a\xaa")}[format_tag]
    data = nothing * 8000 * silent + loud * 4000 * (60 - silent)
    head = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, format_tag, 1, 8000, 8000, 1, 8, b"data", len(data))
    return b"RIFF" + struct.pack("<I", 4 + len(head) + len(data)) + b"WAVE" + head + data


async def test_a_recording_is_heard_to_its_end(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute())
    page = await open_page("maria", "/board")
    await page.locator(f"#deal-{deal['id']} .title").click()
    audio = page.locator("#side audio")
    await audio.evaluate("one => one.play()")
    await moves.move(firm.db, firm.scopes["anna"], deal["id"], firm.stages["Offer"], deal["version"])
    await expect(page.locator(f'.col[data-stage="{firm.stages["Offer"]}"] .card')).to_have_count(1)
    assert await audio.evaluate("one => !one.paused")
    await audio.evaluate("one => one.pause()")
    await expect(page.locator('#side .stages [aria-current="step"]')).to_have_text("Offer")


async def test_a_recordings_picture_leads_into_it(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute())
    page = await open_page("maria", f"/deals/{deal['id']}")
    picture = page.locator(".wave img")
    await expect(picture).to_have_js_property("naturalWidth", 640)
    await picture.scroll_into_view_if_needed()
    box = await picture.bounding_box()
    assert box
    await picture.click(position={"x": box["width"] * 0.75, "y": 10})
    audio = page.locator("audio")
    await expect(page.locator(".wave i")).to_have_attribute("style", re.compile(r"inline-size: [789]\d"))
    assert 44 < float(await audio.evaluate("one => one.currentTime")) < 60
    assert await audio.evaluate("one => !one.paused")
    await page.get_by_label("Speed").select_option("2")
    assert await audio.evaluate("one => one.playbackRate") == 2


async def test_what_the_server_cannot_draw_the_browser_does(firm: World, open_page: Open) -> None:
    deal = await a_talk(firm, minute(format_tag=6))  # A-law
    page = await open_page("maria", f"/deals/{deal['id']}")
    await expect(page.locator(".wave img")).to_have_js_property("naturalWidth", 1)
    await page.locator("audio").evaluate("one => one.play()")
    drawn = page.locator(".wave canvas")
    await expect(drawn).to_have_count(1)
    line = await drawn.evaluate("one => [...one.getContext('2d').getImageData(0, 2, 640, 1).data]")
    assert (line[4 * 42 + 3], line[4 * 602 + 3]) == (0, 255)  # nothing, then something
