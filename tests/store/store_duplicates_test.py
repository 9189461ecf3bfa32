"""Who is there twice is found in the indexes, by whichever of their numbers and addresses they share."""

import pytest
from sqlalchemy import insert

from pbxcrm.crm.access import SYSTEM, Scope
from pbxcrm.service import contacts, people
from pbxcrm.store import duplicates
from pbxcrm.store.db import Database
from pbxcrm.store.schema_sales import contact_addresses
from tests.store.plans import plans

pytestmark = pytest.mark.asyncio


async def test_numbers_and_addresses_are_looked_through_in_their_index(url: str) -> None:
    db = Database(url)
    plan = await plans(db, lambda conn: duplicates.of_contacts(conn, SYSTEM, 50))
    only = "COVERING INDEX" if db.sqlite else "Index Only Scan using"
    for name in ("ix_contact_numbers_tail", "ix_contacts_email"):
        assert f"{only} {name}" in plan, plan
    await db.close()


async def test_pairs_of_each_kind_and_of_whom_one_sees(url: str) -> None:
    db = Database(url, region="PL")
    anna, bob = [Scope(await people.add_user(db, name, "agent", []), name, "agent") for name in ("anna", "bob")]

    async def add(scope: Scope, *further: str, **given: object) -> int:
        made = int((await contacts.create(db, scope, given))["id"])
        rows = [{"contact_id": made, "kind": "email", "text": text} for text in further]
        if rows:
            await db.alone(lambda conn: conn.execute(insert(contact_addresses), rows))
        return made

    first = await add(anna, name="One", email="One@x.pl")
    of_hers = await add(anna, "ONE@x.pl", name="Of hers")
    of_his = await add(bob, "Both@x.pl", name="Of his")
    of_both = await add(anna, "both@X.pl", name="Of both")
    same = [await add(bob, email="same@x.pl", name=name) for name in ("Same", "As he")]
    called = [await add(bob, name=name, company="Łąka") for name in ("Ewa", "EWA")]
    await add(bob, name="Ewa", company="Other")

    async def pairs(scope: Scope, limit: int = 50) -> set[duplicates.Pair]:
        found = await db.reading(lambda conn: duplicates.of_contacts(conn, scope, limit))
        assert len(found) <= limit
        return set(found)

    hers = {duplicates.Pair(first, of_hers, "email")}
    his = {duplicates.Pair(same[0], same[1], "email"), duplicates.Pair(called[0], called[1], "name")}
    assert await pairs(anna) == hers
    assert await pairs(bob) == his
    everybodys = hers | his | {duplicates.Pair(of_his, of_both, "email")}
    assert await pairs(SYSTEM) == everybodys
    assert len(await pairs(SYSTEM, 2)) == 2
    await db.close()
