"""What scores, lists and rules about leads are called. Translated where they are shown."""

from pbxcrm.crm.scoring import BEHAVIOURAL, DEMOGRAPHIC
from pbxcrm.http.labels import N_
from pbxcrm.http.render import Viewer

# What a rule looks at (crm.scoring.WAYS), and how what it asks for is written.
FIELDS = {
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
GROUPS = ((N_("Who they are"), tuple(DEMOGRAPHIC)), (N_("What they do"), tuple(BEHAVIOURAL)))


def groups(me: Viewer) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a rule may look at, in two groups: [(group, [(field, its name)])]."""
    _ = me.r.gettext
    return [(_(name), [(field, _(FIELDS[field])) for field in some]) for name, some in GROUPS]


def field(me: Viewer, name: str) -> str:
    """What a rule looks at."""
    return me.r.gettext(FIELDS[name])
