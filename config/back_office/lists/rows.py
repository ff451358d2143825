"""The rows of a list in the Back Office: the same HTML as Unfold's, with what all rows share rendered once a page.

Unfold renders headers, checkbox and labels again for every row, which is half the processor time of a page.
`tests/back_office/pages/test_result_rows.py` compares each row with Unfold's. Not supported, since no list of the site
has them: editable columns, dropdowns, cells with a header.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import label_for_field, lookup_field, quote
from django.db import models
from django.utils.functional import cached_property
from django.utils.html import conditional_escape, escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import CHECKBOX_CLASSES, LINK_CLASSES, ROW_CLASSES
from unfold.utils import display_for_field, display_for_label, display_for_value

_LINK_CLASS = f'class="{" ".join(LINK_CLASSES)}" '
_MOMENT = (datetime.date, datetime.time)
_SHORT_FIELDS = (models.DateField, models.TimeField, models.ForeignKey)


def result_rows(changelist: Any, headers: list[dict[str, Any]]) -> Iterator[SafeString]:
    """The HTML of the cells of each row of the page."""
    columns: list[Callable[[Any], str]] = []
    linked = False
    for index, name in enumerate(changelist.list_display):
        if name == "action_checkbox":
            columns.append(_checkbox_column())
        else:
            column = ResultColumn(changelist, name, headers[index]["text"], is_first_link=not linked)
            linked = linked or column.is_link
            columns.append(column)
    for result in changelist.result_list:
        yield SafeString("".join([column(result) for column in columns]))


def _checkbox_column() -> Callable[[Any], str]:
    start = format_html('<td class="{}" data-label="{}">', " ".join(CHECKBOX_CLASSES), _("Select record"))
    before, after = checkbox.render(ACTION_CHECKBOX_NAME, "{pk}").split("{pk}")
    return lambda result: f"{start}{before}{escape(result.pk)}{after}</td>"


class ResultColumn:
    """One column of a list; called with an object, it returns the HTML of its cell."""

    def __init__(self, changelist: Any, name: Any, heading: Any, *, is_first_link: bool) -> None:
        self.changelist, self.name, self.admin = changelist, name, changelist.model_admin
        self.is_link = name in (changelist.list_display_links or ())
        self.tag = "th" if self.is_link and is_first_link else "td"
        attr = label_for_field(name, changelist.model, self.admin, return_attr=True)[1]
        self.method = name if callable(name) else self._method_of_admin()
        self.labels, self.is_boolean = getattr(attr, "label", None), getattr(attr, "boolean", False)
        self.empty = getattr(attr, "empty_value_display", self.admin.get_empty_value_display())
        self.rendered_labels: dict[Any, str] = {}
        classes = " ".join([f"field-{getattr(name, '__name__', name)}", *ROW_CLASSES])
        start = '<{} class="{}{}" data-label="{}">'
        self.start = format_html(start, self.tag, mark_safe(classes), "", heading)  # noqa: S308 (Unfold's own)
        self.start_nowrap = format_html(start, self.tag, mark_safe(classes), " nowrap", heading)  # noqa: S308 (Unfold's own)

    def _method_of_admin(self) -> Callable[[Any], Any] | None:
        """None if the model has a column or a method of that name, which comes first."""
        return None if hasattr(self.changelist.model, self.name) else getattr(self.admin, self.name, None)

    def __call__(self, result: Any) -> str:
        content, is_short = self._content(result)
        content = conditional_escape(content)
        if self.is_link:
            content = f'<a href="{self._url(result)}" {self._link_attributes(result)}>{content}</a>'
        return f"{self.start_nowrap if is_short else self.start}{content}</{self.tag}>"

    def _content(self, result: Any) -> tuple[Any, bool]:
        """What the cell shows, and whether it is kept on one line."""
        if self.method:
            return self._of_value(self.method(result))
        field, _attr, value = lookup_field(self.name, result, self.admin)
        if field is None:
            return self._of_value(value)
        if isinstance(field.remote_field, models.ManyToOneRel):
            return (self.empty if value is None else value), True
        return display_for_field(value, field, self.empty), isinstance(field, _SHORT_FIELDS)

    def _of_value(self, value: Any) -> tuple[Any, bool]:
        shown = self._label(value) if self.labels else display_for_value(value, self.empty, self.is_boolean)
        return shown, isinstance(value, _MOMENT)

    def _label(self, value: Any) -> str:
        key = tuple(map(str, value)) if isinstance(value, tuple) else value
        if key not in self.rendered_labels:
            self.rendered_labels[key] = display_for_label(value, self.empty, self.labels)
        return self.rendered_labels[key]

    def _url(self, result: Any) -> str:
        start, end = self._around_key
        return f"{start}{self._key(result)}{end}"

    @cached_property
    def _around_key(self) -> tuple[str, str]:
        """What the URLs of all rows begin and end with, escaped; a query leads back to the list as it is."""
        first = self.changelist.result_list[0]
        url, key = self.changelist.url_for_result(first), self._key(first)
        context = {"preserved_filters": self.changelist.preserved_filters, "opts": self.changelist.opts}
        query = str(add_preserved_filters(context, url)).removeprefix(url)
        start, _, end = url.rpartition(f"/{key}/")
        return escape(f"{start}/"), escape(f"/{end}{query}")

    def _key(self, result: Any) -> Any:
        return quote(getattr(result, self.changelist.pk_attname))

    def _link_attributes(self, result: Any) -> str:
        if not self.changelist.is_popup:
            return _LINK_CLASS
        attribute = str(self.changelist.to_field or self.changelist.pk_attname)
        return _LINK_CLASS + format_html(' data-popup-opener="{}"', result.serializable_value(attribute))
