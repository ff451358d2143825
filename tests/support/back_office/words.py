"""The texts of a page of the Back Office."""

from __future__ import annotations

from html.parser import HTMLParser


class Words(HTMLParser):
    """The texts of a page that a person reads or hears."""

    _SILENT = ("script", "style", "template", "code")
    _SPOKEN = ("placeholder", "aria-label", "title", "alt")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: set[str] = set()
        self._inside: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in self._SILENT:
            self._inside.append(tag)
        values = dict(attrs)
        icon = "material-symbols-outlined" in (values.get("class") or "")
        self.texts |= {" ".join((values[name] or "").split()) for name in self._SPOKEN if name in values}
        if icon:
            self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.texts.add(" ".join(data.split()))
