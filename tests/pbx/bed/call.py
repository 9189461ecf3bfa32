"""One dialog of one phone: what a person does with a call, and when it happened by this phone's clock."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.pbx.bed import sip
from tests.pbx.bed.media import Media
from tests.pbx.bed.sip import Message
from tests.pbx.bed.wait import until

if TYPE_CHECKING:
    from tests.pbx.bed.phone import Phone

PATIENCE = 10.0  # seconds any single step may take before the scenario is called broken


class PhoneError(AssertionError):
    """A phone saw something else than the scenario expects."""


class Call:
    """One dialog at one phone.

    Times are epoch seconds by this phone's clock, None until it happens: invited, rang, answered, ended. `status` is
    the last SIP status of the INVITE; `ended_here` says whether this side ended it.
    """

    def __init__(self, phone: Phone, call_id: str, *, outgoing: bool, number: str, stamp: int) -> None:
        """`number`: whom the INVITE was for; `stamp`: the sound this side makes."""
        self.phone = phone
        self.id = call_id
        self.outgoing = outgoing
        self.number = number
        self.media = Media(phone.address, stamp)
        self.taken = False
        self.invited: float | None = None
        self.rang: float | None = None
        self.answered: float | None = None
        self.ended: float | None = None
        self.ended_here = False
        self.status = 0
        self.invite = Message()
        self.local = self.remote = self.target = ""
        self.referred: list[str] = []
        self._cseq = 0
        self._sdp_version = 0
        self._last: dict[str, Message] = {}
        self._changed = asyncio.Event()

    # --- waiting ---

    async def until(self, what: str, patience: float = PATIENCE) -> Call:
        """Wait until `rang`, `answered` or `ended` has happened. Raises PhoneError when it cannot any more."""
        try:
            async with asyncio.timeout(patience):
                while getattr(self, what) is None:
                    if self.ended is not None:
                        raise PhoneError(f"{self}: ended with {self.status} before it {what}")
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise PhoneError(f"{self}: not {what} within {patience:g} s") from None
        return self

    async def hears(self, other: Call, patience: float = PATIENCE) -> None:
        """Wait until this side hears the other's sound now: they are truly in one conversation."""
        started, spells = time.time(), self.media.heard
        try:
            await until(lambda: any(last > started for _, last in spells.get(other.media.stamp, [])), patience)
        except TimeoutError:
            raise PhoneError(f"{self} does not hear {other}") from None

    def __str__(self) -> str:
        """For messages: which phone, which number."""
        return f"{self.phone.name} {'->' if self.outgoing else '<-'} {self.number}"

    # --- answering ---

    def ring(self) -> None:
        """180 Ringing."""
        if self.ended is None and self.answered is None:
            self.rang = time.time()
            self.reply(self.invite, 180)

    async def answer(self) -> Call:
        """200 OK; returns when the PBX has acknowledged it."""
        self.reply(self.invite, 200, self.offer("sendrecv"))
        return await self.until("answered")

    def reject(self, status: int = 486) -> None:
        """486 busy, 603 declined, 480 do not disturb, 503 no way through."""
        self.reply(self.invite, status)
        self._end(status, here=True)

    def forward(self, number: str) -> None:
        """302: the caller is to try that number instead."""
        contact = f"<sip:{number}@{self.phone.pbx[0]}:{self.phone.pbx[1]}>"
        self.reply(self.invite, 302, extra=[("contact", contact)])
        self._end(302, here=True)

    # --- during the call ---

    async def hang_up(self) -> None:
        """BYE, or CANCEL while it still rings."""
        if self.ended is not None:
            return
        if self.answered is None and self.outgoing:
            cancel = self.request("CANCEL")
            same = {name: self.invite.get(name) for name in ("via", "to")}
            same["cseq"] = f"{self.invite.cseq[0]} CANCEL"
            cancel.headers = [(name, same.get(name, value)) for name, value in cancel.headers]
            cancel.target = self.invite.target
            self._end(487, here=True)
            self.phone.send(cancel)  # its 200 shares the INVITE's branch and is passed over there
            return
        self._end(200, here=True)
        await self.phone.final(self.request("BYE"))

    async def hold(self) -> None:
        """Put the other side on hold."""
        self.media.sending = False
        await self._reinvite("sendonly")

    async def unhold(self) -> None:
        """Take the other side back."""
        await self._reinvite("sendrecv")
        self.media.sending = True

    async def _reinvite(self, direction: str) -> None:
        invite = self.request("INVITE", body=self.offer(direction))
        answer = await self.phone.final(invite)
        if answer.status != 200:
            raise PhoneError(f"{self}: re-INVITE answered {answer.status}")
        self._ack(invite, answer)

    async def press(self, digits: str) -> None:
        """Press keys."""
        await self.media.digits(digits)

    async def refer(self, number: str) -> None:
        """Blind transfer by REFER, then BYE, as phones do."""
        await self._refer(f"<sip:{number}@{self.phone.pbx[0]}:{self.phone.pbx[1]}>")

    async def refer_to(self, other: Call) -> None:
        """Attended transfer: join this call's other side with that of `other`, a second call of this phone."""
        replaces = f"{other.id};to-tag={sip.tag(other.remote)};from-tag={sip.tag(other.local)}"
        await self._refer(f"<{sip.uri(other.remote)}?Replaces={quote(replaces, safe='')}>")

    async def _refer(self, refer_to: str) -> None:
        extra = [("refer-to", refer_to), ("referred-by", f"<{sip.uri(self.local)}>")]
        answer = await self.phone.final(self.request("REFER", extra=extra))
        if answer.status != 202:
            raise PhoneError(f"{self}: REFER answered {answer.status}")

    async def referral_done(self) -> None:
        """Wait until the PBX reports by NOTIFY that the transfer went through; raises PhoneError when it did not."""
        await until(lambda: any(" 1" not in line[:11] for line in self.referred) or self.ended is not None, PATIENCE)
        if not any(line.startswith("SIP/2.0 2") for line in self.referred):
            raise PhoneError(f"{self}: transfer ended with {self.referred or 'a goodbye'}")

    # --- the dialog ---

    def offer(self, direction: str) -> str:
        """Our SDP."""
        self._sdp_version += 1
        return sip.sdp(self.phone.address, self.media.port, direction, self._sdp_version)

    def request(self, method: str, body: str = "", extra: list[tuple[str, str]] | None = None) -> Message:
        """A request inside this dialog."""
        if method != "ACK":
            self._cseq += 1
        here = f"{self.phone.address}:{self.phone.port}"
        headers = [
            ("via", f"SIP/2.0/UDP {here};rport;branch={sip.token('z9hG4bK')}"),
            ("max-forwards", "70"),
            ("from", self.local),
            ("to", self.remote),
            ("call-id", self.id),
            ("cseq", f"{self._cseq} {method}"),
            ("contact", f"<sip:{self.phone.name}@{here}>"),
            ("allow", "INVITE, ACK, CANCEL, BYE, REFER, NOTIFY, OPTIONS, INFO, UPDATE"),
            ("supported", "replaces"),
            *(extra or []),
        ]
        if body:
            headers.append(("content-type", "application/sdp"))
        return Message(method=method, target=self.target, headers=headers, body=body)

    def reply(self, request: Message, status: int, body: str = "", extra: list[tuple[str, str]] | None = None) -> None:
        """Answer a request of the PBX; the same answer goes out again when the request is repeated."""
        here = f"{self.phone.address}:{self.phone.port}"
        headers = [("contact", f"<sip:{self.phone.name}@{here}>")] if not extra else list(extra)
        if body:
            headers.append(("content-type", "application/sdp"))
        answer = sip.reply(request, status, sip.tag(self.local), headers)
        answer.body = body
        if request.method == "INVITE":
            self.status = status
        self._last[request.branch + request.method] = answer
        self.phone.send(answer)

    def accept_dialog(self, invite: Message) -> None:
        """Take over the dialog's names from an INVITE that came in."""
        self.invite = invite
        self.invited = time.time()
        self.local = f"{invite.get('to')};tag={sip.token()}"
        self.remote = invite.get("from")
        self.target = sip.uri(invite.get("contact"))
        self.media.peer = sip.media_address(invite.body)

    async def follow_invite(self) -> None:
        """Send our INVITE and follow its answers to the end."""
        answers = await self.phone.transact(self.invite)
        while True:
            answer = await answers.get()
            if answer.cseq[1] == "CANCEL" or answer.status == 100:
                continue
            if answer.status < 200:
                self.status = answer.status
                self.remote = answer.get("to")  # the early dialog's tag: a transfer while it rings names it
                if answer.status == 180 and self.rang is None:
                    self.rang = time.time()
                self._changed.set()
                continue
            self._answered_by(answer)
            if answer.status >= 300:
                return

    def _answered_by(self, answer: Message) -> None:
        self.remote = answer.get("to")
        if answer.status == 200:
            self.target = sip.uri(answer.get("contact"))
            self._ack(self.invite, answer)
            if self.answered is None and self.ended is None:
                self.answered = time.time()
                self.status = 200
                self.media.peer = sip.media_address(answer.body)
            elif self.ended is not None and self.answered is None:
                self.phone.spawn(self._bye_late())
        else:
            self._ack(self.invite, answer)
            self._end(answer.status, here=False)
        self._changed.set()

    async def _bye_late(self) -> None:
        await self.phone.final(self.request("BYE"))

    def _ack(self, invite: Message, answer: Message) -> None:
        ack = self.request("ACK")
        if answer.status >= 300:
            ack.target = invite.target
            ack.headers[0] = ("via", invite.get("via"))
        ack.headers = [("cseq", f"{invite.cseq[0]} ACK") if h[0] == "cseq" else h for h in ack.headers]
        ack.headers = [("to", answer.get("to")) if h[0] == "to" else h for h in ack.headers]
        self.phone.send(ack)

    def receive(self, request: Message) -> None:
        """A request of the PBX within this dialog."""
        said = self._last.get(request.branch + request.method)
        if said is not None:
            self.phone.send(said)
        elif request.method == "ACK":
            self._acknowledged(request)
        elif request.method == "CANCEL":
            self.reply(request, 200)
            self.reply(self.invite, 487)
            self._end(487, here=False)
        elif request.method == "BYE":
            self.reply(request, 200)
            self._end(self.status, here=False)
        elif request.method == "INVITE":
            self.media.peer = sip.media_address(request.body) or self.media.peer
            self.target = sip.uri(request.get("contact")) or self.target
            self.reply(request, 200, self.offer(sip.answering_direction(request.body)))
        else:
            if request.method == "NOTIFY" and "refer" in request.get("event"):
                self.referred.append(request.body.strip())
                self._changed.set()
            self.reply(request, 200)

    def _acknowledged(self, ack: Message) -> None:
        if self.answered is None and self.status == 200 and self.ended is None:
            self.answered = time.time()
            self._changed.set()

    def die(self, moment: float) -> None:
        """The PBX is gone: nobody will say goodbye."""
        if self.ended is None:
            self.ended = moment
            self.media.stop()
            self._changed.set()

    def heard_first(self, other: Call, after: float = 0) -> float:
        """When this side first heard the other's sound (after a moment): the start of a talk no signal tells of."""
        return min(first for first, _ in self.media.heard[other.media.stamp] if first >= after)

    def _end(self, status: int, *, here: bool) -> None:
        if self.ended is None:
            self.ended = time.time()
            self.ended_here = here
            self.status = status
            self.media.stop()
            self._changed.set()
