"""The composition root: settings become rooms, rooms become one running process. Knows everything, does little."""

import asyncio
import contextlib
import errno
import logging
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from aiohttp import web

from pbxcrm import notify
from pbxcrm.ami.agi import AgiServer, Question
from pbxcrm.ami.link import Link, LinkConfig, LinkState
from pbxcrm.calls import events
from pbxcrm.calls.people import People
from pbxcrm.calls.tracker import Tracker
from pbxcrm.crm.access import SYSTEM
from pbxcrm.crm.dialling import DialPolicy
from pbxcrm.crm.rules import Rules
from pbxcrm.demo import start as demo_start
from pbxcrm.follow import Follower
from pbxcrm.history.choose import source
from pbxcrm.history.errors import SourceError
from pbxcrm.history.sources import Kind
from pbxcrm.hooks.outbox import Outbox
from pbxcrm.hooks.sender import Sender
from pbxcrm.http import server
from pbxcrm.http.keys import Deps, HttpSettings
from pbxcrm.live.hub import Hub
from pbxcrm.recorder import Recorder
from pbxcrm.service import history, reading, retention
from pbxcrm.service import link as link_service
from pbxcrm.service import people as people_service
from pbxcrm.service.caller import Callers
from pbxcrm.service.dial import Dialler
from pbxcrm.service.errors import Unavailable
from pbxcrm.service.import_work import Importer
from pbxcrm.service.intake import Intake
from pbxcrm.service.lead_scores import Scores
from pbxcrm.service.reminders import Reminders
from pbxcrm.settings import Settings, WrongSetting, exposed, hours
from pbxcrm.spool import Spool
from pbxcrm.standby import Standby, open_spool, spool_path
from pbxcrm.store.db import Database
from pbxcrm.store.errors import DatabaseUnusable
from pbxcrm.store.migrations import migrate
from pbxcrm.witness import Witness

log = logging.getLogger("pbxcrm")

_RETRY = 1.0  # seconds between two tries while the database is away


@dataclass(slots=True)
class Running:
    """A process that serves: where, and how it is stopped."""

    url: str
    link: Link
    db: Database
    stop: asyncio.Event


async def open_database(settings: Settings) -> Database:
    """The database at its newest schema. Raises DatabaseUnusable."""
    db = Database(settings.database_url, region=settings.region)
    try:
        await migrate(db)
    except BaseException:
        await db.close()
        raise
    return db


def link_config(settings: Settings) -> LinkConfig:
    """How to reach the PBX. Raises WrongSetting when the TLS certificate file cannot be used."""
    tls: bool | ssl.SSLContext = settings.ami_tls
    if settings.ami_tls and settings.ami_tls_ca:
        try:
            tls = ssl.create_default_context(cafile=settings.ami_tls_ca)
        except ssl.SSLError as error:
            raise WrongSetting(
                f"PBXCRM_AMI_TLS_CA names {settings.ami_tls_ca}, which is no PEM file: {error}"
            ) from None
    return LinkConfig(
        host=settings.ami_host,
        port=settings.ami_port,
        username=settings.ami_username,
        secret=settings.ami_secret,
        tls=tls,
        wanted=events.WANTED | {"VarSet"} if settings.recordings or settings.caller_verified else events.WANTED,
    )


def dial_policy(settings: Settings) -> DialPolicy:
    """What click-to-call may dial."""
    return DialPolicy(
        region=settings.region,
        prefixes=settings.dial_prefixes,
        denied=settings.dial_denied,
        per_minute=settings.dial_per_minute,
        per_day=settings.dial_per_day,
        per_live=settings.dial_live,
        all_minute=settings.dial_per_minute_all,
        all_day=settings.dial_per_day_all,
        all_live=settings.dial_live_all,
        hours=hours(settings.dial_hours)[0],
        confirm=settings.dial_confirm,
    )


def keep(settings: Settings) -> dict[str, int]:
    """How many days what is kept."""
    return {
        "journal": settings.keep_journal_days,
        "calls": settings.keep_calls_days,
        "dials": settings.keep_calls_days,
        "audit": settings.keep_audit_days,
        "imports": settings.keep_imports_days,
        "recordings": settings.keep_recordings_days,
        "documents": settings.keep_documents_days,
    }


def recordings_folder(settings: Settings) -> Path | None:
    """Where the PBX's recordings are, if they are anywhere."""
    return Path(settings.recordings) if settings.recordings else None


def documents_folder(settings: Settings, db: Database) -> Path:
    """Where the documents are that people bring."""
    return Path(settings.documents) if settings.documents else spool_path(settings, db).parent / "documents"


