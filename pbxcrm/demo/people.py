"""Who works in the demo's office, and how to log in as one of them."""

import logging
import secrets

from pbxcrm.demo.player import DemoPBX, serve_demo
from pbxcrm.demo.recording import PHONES
from pbxcrm.service import people
from pbxcrm.store.db import Database

log = logging.getLogger("pbxcrm.demo")

# name, role, devices
DEMO_PEOPLE: list[tuple[str, str, tuple[str, ...]]] = [
    ("maria", "admin", ()),
    ("erik", "manager", ()),
    *((name.lower(), "agent", (f"PJSIP/{phone}", f"Local/{phone}@*")) for phone, name in PHONES.items()),
]
_MARK = " (demo)"  # ends the full name of those whom the demo made: nobody else's password is ever touched


async def start(db: Database, _settings: object = None) -> DemoPBX:
    """Start the demo PBX; where nobody is in the database yet, people it too. Says how to log in."""
    password = await _let_in(db)
    pbx = await serve_demo()
    log.info("Demo PBX: no PBX is configured, so recorded calls are played (set PBXCRM_AMI_HOST for your own)")
    if password is None:
        log.info("Demo PBX: log in as you are used to; its calls ring PJSIP/101 to PJSIP/104")
    else:
        agents = ", ".join(name for name, role, _ in DEMO_PEOPLE if role == "agent")
        log.info("Demo PBX: log in as %s (agents), erik (manager) or maria (admin) with: %s", agents, password)
    return pbx


async def _let_in(db: Database) -> str | None:
    """A new password for the demo's people at each start; None where the database has people of its own.

    It is never a fixed one: the same database may serve a real PBX tomorrow.
    """
    there = {member.name: member for member in await people.list_people(db)}
    password = "-".join(secrets.token_hex(2) for _ in range(3))
    made = [name for name, _, _ in DEMO_PEOPLE if name in there and there[name].full_name.endswith(_MARK)]
    if there and not made:
        return None
    for name in made:
        await people.set_password(db, name, password)
    if not there:
        for name, role, devices in DEMO_PEOPLE:
            full_name = name.capitalize() + _MARK
            await people.add_user(db, name, role, devices, full_name=full_name, team="Sales", password=password)
    return password
