"""Who calls the demo. Every number is one that its country keeps for films and examples, so nobody real is meant."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caller:
    """A customer as the telephone network shows them: an E.164 number, and the name they send."""

    number: str
    name: str


CALLERS = [
    Caller("+442079460123", "Amelia Hughes"),
    Caller("+493023125042", "Jonas Becker"),
    Caller("+12025550143", "Marcus Reed"),
    Caller("+33199001234", "Chloé Laurent"),
    Caller("+46313900612", "Elsa Lindqvist"),
    Caller("+61255501234", "Noah Campbell"),
    Caller("+4989999980042", "Leyla Yılmaz"),
    Caller("+441314960187", "Fiona MacLeod"),
    Caller("+14165550142", "Priya Raman"),
    Caller("+4940669690012", "Анна Соколова"),
    Caller("+442079460871", "نیلوفر رضایی"),
    Caller("+46846500412", "Oskar Nyström"),
    Caller("+4969900090042", "Zeynep Aksoy"),
    Caller("+33199008877", "Bakery Petit Jour"),
    Caller("+12125550187", "Harbor Dental"),
    Caller("+61491570156", "Ruby Nguyen"),
    Caller("+442920180442", "Rhys Morgan"),
    Caller("+492214710042", "Kolibri Reisen"),
    Caller("+13105550119", "Sofia Delgado"),
    Caller("+46701740605", "Lars Åkesson"),
    Caller("+442079460555", "Kensington Books"),
    Caller("+493023125777", "Piotr Zieliński"),
    Caller("+33199004410", "Théo Marchand"),
    Caller("+16135550128", "Maple Roofing"),
    Caller("+4989999980611", "Lukas Huber"),
    Caller("+441144960233", "Grace Okafor"),
    Caller("+12065550166", "Daniel Kim"),
    Caller("+46313900677", "Ingrid Berg"),
    Caller("+4940669690388", "سارا محمدی"),
    Caller("+61255508080", "Coastal Solar"),
]
