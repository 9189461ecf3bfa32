"""What happened to a deal, in sentences of the reader's language."""

from collections.abc import Mapping
from typing import Any

from pbxcrm.http.audited import changes
from pbxcrm.http.labels import Labels
from pbxcrm.http.render import Viewer, full_name
from pbxcrm.service.errors import Conflict


def timeline(me: Viewer, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The timeline with a sentence a line, the newest on top."""
    said = {
        (one["by"], text)
        for item in items
        if item["kind"] == "call"
        for one in item["call"]["wrapups"]
        for text in (one["note"], *one["note"].split("\n"))
    }
    return [
        item if item["kind"] == "call" else {**item, **_sentence(me, item)}
        for item in items
        if item["kind"] != "note" or (item["by"], item["text"]) not in said  # it stands with its call
    ]


def _sentence(me: Viewer, item: Mapping[str, Any]) -> dict[str, Any]:
    _ = me.r.gettext
    by = full_name(item.get("by") or "pbxcrm")
    if item["kind"] == "stage":
        to = Labels(me.r.locale).fixed(item["to_name"])
        if item["from_name"]:
            text = _(
                "%(name)s moved it from %(before)s to %(stage)s",
                name=by,
                before=Labels(me.r.locale).fixed(item["from_name"]),
                stage=to,
            )
        else:
            text = _("%(name)s put it into %(stage)s", name=by, stage=to)
        return {"text": text, "more": Labels(me.r.locale).fixed(item["reason"] or "")}
    if item["kind"] == "note":
        coaches = _("%(name)s, for the owner to learn from", name=by)
        return {"text": coaches if item["coaching"] else _("%(name)s noted", name=by), "more": item["text"]}
    if item["kind"] == "offer":
        text = {"sent": _("%(name)s sent an offer"), "accepted": _("The offer was accepted")}.get(
            item["what"], _("The offer was declined")
        )
        offer = item["offer"]
        more = f"{offer['title']} · {me.r.money(offer['total'], offer['currency'])}"
        return {"text": text % {"name": by}, "more": more, "link": f"/offers/{offer['id']}"}
    if item["kind"] == "change":
        return {
            "text": _("%(name)s changed it", name=by),
            "more": "",
            "told": changes(me, _worth_telling(item["changes"])),
        }
    if item["kind"] == "document":
        document = item["document"]
        return {
            "text": _("%(name)s added a document", name=by),
            "more": document["name"],
            "link": f"/documents/{document['id']}/file",
        }
    if item["kind"] == "task":
        task = item["task"]
        kind = Labels(me.r.locale).task(task["kind"])
        if task["done_at"]:
            text = _("%(kind)s, done", kind=kind)
        else:
            text = _("%(kind)s, due %(time)s", kind=kind, time=me.r.near(task["due_at"]))
        return {"text": text, "more": "\n".join(one for one in (task["title"], task["result"]) if one)}
    return {"text": str(item["kind"]), "more": ""}


def _worth_telling(said: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Of what is an id, that it changed; the rest with the old and the new."""
    return {name: [None, None] if name.endswith("_id") else values for name, values in said.items()}


def conflict(me: Viewer, error: Conflict, deal: Mapping[str, Any]) -> str:
    """Why it was not moved: who was faster, and where the deal stands now."""
    _ = me.r.gettext
    stage = Labels(me.r.locale).fixed(deal["stage_name"])
    if error.by:
        return _(
            "%(name)s was faster: the deal is in %(stage)s now. Nothing of yours was saved; look, then try again.",
            name=full_name(error.by),
            stage=stage,
        )
    return _(
        "The deal has changed meanwhile: it is in %(stage)s now. Nothing of yours was saved; look, then try again.",
        stage=stage,
    )
