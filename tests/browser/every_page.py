"""Every page there is, with an address of it that shows real things: what axe-core is let loose on.

python -m tests.browser.every_page    writes docs/pages.md
"""

from collections.abc import Iterator
from pathlib import Path

from pbxcrm.http.server import build
from tests.http.bed import bare

DOC = Path(__file__).parents[2] / "docs" / "pages.md"
LOOKS = (
    "English, light",
    "English, dark",
    "English, light, 390 px wide",
    "Persian from the right, light",
    "Persian from the right, dark",
    "Persian from the right, light, 390 px wide",
)

# Route: (address, what has to stand on it, so that no empty page passes for it). {names} are of a `Furnished`.
PAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "/audit": (("/audit", "Ela Nowa"),),
    "/board": (("/board", "Rooftop installation"), ("/board?due=none", "40 phones, new office")),
    "/board/filter": (("/board/filter?owner=maria", "Maria Nowak"),),
    "/calendar": (("/calendar?who=maria", "Show the phones"), ("/calendar?show=week&who=maria", "Show the phones")),
    "/calls": (("/calls", "Somebody New"),),
    "/calls/disagreements": (("/calls/disagreements", "+48 22 123 45 03"),),
    "/calls/missed": (("/calls/missed", "+48 22 123 45 02"),),
    "/calls/{id}": (("/calls/{call}", "Somebody New"),),
    "/companies": (("/companies", "Nordlicht Solar"),),
    "/companies/duplicates": (("/companies/duplicates", "Nordlicht Solar"),),
    "/companies/new": (("/companies/new", ""),),
    "/companies/{id}": (("/companies/{company}", "Ela Nowa"),),
    "/companies/{id}/merge": (("/companies/{company}/merge?with={other_company}", "Nordlicht Solar"),),
    "/contacts": (("/contacts", "Sofia Rossi"),),
    "/contacts/duplicates": (("/contacts/duplicates", "Ela Nowa"),),
    "/contacts/new": (("/contacts/new?company={company}", ""),),
    "/contacts/{id}": (("/contacts/{contact}", "Ibrahim Okafor"),),
    "/contacts/{id}/merge": (("/contacts/{contact}/merge?with={twin}", "Ela Nowa"),),
    "/contacts/{id}/privacy": (("/contacts/{contact}/privacy", "Ela Nowa"),),
    "/day": (("/day?who=maria", "Send the price list"),),
    "/deals/new": (("/deals/new?call={call}", "+48221234501"),),
    "/deals/{id}": (("/deals/{deal}", "Wants blue phones"), ("/deals/{led}", "Ask for the budget")),
    "/deals/{id}/link": (("/deals/{unsorted}/link", "Ela Nowa"),),
    "/deals/{id}/offers/new": (("/deals/{deal}/offers/new", ""),),
    "/documents": (("/documents", "A price list with a rather long name for a phone.pdf"),),
    "/help/keys": (("/help/keys", "Esc"),),
    "/imports": (("/imports", "fair 2026.csv"),),
    "/imports/new": (("/imports/new", ""),),
    "/imports/{id}": (("/imports/{mapping}", "Quay Logistics"), ("/imports/{done}", "not an address")),
    "/leads": (("/leads?show=all", "Acme"), ("/leads?show=mine", "Acme")),
    "/leads/new": (("/leads/new", ""),),
    "/leads/provider": (("/leads/provider?among=contacts&city=Warszawa", "Ela Nowa"),),
    "/leads/{id}": (("/leads/{lead}", "Called from the fair"),),
    "/leads/{id}/qualify": (("/leads/{lead}/qualify", "Acme"),),
    "/login": (),  # by itself: nobody is logged in there
    "/me": (("/me", "Asia/Tehran"),),
    "/offers/{id}": (("/offers/{draft}", "Discount"), ("/offers/{sent}", "Discount")),
    "/offers/{id}/print": (("/offers/{sent}/print", "Discount"),),
    "/pbx": (("/pbx", "Asterisk"),),
    "/reports": (("/reports", "Maria Nowak"),),
    "/reports/deals": (("/reports/deals?what=created", "Rooftop installation"),),
    "/reports/lost": (("/reports/lost", "what=lost"),),
    "/reports/sources": (("/reports/sources", "Google Ads"),),
    "/reports/stages": (("/reports/stages", "what=open"),),
    "/reports/stale": (("/reports/stale?days=14", "Long forgotten"),),
    "/search": (("/search?q=ela", "Ela Nowa"),),
    "/settings/fields": (
        ("/settings/fields", "Colour of select"),
        ("/settings/fields?thing=deal", "Colour of select"),
    ),
    "/settings/leads": (("/settings/leads", ""),),
    "/settings/pipelines": (("/settings/pipelines", ""),),
    "/settings/pipelines/{id}": (("/settings/pipelines/{pipeline}", "Ask for the budget"),),
    "/settings/scores": (("/settings/scores", "Warszawa"),),
    "/settings/webhooks": (("/settings/webhooks", "https://example.com/hook"),),
    "/settings/webhooks/{id}": (("/settings/webhooks/{hook}", "https://example.com/hook"),),
    "/tasks/new": (("/tasks/new?kind=meeting&deal_id={deal}", "40 phones, new office"),),
    "/tasks/{id}": (("/tasks/{task}", "Show the phones"),),
}

