"""Coming up: greeting, login, boot, snapshot; and every way in which that fails, each with one clear line."""

import asyncio
import ssl
from pathlib import Path

import pytest

from pbxcrm.ami.link import LinkConfig
from tests.fakes.ami import FakeAmi, channel, fake_ami, header, until
from tests.link.conftest import quick, running

pytestmark = pytest.mark.asyncio


async def test_comes_up_with_boot_and_snapshot_in_order():
    alive = [channel("PJSIP/101-1", "1.1"), channel("PJSIP/t-2", "1.2", "1.1")]
    async with fake_ami(channels=alive) as fake, running(fake) as h:
        await h.up()
        await fake.event("Newchannel", Channel="PJSIP/102-3")
        await h.saw("Newchannel")
        assert h.names == [
                "PbxcrmLinkUp", "PbxcrmSnapshotBegin", "CoreShowChannel", "CoreShowChannel", "PbxcrmSnapshotEnd",
                "Newchannel",
            ]  # fmt: skip
        up, begin, *_ = h.frames
        assert (up["boot"], up["version"]) == ("2026-11-21T08:00:00", "22.0.0")
        assert up["banner"] == "Asterisk Call Manager/11.0.0"
        assert begin["boot"] == up["boot"]
        assert h.frames[4]["listed"] == "yes"
        assert h.batches[0].dirty
        assert [s.up for s in h.states] == [True]
        assert h.link.state.up


async def test_logs_in_by_challenge_and_never_says_the_secret(caplog):
    caplog.set_level("DEBUG")
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        assert header(fake.actions("Login")[0], "AuthType") == "MD5"
        assert not any("Secret" in dict(action) for action in fake.seen)
        assert fake.secret not in repr(h.link.config)
        assert fake.secret not in repr(vars(h.link))
        assert fake.secret not in caplog.text


async def test_plain_login_only_where_nobody_listens(monkeypatch, warnings_of):
    async with fake_ami(refused={"Challenge"}) as fake:
        async with running(fake) as h:  # loopback
            await h.up()
            assert header(fake.actions("Login")[0], "Secret") == fake.secret
        fake.seen.clear()
        monkeypatch.setattr("pbxcrm.ami.session.Session._is_private", lambda self: False)
        async with running(fake) as h:
            await until(lambda: h.states)
            assert h.link.state.kind == "login"
            assert "use TLS" in h.link.state.reason
            assert fake.actions("Login") == []


async def test_wrong_secret_is_one_line_that_says_what_to_do_and_no_hammering(warnings_of, caplog):
    async with fake_ami() as fake, running(fake, secret="wrong-canary", backoff_first=0.001, backoff_max=0.2) as h:
        await until(lambda: len(fake.actions("Login")) >= 3)
        (line,) = warnings_of()
        assert "refused the AMI user 'crm' (Authentication failed)" in line
        assert "PBXCRM_AMI_SECRET" in line
        assert "manager.conf" in line
        assert "wrong-canary" not in caplog.text
        assert h.link.state.kind == "login"
        gaps = [b - a for a, b in zip(fake.accepted, fake.accepted[1:], strict=False)]
        assert min(gaps) >= 0.1  # the longest pause at once, less its jitter
        assert len(h.states) == 1


async def test_refused_connection_is_one_line_and_the_link_comes_when_asterisk_does(warnings_of):
    async with fake_ami() as fake:
        await fake.stop()
        async with running(fake) as h:
            await until(lambda: h.states)
            assert h.link.state.kind == "refused"
            assert "nothing listens on 127.0.0.1" in h.link.state.reason
            await fake.start()
            await h.up()
            assert len(warnings_of()) == 1
            assert [s.up for s in h.states] == [False, True]


async def test_pauses_grow_and_are_bounded():
    async with fake_ami() as fake:
        await fake.stop()
        async with running(fake, backoff_first=1, backoff_max=8) as h:
            await until(lambda: h.states)
            link = h.link
            link._failures = 0
            trouble = type("T", (), {"kind": "refused"})()
            pauses = [link._pause(trouble, 0) for _ in range(40)]
            for n, pause in enumerate(pauses):
                assert min(8, 2**n) / 2 <= pause <= min(8, 2**n)
            assert len(set(pauses[3:])) > 30  # jitter
            assert link._pause(trouble, 100) <= 1  # a link that lasted starts anew


async def test_another_service_on_the_port(warnings_of):
    async with fake_ami(banner=b"SSH-2.0-OpenSSH_9.2\r\n") as fake, running(fake) as h:
        await until(lambda: h.states)
        assert h.link.state.kind == "not-ami"
        assert "SSH-2.0-OpenSSH_9.2" in warnings_of()[0]
        assert fake.seen == []


