"""`record`: the bytes as they came, their times, and a clean end."""

import asyncio
import itertools
import os
import signal

import pytest

from pbxcrm.ami.errors import AmiError, LinkDown
from pbxcrm.ami.frames import FrameReader
from pbxcrm.ami.record import record
from pbxcrm.replay import read_index
from tests.fakes.ami import fake_ami, until
from tests.link.conftest import quick

pytestmark = pytest.mark.asyncio


async def ended(task: "asyncio.Task[int]") -> int:
    """End a recording as Ctrl-C does."""
    os.kill(os.getpid(), signal.SIGINT)
    return await task


async def test_the_bytes_as_they_came_with_their_times(tmp_path):
    path = tmp_path / "a.ami"
    async with fake_ami() as fake:
        task = asyncio.create_task(record(quick(fake), path, anonymous=False))
        await until(lambda: fake.live and fake.actions("Ping"))
        await fake.event("VarSet", Value="+49 30 123456 Иван")  # wanted by nobody, and recorded all the same
        await until(lambda: path.exists())
        written = await ended(task)
        data = path.read_bytes()
        assert len(data) == written
        assert data.startswith(b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\n")
        assert "Value: +49 30 123456 Иван\r\n".encode() in data
        assert fake.secret.encode() not in data
        index = read_index(tmp_path / "a.ami.index")
        assert index[0][0] == 0
        assert all(a < b and s <= t for (a, s), (b, t) in itertools.pairwise(index))
        assert index[-1][0] < written


async def test_a_disguise_by_default_and_a_seam_where_the_link_was_lost(tmp_path):
    path = tmp_path / "a.ami"
    async with fake_ami() as fake:
        task = asyncio.create_task(record(quick(fake), path))
        await until(lambda: fake.live)
        await fake.event("Newchannel", CallerIDNum="+4930123456", CallerIDName="Erika Muster", Uniqueid="1790000000.1")
        await fake.send(b"Event: Newchannel\r\nCallerIDName: Erika Mus")
        await until(lambda: fake.actions("Ping"))
        fake.drop()
        await until(lambda: len(fake.actions("CoreShowChannels")) == 2)
        await fake.event("Hangup", Uniqueid="1790000000.1")
        await until(lambda: fake.actions("Ping"))
        count = len(fake.actions("Ping"))
        await until(lambda: len(fake.actions("Ping")) > count + 1)
        await ended(task)
    data = path.read_bytes()
    assert b"Erika Muster" not in data
    assert b"123456\r" not in data
    events = [f.event for f in FrameReader(None).feed(data) if f.event and "CoreShow" not in f.event]
    assert events == ["Newchannel", "Newchannel", "Hangup"]


async def test_for_so_many_seconds(tmp_path):
    async with fake_ami() as fake:
        assert await record(quick(fake), tmp_path / "a.ami", seconds=0.3) > 100


@pytest.mark.parametrize(("change", "says"), [({"secret": "x"}, "PBXCRM_AMI_SECRET"), ({"port": 1}, "nothing listens")])
async def test_a_first_connection_that_waiting_does_not_mend(tmp_path, change, says):
    async with fake_ami() as fake:
        with pytest.raises(LinkDown, match=says):
            await record(quick(fake, **change), tmp_path / "a.ami")


async def test_a_file_that_cannot_be_written(tmp_path):
    async with fake_ami() as fake:
        with pytest.raises(AmiError, match=r"cannot be written: .*Nothing was recorded"):
            await record(quick(fake), tmp_path / "missing" / "a.ami")
        assert fake.seen == []
