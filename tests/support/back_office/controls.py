"""The links and buttons in the HTML of a page, and which of them cannot have an effect."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

from django.urls import Resolver404, resolve


@dataclass
class Control:
    """A link or a button. `form` is the address of the form that it submits, None without a form."""

    tag: str
    attributes: dict[str, str]
    form: str | None = None
    words: str = ""

    @property
    def name(self) -> str:
        return self.attributes.get("aria-label") or " ".join(self.words.split())

    @property
    def href(self) -> str:
        return self.attributes.get("href", "")

    @property
    def is_scripted(self) -> bool:
        """Whether a click has the effect that a script gives it, and none without scripts."""
        return self.tag == "summary" or self.attributes.get("type") == "button"


@dataclass
class Controls(HTMLParser):
    """All controls of a page at this path, in their order."""

    page: str
    path: str
    found: list[Control] = field(default_factory=list)
    #: Address of each form by its `id`.
    forms: dict[str, str] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self._form: str | None = None
        self._open: list[Control] = []
        self.feed(self.page)
        for control in self.found:
            if (named := control.attributes.get("form")) is not None:
                control.form = self.forms.get(named)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        self.ids.add(attributes.get("id", ""))
        if tag == "form":
            self._form = urljoin(self.path, attributes.get("action"))
            self.forms[attributes.get("id", "")] = self._form
        elif tag in ("a", "button", "summary") or attributes.get("role") == "button":
            control = Control(tag, attributes, attributes.get("formaction") or self._form)
            self.found.append(control)
            self._open.append(control)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        if self._open and self._open[-1].tag == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        for control in self._open:
            control.words += data

    def without_effect(self) -> list[str]:
        """The links without an address and the buttons without a form. Those of scripts have to be clicked."""
        return [f"<{one.tag}> {one.name}" for one in self.found if not self._has_effect(one)]

    def _has_effect(self, control: Control) -> bool:
        if control.is_scripted:
            return True
        if control.tag == "a":
            return bool(control.href) and (control.href[0] != "#" or control.href[1:] in self.ids)
        return control.tag == "button" and control.form is not None and _exists(control.form)


def _exists(address: str) -> bool:
    try:
        resolve(address.partition("?")[0])
    except Resolver404:
        return False
    return True
