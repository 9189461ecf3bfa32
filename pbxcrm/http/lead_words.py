"""What scores, lists and rules about leads are called. Translated where they are shown."""

from pbxcrm.crm.scoring import BEHAVIOURAL, DEMOGRAPHIC
from pbxcrm.http.labels import N_, SCORED
from pbxcrm.http.render import Viewer

GROUPS = ((N_("Who they are"), tuple(DEMOGRAPHIC)), (N_("What they do"), tuple(BEHAVIOURAL)))


def groups(me: Viewer) -> list[tuple[str, list[tuple[str, str]]]]:
    """What a rule may look at, in two groups: [(group, [(field, its name)])]."""
    _ = me.r.gettext
    return [(_(name), [(field, _(SCORED[field])) for field in some]) for name, some in GROUPS]
