"""What events say of a call beside who is in it: queues, transfers, pickups, parking, voicemail.

Labels, not the truth: they name how a conversation came about once the bridges have shown that it did.
"""

from pbxcrm.calls import events as ev
from pbxcrm.calls.book import Book
from pbxcrm.calls.life import HANDING_OVER, Label, Life
from pbxcrm.calls.people import device_of
from pbxcrm.calls.switch import Owned

_VOICEMAIL = frozenset({"voicemail", "minivmrecord", "minivmgreet"})


class Labels:
    """Handlers of the events that label; each finds its call and notes what was said."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def queue_join(self, e: ev.QueueJoin) -> None:
        if life := self.book.life_of(e.party.uid):
            life.queue, life.said_abandoned = e.queue, False
            life.note(e.at, "QueueCallerJoin", f"the caller waits in queue {e.queue}")

    def queue_leave(self, e: ev.QueueLeave) -> None:
        life = self.book.life_of(e.party.uid)
        if life is None:
            return
        if e.abandoned:
            life.said_abandoned = True
            life.note(e.at, "QueueCallerAbandon", f"the caller left queue {e.queue} unanswered")
        life.queue = ""

    def agent_called(self, e: ev.AgentCalled) -> None:
        channel = self.book.switch.channels.get(e.dest_uid)
        if channel is not None and channel.whose is None:
            device = device_of(e.interface)
            user = self.book.switch.people.of(device)
            channel.member = Owned(user, device) if user else None

    def blind_transfer(self, e: ev.BlindTransfer) -> None:
        life = self.book.life_of(e.transferee_uid) or self.book.talked.get(e.transferer.uid)
        if life is None or not e.success or any(label.kind == "park" for label in life.labels):
            return
        by = self._person(e.transferer)
        life.labels = [Label("blind", e.at, by)]
        life.note(e.at, "BlindTransfer", f"{by or e.transferer.name} sent the call to {e.exten}")

    def attended_transfer(self, e: ev.AttendedTransfer) -> None:
        by = self._person(e.transferer)
        life = next((found for uid in e.uids if (found := self._of_customer(uid))), None)
        life = life or self.book.talked.get(e.transferer.uid)
        if life is None or not e.success:
            return
        life.note(e.at, "AttendedTransfer", f"{by or e.transferer.name} put the two together")
        if not any(t.kind == "attended" and t.by == by and abs(t.at - e.at) <= HANDING_OVER for t in life.transfers):
            label = Label("attended", e.at, by)
            life.labels = [label]
            if by not in life.open:
                life.hand_over(label)

    def _of_customer(self, uid: str) -> Life | None:
        life = self.book.life_of(uid)
        return life if life is not None and life.customer is not None else None

    def _person(self, party: ev.Party) -> str | None:
        channel = self.book.switch.channels.get(party.uid)
        return channel.whose if channel is not None else self.book.switch.people.of(device_of(party.name))

    def pickup(self, e: ev.Pickup) -> None:
        target = self.book.switch.channels.get(e.target_uid)
        life = self.book.legs.get(e.target_uid) or (self.book.life_above(target) if target else None)
        if life is not None:
            by = self._person(e.party)
            life.labels.append(Label("pickup", e.at, by))
            life.note(e.at, "Pickup", f"{by or e.party.name} picked up the call")

    def parked(self, e: ev.Parked) -> None:
        if life := self.book.life_of(e.uid):
            by = self.book.switch.people.of(device_of(e.parker)) or life.latest_user
            life.labels = [Label("park", e.at, by)]
            life.note(e.at, "ParkedCall", f"{by or e.parker} parked the call")

    def parking_over(self, e: ev.ParkingOver) -> None:
        if life := self.book.life_of(e.uid):
            life.labels = []

    def application(self, e: ev.Application) -> None:
        if e.name.casefold() in _VOICEMAIL:
            channel = self.book.switch.channel(e.party)
            for life in self.book.touched(channel):
                anchor = life.anchor
                if anchor is not None and (anchor is channel or channel.local):
                    life.voicemail = True
                    life.note(e.at, e.name, "the caller was sent to voicemail")

    def originated(self, e: ev.Originated) -> None:
        if life := self.book.lives.get(e.uid):
            life.action_id = e.action_id
