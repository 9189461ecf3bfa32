"""Names of fixed things, in a person's language. What somebody typed themselves is shown as they typed it."""

from collections.abc import Iterable
from typing import Any

from pbxcrm.http.i18n import Reader


def N_(text: str) -> str:  # noqa: N802 - the name translators' tools know
    """Marks a text for translation; it is translated where it is shown."""
    return text


# As seeded; a stage that was renamed keeps its name.
STAGES = (
    N_("Unsorted"),
    N_("New"),
    N_("Qualified"),
    N_("Offer"),
    N_("Negotiation"),
    N_("Won"),
    N_("Lost"),
)
PIPELINES = (N_("Sales"),)
NOT_A_LEAD = N_("Not a lead")
REASONS = (N_("Too expensive"), N_("Chose a competitor"), N_("No need now"), N_("Cannot be reached"), NOT_A_LEAD)

OUTCOMES = {
    "ongoing": N_("in progress"),
    "answered": N_("answered"),
    "missed": N_("missed"),
    "abandoned": N_("gave up waiting"),
    "busy": N_("busy"),
    "declined": N_("declined"),
    "failed": N_("failed"),
    "voicemail": N_("voicemail"),
    "lost": N_("out of sight"),
}
# The same for a call of ours: "missed" there means that they did not pick up.
OUTBOUND = {"missed": N_("no answer")}
DIRECTIONS = {"inbound": N_("Incoming"), "outbound": N_("Outgoing"), "internal": N_("Internal")}
PRIORITIES = {"2": N_("urgent"), "1": N_("high priority"), "0": N_("usual priority"), "-1": N_("low priority")}
SOON = {"1h": N_("In an hour"), "1d": N_("Tomorrow at 9:00"), "3d": N_("In 3 days"), "7d": N_("In a week")}
TASKS = {
    "todo": N_("To do"),
    "call": N_("Call"),
    "mail": N_("E-mail"),
    "meeting": N_("Meeting"),
    "callback": N_("Call back"),
    "look": N_("A colleague talked with your customer"),
    "device": N_("Nobody owns this phone"),
}
REMINDERS = {
    "": N_("No reminder"),
    "0": N_("When it is due"),
    "10": N_("10 minutes before"),
    "60": N_("An hour before"),
    "1440": N_("A day before"),
}
# What came of a talk (crm.wrapup.OUTCOMES), in the order of their keys.
WRAPUPS = {
    "agreed": N_("Agreed"),
    "again": N_("Call again"),
    "info": N_("Send information"),
    "not_interested": N_("Not interested"),
    "no_decider": N_("Decider not reached"),
    "wrong_number": N_("Wrong number"),
}
# How it stands with a lead (crm.leads.STATUSES), and its quality test (crm.leads.QUALITY).
LEADS = {
    "not_contacted": N_("not contacted"),
    "attempting_contact": N_("attempting contact"),
    "contacted": N_("contacted"),
    "contact_in_future": N_("contact in future"),
    "interested": N_("interested"),
    "hot": N_("hot"),
    "pre_qualified": N_("pre-qualified"),
    "qualified": N_("qualified"),
    "cold": N_("cold"),
    "not_interested": N_("not interested"),
    "lost": N_("lost lead"),
    "junk": N_("junk"),
}
QUALITY = {
    "reachable": N_("Their number or e-mail is right"),
    "need": N_("They need what we sell"),
    "budget": N_("They have the money for it"),
    "decider": N_("We talk with who decides"),
    "timing": N_("They want it within three months"),
}
EVENTS = {
    "call.ringing": N_("A call rings"),
    "call.answered": N_("A call is answered"),
    "call.transferred": N_("A call is passed on"),
    "call.ended": N_("A call is over"),
    "deal.created": N_("A new deal"),
    "deal.changed": N_("A deal is changed"),
    "deal.moved": N_("A deal is moved"),
    "contact.created": N_("A new contact"),
    "contact.changed": N_("A contact is changed"),
    "task.due": N_("There is something to do"),
    "task.done": N_("Something is done"),
    "webhook.test": N_("A test"),
}
# Why a webhook's receiver was not told.
IN_VAIN = {
    "status": N_("The receiver refused it"),
    "redirect": N_("The receiver sends us elsewhere, which is not followed"),
    "timeout": N_("The receiver took too long"),
    "unreachable": N_("The receiver cannot be reached"),
    "tls": N_("The receiver's certificate is not right"),
    "not_public": N_("The receiver has no public address"),
}
DIFFERENCES = {
    "outcome": N_("Outcome"),
    "first_answered_by": N_("First to answer"),
    "last_answered_by": N_("Last to talk"),
    "talk_seconds": N_("Talk"),
    "owner": N_("Owner"),
}
# Why one of two accounts of a call is believed: our own, or the PBX's record.
WHY = {
    "cel": N_("We followed this call event by event and missed nothing, so our account stands."),
    "cel_talk": N_("Both name the same people; only the time of talk is counted differently."),
    "cdr": N_("We followed this call event by event; CDR has one line a leg and misleads when a call is passed on."),
    "cdr_talk": N_("CDR counts waiting in a queue, and the ringing after a transfer, as talk."),
    "owner": N_(
        "We missed a part of this call, so the PBX's record stands. Somebody had worked on the deal: it stays whose it "
        "is. Give it to who answered if that is right."
    ),
}
# What the audit log tells (service.audit.ACTIONS), and what it is about.
ACTIONS = {
    "saw": N_("looked at"),
    "login": N_("logged in"),
    "login.failed": N_("failed to log in"),
    "login.refused": N_("was kept from logging in: too many tries"),
    "logout": N_("logged out"),
    "deal.created": N_("made a deal"),
    "deal.changed": N_("changed a deal"),
    "deal.moved": N_("moved a deal"),
    "deal.merged": N_("linked a deal to another"),
    "note.added": N_("wrote a note"),
    "task.created": N_("made a task"),
    "task.changed": N_("changed a task"),
    "task.done": N_("finished a task"),
    "task.removed": N_("took back a task"),
    "deal.checked": N_("ticked a checklist"),
    "offer.created": N_("wrote an offer"),
    "offer.changed": N_("changed an offer"),
    "offer.sent": N_("sent an offer"),
    "offer.accepted": N_("noted that an offer was accepted"),
    "offer.declined": N_("noted that an offer was declined"),
    "offer.removed": N_("threw an offer away"),
    "document.added": N_("added a document"),
    "document.changed": N_("shared a document, or no more"),
    "document.removed": N_("removed a document"),
    "call.wrapped": N_("wrapped up a call"),
    "contact.created": N_("made a contact"),
    "contact.changed": N_("changed a contact"),
    "contact.removed": N_("took back a contact"),
    "contact.merged": N_("merged two contacts"),
    "company.merged": N_("merged two companies"),
    "company.removed": N_("took back a company"),
    "lead.removed": N_("took back a lead"),
    "import.added": N_("brought a table"),
    "import.run": N_("imported a table"),
    "import.undone": N_("undid an import"),
    "company.created": N_("made a company"),
    "company.changed": N_("changed a company"),
    "person.exported": N_("exported a person's data"),
    "person.erased": N_("erased a person"),
    "dial.asked": N_("called by click"),
    "dial.refused": N_("was refused a call"),
    "dial.confirmed": N_("confirmed a new country by password"),
    "user.added": N_("added a colleague"),
    "user.changed": N_("changed a colleague"),
    "device.added": N_("added a phone"),
    "token.created": N_("made a token"),
    "token.revoked": N_("revoked tokens"),
    "preferences.changed": N_("changed own settings"),
    "settings.changed": N_("changed a setting"),
    "retention": N_("old data was removed"),
    "webhook.added": N_("added a webhook"),
    "webhook.changed": N_("changed a webhook"),
    "webhook.removed": N_("removed a webhook"),
    "disagreement.seen": N_("settled two accounts of a call"),
    "exported": N_("exported a list"),
    "lead.created": N_("made a lead"),
    "lead.changed": N_("changed a lead"),
    "lead.claimed": N_("claimed a lead"),
    "lead.released": N_("gave a lead back"),
    "lead.qualified": N_("made a customer of a lead"),
    "lead.declined": N_("declined a lead"),
}
IMPORTS = {
    "contacts": N_("Contacts"),
    "companies": N_("Companies"),
    "leads": N_("Leads"),
    "reading": N_("being read"),
    "mapping": N_("not run yet"),
    "running": N_("running"),
    "done": N_("done"),
    "failed": N_("stopped"),
    "undoing": N_("being undone"),
    "undone": N_("undone"),
    "closed": N_("closed"),
    "make": N_("Make those that are not there"),
    "match": N_("Find those that are there, make none"),
    "skip": N_("Leave them as they are"),
    "fill": N_("Fill in what is empty"),
    "new": N_("Make new ones all the same"),
    "name": N_("Name"),
    "first_name": N_("First name"),
    "last_name": N_("Last name"),
    "company": N_("Company"),
    "email": N_("E-mail"),
    "phone": N_("Phone"),
    "note": N_("Note"),
    "site": N_("Website"),
    "address": N_("Address"),
    "city": N_("City"),
    "job_title": N_("Job title"),
    "birth_date": N_("Birthday"),
    "source": N_("Source"),
    "interest": N_("Interest"),
}
FIELD_TYPES = {
    "text": N_("Text"),
    "number": N_("Number (12 or 1.5)"),
    "date": N_("Date"),
    "select": N_("Choice from a list"),
    "yes_no": N_("Yes or no"),
    "email": N_("E-mail"),
    "phone": N_("Phone number"),
}
THINGS = {
    "import": N_("Import"),
    "deal": N_("Deal"),
    "contact": N_("Customer"),
    "company": N_("Company"),
    "call": N_("Call"),
    "task": N_("Task"),
    "dial": N_("Click to call"),
    "country": N_("Country"),
    "user": N_("Colleague"),
    "setting": N_("Setting"),
    "deals": N_("List of deals"),
    "contacts": N_("Search"),
    "companies": N_("Companies"),
    "calls": N_("Call log"),
    "tasks": N_("List of tasks"),
    "feed": N_("Calendar for other programs"),
    "board": N_("Board"),
    "live": N_("Live updates"),
    "audit": N_("Audit log"),
    "recording": N_("Recording"),
    "webhook": N_("Webhook"),
    "webhooks": N_("Webhooks"),
    "lead": N_("Lead"),
    "leads": N_("List of leads"),
    "offer": N_("Offer"),
    "document": N_("Document"),
    "documents": N_("Documents"),
    "field": N_("Custom field"),
}
# What somebody is of another, said at the one, and read at the other.
RELATED = {
    "former_employer": (N_("Former employer"), N_("Worked here before")),
    "professional_organisation": (N_("Professional organisation"), N_("Member of it")),
    "business_partner": (N_("Business partner"),) * 2,
    "competitor": (N_("Competitor"),) * 2,
    "colleague": (N_("Colleague"),) * 2,
    "family": (N_("Family"),) * 2,
    "other": (N_("Knows each other"),) * 2,
}
MET = {
    "call": N_("Call"),
    "mail": N_("E-mail"),
    "meeting": N_("Meeting"),
    "web": N_("Website"),
    "message": N_("message"),
    "other": N_("other"),
}
ROLES = {"agent": N_("Agent"), "manager": N_("Manager"), "admin": N_("Administrator")}
OFFERS = {
    "draft": N_("draft"),
    "sent": N_("sent"),
    "accepted": N_("accepted"),
    "declined": N_("declined"),
}
DOCUMENTS = {
    "offer_template": N_("Offer template"),
    "price_list": N_("Price list"),
    "nda": N_("Confidentiality agreement"),
    "contract": N_("Contract"),
    "offer": N_("Offer"),
    "other": N_("Other"),
}
# What a stage may ask of a deal before it comes in.
NEEDS = {
    "value": N_("Value"),
    "contact_id": N_("Customer"),
    "number": N_("Phone number"),
    "next_contact_at": N_("Date of the next contact"),
    "source": N_("Source"),
    "note": N_("Needs and details"),
}
# What is known of a deal beyond its card (crm/details.py), in its groups, and what may be chosen.
GROUPS = {
    "needs": N_("Needs"),
    "budget": N_("Budget"),
    "timeline": N_("Timeline"),
    "authority": N_("Decision"),
    "competition": N_("Competition"),
    "objections": N_("Objections"),
    "contact": N_("Way of contact"),
    "terms": N_("Terms"),
    "lesson": N_("Lesson learned"),
}
DETAILS = {
    "needs": N_("What they need, and why"),
    "product": N_("Interested in"),
    "wish": N_("Outcome they wish for"),
    "preferences": N_("What they prefer"),
    "to_offer": N_("What belongs into the offer"),
    "budget": N_("Budget is there"),
    "budget_amount": N_("Amount of the budget"),
    "timeline": N_("When they need it"),
    "urgency": N_("Urgency"),
    "process": N_("Who decides, and how they buy"),
    "competitors": N_("Competitors"),
    "advantage": N_("Our advantage"),
    "objections": N_("Objections"),
    "options": N_("What else they consider"),
    "contact_by": N_("Preferred way of contact"),
    "prices": N_("Prices"),
    "dates": N_("Dates"),
    "delivery": N_("Terms of delivery"),
    "terms": N_("Terms of contract"),
    "cause": N_("What caused it"),
    "lesson": N_("Lesson learned"),
    "improve": N_("What to do better"),
    "expected_close": N_("Expected close"),
}
CHOICES = {
    "yes": N_("yes"),
    "no": N_("no"),
    "now": N_("at once"),
    "month": N_("this month"),
    "quarter": N_("this quarter"),
    "later": N_("later"),
    "phone": N_("Phone"),
    "email": N_("E-mail"),
    "message": N_("Message"),
    "meeting": N_("Meeting"),
}
SAY = {
    "decision_maker": N_("Decision maker"),
    "influencer": N_("Influencer"),
    "end_user": N_("End user"),
    "other": N_("Other"),
}
RELATIONS = {
    "prospect": N_("Prospect"),
    "customer": N_("Customer"),
    "partner": N_("Partner"),
    "supplier": N_("Supplier"),
    "competitor": N_("Competitor"),
    "former": N_("Former customer"),
    "other": N_("Other"),
}
# The funnels we bring (crm/pipelines.py): their names, their stages, what is to be done in these.
TEMPLATES = (
    N_("From opportunity to closing"), N_("Opportunity"), N_("Commercial offer"), N_("Coordination of documents"),
    N_("Signing and payment"), N_("Execution"), N_("Closing"),
    N_("From motivation to action"), N_("Motivation"), N_("Interest"), N_("Decision"), N_("Action"),
    N_("From first contact to contract"), N_("First contact"), N_("Call evaluation"), N_("Demo or presentation"),
    N_("Contract request"), N_("Contract review"), N_("Contract validation"),
    N_("Five steps"), N_("Identification"), N_("Qualification"),
    N_("They need our product"), N_("No competitor has them"), N_("We know somebody there"), N_("We know who decides"),
    N_("Needs and pains"), N_("Our solution for them"), N_("Budget"), N_("Date of the next contact"),
    N_("Sent on the day agreed"), N_("Prices"), N_("Dates"), N_("Terms of delivery"), N_("Terms of contract"),
)  # fmt: skip
# What a source's name speaks of, in our five languages -> the picture for it.
SOURCES = {
    "globe": ("web", "site", "online", "www", "form", "google", "ads", "instagram", "سایت", "موقع", "сайт", "stron"),
    "user": ("refer", "recommend", "customer", "معرف", "توصية", "рекоменд", "polec"),
}