def rules(settings: Settings) -> Rules:
    """What calls do to the pipeline."""
    return Rules(
        deal_when_answered=settings.deal_when_answered,
        deal_when_missed=settings.deal_when_missed,
        deal_when_dialled=settings.deal_when_dialled,
        deal_for_leads=settings.deal_for_leads,
        owner="last" if settings.deal_owner == "LAST" else "first",
        operators_pass_on=settings.operators_pass_on,
        callback_within=settings.callback_minutes * 60,
        history_recent=settings.history_recent_hours * 3600,
        history_callback=settings.history_callback_days * 86_400,
    )


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """Everything, from the database to the listening socket; leaving stops it all in under a second.

    Raises WrongSetting and DatabaseUnusable before anything listens.
    """
    async with contextlib.AsyncExitStack() as stack:
        db = Database(settings.database_url, region=settings.region)
        stack.push_async_callback(db.close)
        path = spool_path(settings, db)
        used_before = path.exists()
        if settings.demo or not used_before:
            await migrate(db)
        spool = open_spool(path, settings)
        if spool is not None:
            stack.callback(spool.close)
        config = await _pbx(settings, db, stack)
        states: asyncio.Queue[LinkState] = asyncio.Queue()
        link = Link(config, on_state=states.put_nowait)
        tracker = Tracker(People(()), pbx=settings.pbx_name, region=settings.region)
        intake = Intake(db, rules(settings))
        follower = Follower(link, tracker, intake.apply, spool)
        standby = Standby(settings, db, tracker, follower)
        await standby.now(wait=used_before and spool is not None)
        hub = Hub(db)
        dialler = Dialler(
            db,
            link.originate,
            dial_policy(settings),
            link_up=lambda: link.state.up,
            context=settings.dial_context,
            zone=hours(settings.dial_hours)[1],
        )
        recorder = _recorder(settings, db, hub, follower)
        app = server.build(_deps(settings, db, hub, dialler, link, follower))
        runner = server.runner(app)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        outbox = await stack.enter_async_context(Outbox(settings.webhook_hosts))
        if settings.agi_port:
            stack.push_async_callback((await _lookups(settings, db)).close)
        tasks = await stack.enter_async_context(_Tasks())
        tasks.start(link.run(), follower.read(), standby.later(), _resync(standby, link))
        tasks.start(*(_then(standby, task) for task in (
            follower.write,
            hub.run,
            partial(_tell_states, db, settings.pbx_name, states),
            partial(_look, db, settings.pbx_name, link, follower),
            partial(_follow_people, db, hub, tracker),
            partial(_beside, settings, db, hub, db.clock(), spool),
            Sender(db, outbox.post).run,
            Importer(db).run,
            Reminders(db).run,
            Scores(db).run,
            partial(retention.daily, db, keep(settings), recordings_folder(settings), documents_folder(settings, db)),
        )))  # fmt: skip
        if recorder is not None:
            tasks.start(_then(standby, recorder.run))
        await web.TCPSite(runner, settings.http_host, settings.http_port).start()
        stack.push_async_callback(server.leave, runner)
        url = _url(runner)
        log.info("pbxcrm serves on %s", url)
        tasks.start(notify.keep_alive())
        notify.tell("READY=1")
        yield Running(url, link, db, tasks.failed)
        notify.tell("STOPPING=1")


async def _then(standby: Standby, task: Callable[[], Coroutine[None, None, None]]) -> None:
    await standby.ready.wait()
    await task()


async def _resync(standby: Standby, link: Link) -> None:
    """Where not all could be put by while the database was away, ask the PBX anew what lives."""
    await standby.ready.wait()
    if not standby.whole:
        link.resync()


def _recorder(settings: Settings, db: Database, hub: Hub, follower: Follower) -> Recorder | None:
    """Whoever finds the recordings, where there is a folder of them."""
    if not settings.recordings:
        return None
    recorder = Recorder(db, hub, Path(settings.recordings))
    follower.also = recorder.notice
    return recorder


async def _lookups(settings: Settings, db: Database) -> AgiServer:
    """Where the dialplan asks who calls. Raises WrongSetting when nobody can listen there."""
    callers = Callers(db)

    async def name(question: Question) -> dict[str, str]:
        return {"PBXCRM_NAME": (await callers.find(_asked(question))).name}

    async def owner(question: Question) -> dict[str, str]:
        return {"PBXCRM_OWNER": (await callers.find(_asked(question))).device}

    agi = AgiServer({"caller": name, "owner": owner}, settings.agi_peers)
    try:
        port = await agi.start(settings.agi_host, settings.agi_port)
    except OSError as error:
        raise WrongSetting(
            f"Cannot listen on PBXCRM_AGI_HOST {settings.agi_host}, PBXCRM_AGI_PORT {settings.agi_port}: "
            f"{error.strerror}. Nothing was started."
        ) from None
    log.info("the PBX may ask who calls at agi://%s:%d", settings.agi_host, port)
    return agi


def _asked(question: Question) -> str:
    """The number that is asked for: what the dialplan gave, else the caller's."""
    return question.arguments[0] if question.arguments else question.values.get("agi_callerid", "")


async def _pbx(settings: Settings, db: Database, stack: contextlib.AsyncExitStack) -> LinkConfig:
    """The PBX that was configured, or the demo PBX on a free loopback port."""
    if not settings.demo:
        return link_config(settings)
    demo = await demo_start(db, settings)
    stack.push_async_callback(demo.close)
    return replace(demo.config, wanted=events.WANTED)


