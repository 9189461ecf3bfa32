"""What calls do to the pipeline: the table of docs/calls.md, row by row."""

import pytest

from pbxcrm.service import calls, deals
from pbxcrm.service.errors import NotFound
from pbxcrm.service.intake import Intake
from tests.store.office import Caller, Office

pytestmark = pytest.mark.asyncio

NUMBER = "+48601234567"


@pytest.fixture
def intake(office: Office) -> Intake:
    return Intake(office.db)


async def test_a_new_caller_answered_becomes_a_deal_of_who_answered(office, intake):
    call = Caller(NUMBER, caller_name="Ann")
    await intake.apply([call.rings("alice", "bob")])
    assert (await deals.list_deals(office.db, office.mia))["items"] == []
    await intake.apply([call.answers("bob")])
    (deal,) = (await deals.list_deals(office.db, office.mia))["items"]
    assert (deal["owner"], deal["stage"], deal["source"], deal["number"], deal["title"]) == (
        "bob",
        office.stage["Unsorted"],
        "website",
        NUMBER,
        "Ann",
    )
    await intake.apply([call.ends()])
    (contact,) = await office.rows("contacts")
    assert (contact["name"], contact["owner_id"], contact["last_talk_by"]) == ("Ann", office.bob.user_id, "bob")
    view = await calls.get(office.db, office.bob, call.call.id)
    assert (view["deal_id"], view["contact_id"], view["outcome"]) == (deal["id"], str(contact["id"]), "answered")
    (item,) = [item for item in await deals.timeline(office.db, office.bob, deal["id"]) if item["kind"] == "call"]
    assert item["call"] == view
    assert (await calls.get(office.db, office.alice, call.call.id))["id"] == call.call.id
    with pytest.raises(NotFound):
        await calls.get(office.db, office.charlie, call.call.id)
