"""Years of an office as its PBX's CDR has them: row by row, in the order Asterisk writes them (as calls end).

Callers call again, groups and queues ring several phones, calls are passed on with and without asking, menus are given
up, some callers withhold their number; eight of a hundred callers are missed. No two runs differ: the seed decides.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime

Row = dict[str, str]
COLUMNS = (
    "accountcode", "src", "dst", "dcontext", "clid", "channel", "dstchannel", "lastapp", "lastdata", "start", "answer",
    "end", "duration", "billsec", "disposition", "amaflags", "uniqueid", "userfield", "peeraccount", "linkedid",
    "sequence",
)  # fmt: skip
PHONES = [f"{n}" for n in range(101, 121)]
DIDS = [f"+4822333440{n}" for n in range(6)]
BEGIN = 1_640_995_200.0  # 2022-01-01T00:00:00Z
WORKDAY = (8 * 3600, 10 * 3600)  # from eight, for ten hours


class Years:
    """`calls_a_day` on weekdays, a tenth of it at weekends."""

    def __init__(self, seed: int = 1, callers: int = 60_000, calls_a_day: int = 400) -> None:
        self._rng = random.Random(seed)
        self._callers = callers
        self._a_day = calls_a_day
        self._channel = 0
        self._sequence = 0

    def rows(self, count: int) -> Iterator[Row]:
        """So many rows."""
        day = 0
        while count > 0:
            weekend = datetime.fromtimestamp(BEGIN + day * 86_400, UTC).weekday() >= 5
            found = []
            for _ in range(self._a_day // 10 if weekend else self._a_day):
                at = BEGIN + day * 86_400 + WORKDAY[0] + int(self._rng.random() * WORKDAY[1])
                found += self._call(at)
            found.sort(key=lambda row: row["end"])
            yield from found[:count]
            count -= len(found)
            day += 1

    # ---- calls

    def _call(self, at: float) -> list[Row]:
        kind = self._rng.random()
        if kind < 0.30:
            return self._outbound(at)
        if kind < 0.36:
            return self._internal(at)
        if kind < 0.60:
            return self._group(at)
        if kind < 0.85:
            return self._queue(at)
        return self._direct(at)

    def _caller(self) -> str:
        if self._rng.random() < 0.02:
            return "anonymous"
        return f"+48{600_000_000 + min(int(self._rng.expovariate(4 / self._callers)), self._callers * 3)}"

    def _uid(self, at: float) -> str:
        self._sequence += 1
        return f"{at:.0f}.{self._sequence}"

    def _name(self, device: str) -> str:
        self._channel += 1
        return f"{device}-{self._channel % 2**32:08x}"

    def _direct(self, at: float) -> list[Row]:
        src, uid, trunk = self._caller(), self._uid(at), self._name("PJSIP/trunk")
        phone = self._rng.choice(PHONES)
        to = self._name(f"PJSIP/{phone}")
        base = {"src": src, "dst": self._rng.choice(DIDS), "channel": trunk, "uniqueid": uid, "linkedid": uid}
        ring, talk = self._rng.randint(2, 15), int(self._rng.expovariate(1 / 150)) + 5
        dial = {"dstchannel": to, "lastapp": "Dial", "lastdata": f"PJSIP/{phone},20,tT"}
        if self._rng.random() < 0.11:
            mail = {"lastapp": "VoiceMail", "lastdata": f"{phone}@default,u", "dst": f"vmu{phone}"}
            rows = [self._row(at, 20, None, "NO ANSWER", **base, **dial)]
            if self._rng.random() < 0.5:
                return [*rows, self._row(at + 20, 15, 0, "ANSWERED", **{**base, **mail})]
            return rows
        rows = [self._row(at, ring + talk, ring, "ANSWERED", **base, **dial)]
        passed = self._rng.random()
        if passed < 0.08:
            rows += self._passed_on(at + ring + talk, base, asked=passed < 0.04, by=phone)
        return rows

    def _passed_on(self, at: float, base: Row, *, asked: bool, by: str) -> list[Row]:
        phone = self._rng.choice([other for other in PHONES if other != by])
        to, talk = self._name(f"PJSIP/{phone}"), int(self._rng.expovariate(1 / 120)) + 5
        data = {"lastapp": "Dial", "lastdata": f"PJSIP/{by if asked else phone},20,tT", "dstchannel": to}
        rows = [self._row(at, talk, 0, "ANSWERED", **{**base, **data})]
        if asked:
            uid = self._uid(at - 12)
            data = {"channel": self._name(f"PJSIP/{by}"), "dstchannel": to, "lastapp": "Dial", "src": by, "dst": phone}
            rows.append(
                self._row(at - 12, 12, 3, "ANSWERED", **data, lastdata=f"PJSIP/{phone}", uniqueid=uid, linkedid=uid)
            )
        return rows

    def _group(self, at: float) -> list[Row]:
        phones = self._rng.sample(PHONES, 3)
        base = self._several(at, "600", "Dial", "&".join(f"PJSIP/{phone}" for phone in phones))
        return self._rings(at, base, phones, 0.08, before=0)

    def _queue(self, at: float) -> list[Row]:
        base = self._several(at, "700", "Queue", "sales,tT,,,60")
        if self._rng.random() < 0.08:  # given up in the menu
            return [
                self._row(at, self._rng.randint(1, 20), 0, "ANSWERED", **{**base, "lastapp": "WaitExten", "dst": "s"})
            ]
        return self._rings(at + 5, base, self._rng.sample(PHONES, 2), 0.08, before=0)

    def _several(self, at: float, dst: str, app: str, data: str) -> Row:
        uid = self._uid(at)
        more = {"channel": self._name("PJSIP/trunk"), "uniqueid": uid, "linkedid": uid}
        return {"src": self._caller(), "dst": dst, "lastapp": app, "lastdata": data, **more}

    def _rings(self, at: float, base: Row, phones: list[str], missed: float, before: int) -> list[Row]:
        """All ring; one answers, or nobody."""
        ring, talk = self._rng.randint(2, 20), int(self._rng.expovariate(1 / 180)) + 5
        winner = None if self._rng.random() < missed else self._rng.choice(phones)
        rows = []
        for phone in phones:
            to = {**base, "dstchannel": self._name(f"PJSIP/{phone}")}
            if phone == winner:
                answered = 0 if base["lastapp"] == "Queue" else ring
                rows.append(self._row(at, ring + talk, answered, "ANSWERED", **to))
            else:
                rows.append(self._row(at, ring + before, None, "NO ANSWER", **to))
        return rows

    def _outbound(self, at: float) -> list[Row]:
        phone, number, uid = self._rng.choice(PHONES), self._caller(), self._uid(at)
        number = number if number != "anonymous" else "+48500100200"
        ends = {"channel": self._name(f"PJSIP/{phone}"), "dstchannel": self._name("PJSIP/trunk")}
        dial = {"src": phone, "dst": number, "lastapp": "Dial", "lastdata": f"PJSIP/{number}@trunk,300"}
        how, ring = self._rng.random(), self._rng.randint(3, 25)
        if how < 0.7:
            talk = int(self._rng.expovariate(1 / 140)) + 3
            return [self._row(at, ring + talk, ring, "ANSWERED", **ends, **dial, uniqueid=uid, linkedid=uid)]
        said = "BUSY" if how < 0.8 else "NO ANSWER"
        return [self._row(at, ring, None, said, **ends, **dial, uniqueid=uid, linkedid=uid)]

    def _internal(self, at: float) -> list[Row]:
        one, other = self._rng.sample(PHONES, 2)
        uid, talk = self._uid(at), int(self._rng.expovariate(1 / 60)) + 2
        ends = {"channel": self._name(f"PJSIP/{one}"), "dstchannel": self._name(f"PJSIP/{other}")}
        dial = {"src": one, "dst": other, "lastapp": "Dial", "lastdata": f"PJSIP/{other},20"}
        return [self._row(at, talk + 4, 4, "ANSWERED", **ends, **dial, uniqueid=uid, linkedid=uid)]

    def _row(self, at: float, lasted: int, answered: int | None, disposition: str, **more: str) -> Row:
        self._sequence += 1
        spoke = 0 if answered is None or disposition != "ANSWERED" else lasted - answered
        return {
            "accountcode": "", "dcontext": "from-internal", "clid": f'"" <{more["src"]}>', "dstchannel": "",
            "start": _time(at), "answer": "" if answered is None else _time(at + answered), "end": _time(at + lasted),
            "duration": str(lasted), "billsec": str(spoke), "disposition": disposition, "amaflags": "DOCUMENTATION",
            "userfield": "", "peeraccount": "", "sequence": str(self._sequence), **more,
        }  # fmt: skip


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")