_KNOWN = frozenset((*STAGES, *PIPELINES, *REASONS, *TEMPLATES))


def source_icon(source: str) -> str:
    """The picture of a source; a dialled number is a call."""
    if source.removeprefix("+").isdigit():
        return "in"
    folded = source.casefold()
    return next((icon for icon, parts in SOURCES.items() if any(part in folded for part in parts)), "source")


# What a rule looks at (crm.scoring.WAYS), and how what it asks for is written.
SCORED = {
    "city": N_("City"),
    "country": N_("Country of the number"),
    "number": N_("Number begins with"),
    "company": N_("Company"),
    "employees": N_("People in the company, at least"),
    "job_title": N_("Job title"),
    "source": N_("Source"),
    "interest": N_("Interested in"),
    "talks": N_("Talks with us, at least"),
    "answered": N_("Calls of ours they answered, at least"),
    "called": N_("Calls of theirs, at least"),
    "missed": N_("Calls of theirs that we missed, at least"),
    "last_talk": N_("Last talk within days"),
    "quality": N_("Answers of the quality test, at least"),
}


class Labels:
    """The names as one language has them; in templates as `label.outcome(call)` and so on."""

    def __init__(self, locale: str) -> None:
        self._locale = locale
        self._t = Reader(locale).gettext

    def fixed(self, name: str) -> str:
        """A stage, pipeline or reason: translated when it is one of those we brought."""
        return self._t(name) if name in _KNOWN else name

    def outcome(self, call: dict[str, Any]) -> str:
        """How a call came out."""
        outcome = str(call["outcome"] or "missed")
        special = OUTBOUND.get(outcome) if call.get("direction") == "outbound" else None
        return self._t(special or OUTCOMES.get(outcome, outcome))

    def event(self, kind: str) -> str:
        """What a webhook tells."""
        return self._t(EVENTS.get(kind, kind))

    def hook(self, reason: str) -> str:
        """Why a webhook's receiver was not told."""
        return self._t(IN_VAIN.get(reason, reason))

    def direction(self, direction: str) -> str:
        """Which way a call went."""
        return self._t(DIRECTIONS.get(direction, direction))

    def difference(self, field: str) -> str:
        """In what two accounts of a call differ."""
        return self._t(DIFFERENCES.get(field, field))

    def why(self, why: str) -> str:
        """Why one of two accounts of a call is believed."""
        return self._t(WHY.get(why, why))

    def priority(self, priority: int | str) -> str:
        """How urgent a deal is."""
        n = max(-1, min(2, int(priority)))
        return self._t(PRIORITIES[str(n)])

    def soon(self) -> list[tuple[str, str]]:
        """Quick choices for the next contact."""
        return [(key, self._t(text)) for key, text in SOON.items()]

    def task(self, kind: str) -> str:
        """What is to be done."""
        return self._t(TASKS.get(kind, kind))

    def reminder(self, minutes: str) -> str:
        """How long before something is due it pops up."""
        known = REMINDERS.get(minutes)
        if known is not None:
            return self._t(known)
        reader = Reader(self._locale)
        return reader.ngettext("%(n)s minute before", "%(n)s minutes before", int(minutes) if minutes.isdigit() else 0)

    def wrapup(self, outcome: str) -> str:
        """What came of a talk."""
        return self._t(WRAPUPS.get(outcome, outcome))

    def wrapups(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, text in WRAPUPS.items()]

    def lead(self, status: str) -> str:
        """How it stands with a lead."""
        return self._t(LEADS.get(status, status))

    def leads(self) -> list[tuple[str, str]]:
        """All of these, for a choice."""
        return [(key, self._t(text)) for key, text in LEADS.items()]

    def quality(self) -> list[tuple[str, str]]:
        """The questions of a lead's quality test."""
        return [(key, self._t(text)) for key, text in QUALITY.items()]

    def scored(self, field: str) -> str:
        """What a rule of scoring looks at."""
        return self._t(SCORED.get(field, field))

    def action(self, action: str) -> str:
        """What somebody did, for the audit log."""
        return self._t(ACTIONS.get(action, action))

    def of_import(self, word: str) -> str:
        """A kind, a state, a field or a choice of an import."""
        return self._t(IMPORTS[word])

    def problem(self, reason: str) -> str:
        """Why a row was left out: a sentence, or "field: “value”: sentence"."""
        field, _, rest = reason.partition(": ")
        own = field.removeprefix("custom.").replace("_", " ") if field.startswith("custom.") else ""
        if not (own or field in IMPORTS) or not rest:
            return self._t(reason)
        value, _, said = rest.rpartition("”: ")
        return f"{own or self._t(IMPORTS[field])}: {value}{'” · ' if value else ''}{self._t(said)}"

    def of_field(self, type_: str) -> str:
        """What a field of the house's own holds."""
        return self._t(FIELD_TYPES[type_])

    def thing(self, thing: str) -> str:
        """What it was about."""
        return self._t(THINGS.get(thing, thing))

    def things(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, text in THINGS.items()]

    def need(self, name: str) -> str:
        """A field that a stage asks for."""
        return self._t(NEEDS.get(name) or DETAILS[name])

    def group(self, name: str) -> str:
        """A group of a deal's details."""
        return self._t(GROUPS[name])

    def choice(self, name: str) -> str:
        """One of the things that a detail may be."""
        return self._t(CHOICES.get(name, name))

    def choices(self, names: Iterable[str]) -> list[tuple[str, str]]:
        """These, for a choice."""
        return [(name, self.choice(name)) for name in names]

    def say(self, role: str) -> str:
        """What say a person has in a deal."""
        return self._t(SAY.get(role, role))

    def says(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, text in SAY.items()]

    def offer(self, state: str) -> str:
        """How an offer stands."""
        return self._t(OFFERS[state])

    def document(self, kind: str) -> str:
        """What a document is."""
        return self._t(DOCUMENTS.get(kind, kind))

    def relation(self, name: str) -> str:
        """What a company is to us."""
        return self._t(RELATIONS.get(name, name))

    def relations(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, text in RELATIONS.items()]

    def related(self, kind: str, back: bool = False) -> str:
        """What somebody is of another; `back`: as the other sees it."""
        return self._t(RELATED[kind][back])

    def relateds(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, (text, _) in RELATED.items()]

    def met(self, how: str) -> str:
        """How somebody was met first."""
        return self._t(MET.get(how, how))

    def mets(self) -> list[tuple[str, str]]:
        """All of them, for a choice."""
        return [(key, self._t(text)) for key, text in MET.items()]

    def role(self, role: str) -> str:
        """What a person may do."""
        return self._t(ROLES.get(role, role))
