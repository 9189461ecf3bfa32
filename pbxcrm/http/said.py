"""What services answer, in the language of the person who asked.

Services speak English. A message that is always the same is translated as it is; one with names and numbers in it by
its code, which says a little less. English readers get the service's own words.
"""

from collections.abc import Mapping

from pbxcrm.http.labels import N_
from pbxcrm.http.render import Viewer
from pbxcrm.service.errors import ServiceError

FIXED = (
    N_(
        "The name or the password is not right, so you are not logged in. Try again; an administrator sets a new "
        "password with: pbxcrm user password NAME"
    ),
    N_("The password is not right. Nothing was dialled; try again."),
    N_("There is no such thing here, or it is not yours."),
    N_("This person is on the line just now. Nothing was erased; try again when the call is over."),
    N_("There is none here, or it is not yours."),
    N_("This request was refused. Nothing was changed."),
    N_("This is needed."),
    N_("This may not be empty."),
    N_("This must be text."),
    N_("This is too long; 200 characters fit."),
    N_("This is too long; 10000 characters fit."),
    N_("This is no phone number."),
    N_("This is too long for a phone number."),
    N_("This must be an ISO 4217 code like EUR."),
    N_("This is not an amount; write it like 1500.50."),
    N_("This must be a whole number from -9 to 9."),
    N_("This time is too far away."),
    N_("This must be an address like https://example.com/hook."),
    N_("Choose at least one kind."),
    N_("Choose an open deal of yours."),
    N_("These two are not wholly yours, so only a manager merges them. Nothing was changed."),
    N_("Somebody changed one of the two meanwhile. Nothing was merged; look at them and try again."),
    N_("Calls of these two come in just now. Nothing was changed; try again."),
    N_("These are one already; choose another."),
    N_("Choose one of the two."),
    N_("Nobody is related to themselves."),
    N_("This is said already."),
    N_("There is no such company."),
    N_("Only a deal of Unsorted is linked to another; this one is sorted already."),
    N_("There is no such state of a next step."),
    N_("There is no such template."),
    N_("This is the only pipeline; make another one first."),
    N_("There are deals in this pipeline. Nothing was removed."),
    N_("Calls put deals here, so nothing can be asked of them first."),
    N_("A pipeline needs this stage. Rename it, or make another one first."),
    N_("There are deals in this stage. Choose where they go."),
    N_("This must be a whole number from 0 to 100."),
    N_("This must be a whole number from 0 to 3650."),
    N_("Only a manager shares a view."),
    N_("Only a manager coaches."),
    N_("There is no such stage."),
    N_("There is no such deal."),
    N_("There is no such contact."),
    N_("There is no such person."),
    N_("Only a meeting has an end."),
    N_("A meeting ends after it begins."),
    N_("What a call asked for stays what it is."),
    N_("Who is not a lead is not contacted again; say one of the two."),
    N_("This caller hid their number: make a deal of the call, then set its next contact."),
    N_("There is no stage for lost deals in this pipeline."),
    N_("Give a name, a company, a number or an e-mail address."),
    N_("Choose at least one lead."),
    N_("Choose what the lead becomes: a company, a contact or a deal."),
    N_("Write the company's name on the lead first."),
    N_("This must be a whole number from 1 to 10000."),
    N_("This must be a whole number from 0 to 5."),
    N_("This must be a whole number."),
    N_("Choose one of the list."),
    N_("Nobody fits, so there is nothing to add."),
    N_("Write a line for each source, like: fair = North. The team must be there."),
    N_("This must be a whole number from -100 to 100."),
    N_("Choose what the rule looks at."),
    N_("Write how the number begins, like +48 12."),
    N_("Write countries by two letters, like PL."),
    N_("No name."),
    N_("No name, company, number or e-mail."),
    N_("This is no e-mail address."),
    N_("At most 20 numbers fit."),
    N_("There already."),
    N_("There already, and nothing of it was empty."),
    N_("Several fit; nobody can tell which."),
    N_("Somebody has changed it since."),
    N_("Calls, deals or other things belong to it by now."),
    N_("It was taken away already."),
    N_("A customer already; leads stand apart."),
    N_("You hold as many leads as you may."),
    N_("This is no day; write it like 2026-12-31."),
    N_("A spreadsheet cut this number short. Make the column text there, type it anew, and bring the file again."),
    N_("Its rows are no longer kept: what came of each is not known any more, and it cannot be taken back."),
    N_("Two columns cannot be this; choose one."),
    N_("Choose what at least one column is."),
    N_("This import is past that already. Nothing was changed; look at how it stands."),
    N_("Only a manager gives what is imported to somebody else."),
    N_("Only a manager gives a deal to somebody else."),
    N_("Only a manager gives a contact to somebody else."),
    N_("Only a manager gives a company to somebody else."),
    N_("Only a manager gives a task to somebody else."),
    N_("Only a manager gives a lead to somebody else."),
    N_("The two do not differ in this."),
    N_("Reading this file broke off. Nothing was stored; bring it again."),
    N_("Something broke on our side at one of the rows. The rows before it are done; undo takes them back."),
    N_("This file is empty. Nothing was stored."),
    N_("There are no rows in this file below its head line. Nothing was stored."),
    N_("This is a workbook of old Excel (.xls). Nothing was stored. Save it as .xlsx or CSV."),
    N_("This workbook unpacks to more than is read here. Nothing was stored. Save it as CSV."),
    N_("This file is too big. Nothing was stored. Bring it in parts."),
    N_("This file has more than 200000 rows. Nothing was stored. Bring it in parts."),
    N_(
        "This file is no Excel workbook that can be read. Nothing was stored. Open it in Excel or LibreOffice, save it "
        "as .xlsx or CSV, and bring that."
    ),
    N_(
        "The letters of this file are in no encoding that is known here. Nothing was stored. Save it as "
        '"CSV UTF-8" and try again.'
    ),
    N_("Say what won it: others learn from this."),
    N_("This deal is still open; a new one is made of a deal that is over."),
    N_("Calls put deals here, so nothing is made by itself."),
    N_("There is no such line in this stage's checklist."),
    N_("At most 20 tasks fit."),
    N_("At most 100 lines fit."),
    N_("Say the prices in the new currency too."),
    N_("Write at least one line before it is sent."),
    N_("There is no such team."),
    N_("Choose one of the list."),
    N_("This file is empty. Nothing was stored."),
    N_("This file is not what its name says. Nothing was stored; save it anew, and bring that."),
    N_("At most 10 tags fit."),
    N_("A tag is one word or a few: 40 characters without a comma."),
    N_("There is no such field here."),
    N_("There is a field of this name already."),
    N_("There are 50 fields already, the retired ones among them."),
    N_("This is too long; 60 characters fit."),
    N_("At most 100 choices fit."),
    N_("A choice is too long; 60 characters fit."),
    N_("Write at least one choice, a line each."),
    N_("This is no number; write it like 12 or 1.5."),
    N_("This must be yes or no."),
    N_("There is no such stage in this pipeline."),
    N_("Say the value in the new currency too."),
    N_("Say why it was lost: the reports on reasons are made of this."),
    N_("There is no such language here."),
    N_("There is no such calendar here."),
    N_("There is no such time zone."),
    N_(
        "The database is away just now, so this was not saved. What was saved before is safe, and calls are being "
        "kept. What you typed is still in the form (go back, if you no longer see it): save it again when the database "
        "is back. If it stays away, tell an administrator to run: pbxcrm doctor"
    ),
    N_(
        "The database is away just now, so this cannot be shown. Nothing is lost: calls are being kept and will "
        "appear. The page tries again by itself. If it stays away, tell an administrator to run: pbxcrm doctor"
    ),
)
BY_CODE = {
    "not_confirmed": N_("What was typed is not the same, so nothing was erased."),
    "lead_limit": N_("You hold as many leads as you may. Nothing was claimed; finish or release one first."),
    "lead_manager": N_("In this house a manager gives leads. Nothing was claimed; ask yours."),
    "their_limit": N_(
        "That is more than this person may hold. Nothing was given; choose fewer, somebody else, or say that it may be "
        "more."
    ),
    "quality": N_(
        "The house asks for more of the quality test before a lead becomes a customer. Nothing was stored; tick what "
        "is known, or work on the lead."
    ),
    "qualified": N_("This lead has become a customer already. Nothing was stored; go on with the customer."),
    "offer_frozen": N_("An offer stays as it was sent. Nothing was stored; revise it to say something else."),
    "disk_full": N_(
        "The disk for documents is full. Nothing was stored; an administrator makes room, then bring it again."
    ),
    "no_folder": N_(
        "The folder of documents cannot be written to. Nothing was stored; an administrator sets its rights."
    ),
    "document_gone": N_(
        "This document's file is not in the folder of documents any more. Ask whoever keeps your backups."
    ),
    "documents_kept": N_(
        "Documents on this person's deals cannot be deleted, so nothing else was erased. Set the rights of the folder "
        "of documents, then erase once more."
    ),
    "not_found": N_("There is no such thing here, or it is not yours."),
    "conflict": N_("Somebody else changed this meanwhile. Nothing of yours was saved; look, then try again."),
    "invalid": N_("Something in the form is not right. Nothing was saved."),
    "unavailable": N_(
        "The PBX is out of sight just now, so nothing was dialled, and nothing will be dialled later. Dial on the "
        "phone, or try again when this page says that the PBX is back."
    ),
    "database_down": N_("The database cannot be reached. Nothing was saved; try again in a moment."),
    "pbx_refused": N_("The PBX refused the call. Nothing was dialled."),
    "not_diallable": N_("This number cannot be dialled. Nothing was dialled."),
    "no_number": N_("This number cannot be dialled. Write it with + and the country's code."),
    "costly_number": N_("This is a premium or satellite number, so it is not dialled."),
    "destination_not_allowed": N_(
        "This country may not be dialled. An administrator allows its prefix with PBXCRM_DIAL_PREFIXES."
    ),
    "denied": N_("Numbers that begin like this are not dialled here."),
    "emergency": N_("This is an emergency number: dial it on the phone itself."),
    "outside_hours": N_("It is outside the hours of calling by click. Nothing was dialled."),
    "too_many": N_("That was too often. Nothing was done; try again in a moment."),
    "no_device": N_(
        "No phone of yours is known here, so nothing was dialled. An administrator adds it with: pbxcrm user device"
    ),
}


def said(me: Viewer, error: ServiceError) -> str:
    """A service's answer."""
    return in_words(me, error.message, error.code)


def in_words(me: Viewer, message: str, code: str = "") -> str:
    """A message that a service gave, by its words or else by its code."""
    _ = me.r.gettext
    if me.r.locale == "en" or message in FIXED:
        return _(message)
    return _(BY_CODE[code]) if code in BY_CODE else message


def fields(me: Viewer, wrong: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with which field."""
    return {name: in_words(me, message) for name, message in wrong.items()}