async def test_garbage_before_the_greeting(warnings_of):
    async with fake_ami(banner=b"\x00\xff" * 5000) as fake, running(fake) as h:
        await until(lambda: h.states)
        assert h.link.state.kind == "garbage"
        assert "not AMI" in warnings_of()[0]


async def test_no_greeting_and_closed_without_greeting():
    async with fake_ami(banner=b"") as fake, running(fake, connect_timeout=0.05) as h:
        await until(lambda: h.states)
        assert h.link.state.kind == "not-ami"

    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    fake = FakeAmi()
    fake.port = server.sockets[0].getsockname()[1]
    async with server, running(fake) as h:
        await until(lambda: h.states)
        assert "authlimit" in h.link.state.reason


async def test_login_that_is_never_answered():
    async with fake_ami(ignored={"Login"}) as fake, running(fake, action_timeout=0.05) as h:
        await until(lambda: h.states)
        assert (h.link.state.kind, "did not answer the login" in h.link.state.reason) == ("silent", True)


async def test_a_user_without_reporting_still_gets_events(warnings_of):
    async with fake_ami(refused={"CoreStatus", "CoreSettings", "CoreShowChannels"}) as fake, running(fake) as h:
        await h.up()
        assert h.names == ["PbxcrmLinkUp", "PbxcrmSnapshotBegin", "PbxcrmSnapshotEnd"]
        assert h.frames[2]["listed"] == "no"
        assert h.frames[0]["boot"] == ""
        (line,) = warnings_of()
        assert "Add `reporting` to its `write`" in line
        await fake.event("Hangup")
        await h.saw("Hangup")
        fake.drop()
        await h.up(2)
        assert sum("reporting" in line for line in warnings_of()) == 1


async def test_a_manager_that_knows_only_login_and_ping():
    """A proxy before Asterisk, say: what it does not answer is done without, and calls are followed all the same."""
    deaf = {"Challenge", "CoreStatus", "CoreSettings", "CoreShowChannels", "Events"}
    async with fake_ami(ignored=deaf) as fake, running(fake, action_timeout=0.05) as h:
        await h.up()
        for connection in fake.connections:
            connection.events = True
        await fake.event("Newchannel", Channel="PJSIP/102-3")
        await h.saw("Newchannel")
        assert h.frames[1]["listed"] == "no"
        assert [s.up for s in h.states] == [True]


async def test_events_action_without_an_answer():
    async with fake_ami() as fake:

        async def mute(connection, action):
            connection.events = True

        fake.on["Events"] = mute
        async with running(fake) as h:
            await h.up()
            await fake.event("Hangup")
            await h.saw("Hangup")


async def test_fully_booted_after_the_snapshot_asks_again():
    async with fake_ami() as fake, running(fake) as h:
        await h.up()
        fake.channels = [channel("PJSIP/101-1", "1.1")]
        await fake.event("FullyBooted", Uptime="1")
        await h.up(2)
        assert h.names[3:] == ["FullyBooted", "PbxcrmSnapshotBegin", "CoreShowChannel", "PbxcrmSnapshotEnd"]


async def test_tls_and_a_certificate_that_nobody_signed(warnings_of):
    cert = Path(__file__).parents[1] / "fakes" / "tls.pem"  # for 127.0.0.1, signed by itself, for tests alone
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(cert)
    async with fake_ami(tls=server) as fake:
        async with running(fake, tls=ssl.create_default_context(cafile=str(cert))) as h:
            await h.up()
        async with running(fake, tls=True) as h:
            await until(lambda: h.states)
            assert h.link.state.kind == "tls"
            assert "certificate" in warnings_of()[-1]
        async with running(fake, connect_timeout=0.3) as h:  # plain text to a TLS port
            await until(lambda: h.states)
            assert h.link.state.kind in {"closed", "not-ami"}


async def test_a_name_that_does_not_resolve_and_a_user_name_that_cannot_be_sent():
    async with fake_ami() as fake:
        async with running(fake, host="no..such..host") as h:
            await until(lambda: h.states)
            assert h.link.state.kind == "unreachable"
        async with running(fake, username="crm\r\nAction: Command") as h:
            await until(lambda: h.states)
            assert "control character" in h.link.state.reason
            assert fake.actions("Command") == fake.actions("Login") == []


async def test_config_checks_itself():
    with pytest.raises(ValueError, match="ping_every"):
        LinkConfig("h", 1, "u", "s", ping_every=30)
    assert LinkConfig("::1", 5038, "u", "s").address == "[::1]:5038"
    assert "canary" not in repr(quick(FakeAmi()))