# What a browser gets that is no page of its own, and where it stands then.
PARTS = {
    "/": "leads to the board",
    "/board/heads": "counts and sums, for the board's script",
    "/calls/mine": "caller cards, for the script of every page",
    "/calls/missed/count": "a number, for the script of every page",
    "/calls/{id}/recording": "a sound",
    "/calls/{id}/waveform.svg": "a picture in a page",
    "/contacts/{id}/export": "a file",
    "/documents/{id}/file": "a file",
    "/feed/{secret}.ics": "a calendar, for other programs",
    "/healthz": "for the machines that watch over us",
    "/imports/{id}/problems.csv": "a file",
    "/live": "the WebSocket",
    "/metrics": "for the machines that watch over us",
    "/readyz": "for the machines that watch over us",
    "/reports/{name}.csv": "a file",
    "/settings/scores/reach": "a line of the page of scores",
    "/static/{version}/{name}": "scripts, styles, the font",
}


def routes() -> Iterator[str]:
    """Everything a browser may get, the REST interface aside."""
    for route in build(bare()).router.routes():
        if route.method == "GET" and route.resource is not None and not route.resource.canonical.startswith("/api/"):
            yield route.resource.canonical


def page() -> str:
    """docs/pages.md."""
    head = (
        "# Every page\n\n"
        "Written by `python -m tests.browser.every_page`; do not edit. A page that is missing here fails the tests.\n\n"
        "`tests/browser/access_test.py` opens each of these addresses as an administrator of a firm at work, and\n"
        "axe-core (WCAG 2.0, 2.1 and 2.2 A and AA, and its best practices) must find nothing, in each of these looks:\n"
        + "; ".join(LOOKS)
        + ".\nNone may be wider than a phone.\n"
        "The door (`/login`), an error, and what opens on the board and beside it (the caller card, the deal's panel,\n"
        "menus, dialogs, notices) have tests of their own there.\n\n"
        "| page | looked at | shows |\n| :-- | :-- | :-- |\n"
    )
    return head + "".join(_line(*one) for one in sorted(PAGES.items())) + _parts()


def _line(route: str, looks: tuple[tuple[str, str], ...]) -> str:
    shown = "<br>".join(f"`{address}`" for address, _ in looks) or "`/login`"
    words = "<br>".join(text for _, text in looks if text)
    return f"| `{route}` | {shown} | {words or '–'} |\n"


def _parts() -> str:
    rows = "".join(f"| `{route}` | {what} |\n" for route, what in sorted(PARTS.items()))
    return "\n## No pages\n\n| address | what it is |\n| :-- | :-- |\n" + rows


if __name__ == "__main__":
    DOC.write_text(page())