def _deps(settings: Settings, db: Database, hub: Hub, dialler: Dialler, link: Link, follower: Follower) -> Deps:
    return Deps(
        db=db,
        hub=hub,
        dialler=dialler,
        link_state=lambda: link.state,
        settings=HttpSettings(
            secure=settings.http_secure,
            hosts=settings.http_hosts,
            trusted_proxies=settings.http_trusted_proxies,
        ),
        demo=settings.demo,
        recordings=recordings_folder(settings),
        documents=documents_folder(settings, db),
        house_name=settings.house_name,
        latency=follower.latency,
        skew=lambda: link.skew,
        gauges=lambda: {**follower.gauges(), "pbxcrm_link_clock_ahead_seconds": link.skew or 0.0},
    )


def _url(runner: web.AppRunner) -> str:
    host, port = runner.addresses[0][:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Tasks:
    """The long tasks. One that ends with an error stops the process: a half-alive CRM is worse than a restart."""

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, *coroutines: Coroutine[None, None, None]) -> None:
        for coroutine in coroutines:
            task = asyncio.create_task(coroutine)
            task.add_done_callback(self._done)
            self._tasks.append(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.critical("pbxcrm stops: a part of it failed. What is stored is safe.", exc_info=error)
            self.failed.set()

    async def __aenter__(self) -> "_Tasks":
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _tell_states(db: Database, pbx: str, states: "asyncio.Queue[LinkState]") -> None:
    """Link up, link down: journalled, so that every board shows it. While the database is away the latest waits."""
    while True:
        state = await states.get()
        while not await _noted(db, pbx, state):
            await asyncio.sleep(_RETRY)
            while not states.empty():
                state = states.get_nowait()


async def _noted(db: Database, pbx: str, state: LinkState) -> bool:
    try:
        await link_service.changed(db, pbx, state.up, state.since, state.reason)
    except Unavailable:
        return False
    return True


async def _look(db: Database, pbx: str, link: Link, follower: Follower) -> None:
    """While the database is away and no fact waits that would find out: is it back? Tells the link's state anew."""
    while True:
        await asyncio.sleep(_RETRY)
        if not db.presence.up and not follower.backlog:
            await _noted(db, pbx, link.state)


async def _follow_people(db: Database, hub: Hub, tracker: Tracker | Witness) -> None:
    """Who owns which device, anew whenever somebody changes it: also by the command line while this process runs."""
    while True:
        with contextlib.suppress(Unavailable, DatabaseUnusable):
            after = await hub.newest()
            tracker.set_people(People(await people_service.devices(db)))
            async for row in hub.subscribe(SYSTEM, after):
                if str(row["kind"]).startswith(("user.", "device.")):
                    tracker.set_people(People(await people_service.devices(db)))
        await asyncio.sleep(_RETRY)


async def _beside(settings: Settings, db: Database, hub: Hub, started: float, spool: Spool | None) -> None:
    """What the PBX writes into CEL, else CDR, where set: whatever we missed comes in, from before we `started` on."""
    if not (settings.cel or settings.cdr) or settings.demo:
        return
    kind: Kind = "cel" if settings.cel else "cdr"
    where, columns = (settings.cel or settings.cdr), (settings.cel_columns if settings.cel else settings.cdr_columns)
    try:
        found = source(kind, where, settings.history_zone, columns)
    except SourceError as error:
        log.error("PBXCRM_%s cannot be used: %s Calls are followed all the same.", kind.upper(), error)  # noqa: TRY400
        return
    witness = Witness(
        found,
        People(await people_service.devices(db)),
        partial(history.apply, db, source=kind, rules=rules(settings), monitor=recordings_folder(settings)),
        pbx=settings.pbx_name,
        region=settings.region,
        since=await reading.last_heard(db, started) or started,
        clock=db.clock,
        spool=spool,
    )
    await asyncio.gather(witness.run(), _follow_people(db, hub, witness))


async def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; gives the exit status. Errors of start-up are one clear line each."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    for what in exposed():
        log.warning("%s, which others on this machine may read: make it its owner's alone (chmod 600).", what)
    try:
        async with running(settings) as process:
            waits = [asyncio.ensure_future(event.wait()) for event in (stop, process.stop)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
            began, status = loop.time(), int(process.stop.is_set())
        log.info("pbxcrm stopped, in %.2f s", loop.time() - began)
        return status  # noqa: TRY300 - what could fail is all above
    except (WrongSetting, DatabaseUnusable) as error:
        log.error("%s", error)  # noqa: TRY400 - a person reads this, a traceback would hide it
    except OSError as error:
        if error.errno not in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            raise
        log.error(  # noqa: TRY400
            "Cannot serve on %s:%d: %s. Nothing was started. Stop the program that has the port, or choose another "
            "with PBXCRM_HTTP_HOST and PBXCRM_HTTP_PORT.",
            settings.http_host,
            settings.http_port,
            error.strerror,
        )
    return 1
