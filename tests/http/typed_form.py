"""A form of a page as a browser would send it."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    def __init__(self, action: str) -> None:
        super().__init__()
        self.action, self.inside, self.fields = action, False, list[tuple[str, str]]()
        self.text: str | None = None  # the name of the textarea that is open
        self.select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "form":
            self.inside = given.get("action") == self.action and given.get("method") == "post"
        elif not self.inside:
            return
        elif tag == "input" and name:
            ticked = given.get("type") not in ("checkbox", "radio") or "checked" in given
            self.fields += [(name, value)] if ticked else []
        elif tag == "textarea":
            self.text = name
            self.fields.append((name, ""))
        elif tag == "select":
            self.select = name
        elif tag == "option" and self.select:
            first = self.select not in dict(self.fields)
            if first or "selected" in given:
                self.fields = [one for one in self.fields if one[0] != self.select] + [(self.select, value)]

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.inside = False
        elif tag == "textarea" and self.text:
            name, value = self.fields.pop()
            self.fields.append((name, "\r\n".join(value.splitlines())))
            self.text = None
        elif tag == "select":
            self.select = None

    def handle_data(self, data: str) -> None:
        if self.inside and self.text:
            name, value = self.fields.pop()
            self.fields.append((name, value + data))


def typed_form(page: str, action: str) -> list[tuple[str, str]]:
    """The fields of the page's forms that are posted to `action`: [(name, value)], in their order."""
    reader = _Reader(action)
    reader.feed(page)
    return reader.fields


def typed(fields: list[tuple[str, str]], **more: str) -> list[tuple[str, str]]:
    """The same with something typed into some."""
    assert all(name in dict(fields) for name in more), (list(more), fields)
    return [(name, more.get(name, value)) for name, value in fields]
