"""The roster: who was assigned and who worked where at a moment, and where one person was over a span of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from assignments.models.past_assignment import history_span
from assignments.resources.assignment import AssignmentResource
from assignments.roster.roster import MAX_ROWS, RosterRow, Stay, roster_at, stays_of, unrecorded
from assignments.roster.spells import Spell
from config.audit.log import audit
from config.back_office.moments import LocalMomentField
from config.back_office.rights import may_see_people
from config.back_office.times import in_words, time_tag
from config.history.pages import SUBJECTS, SubjectField
from config.identifiers import parse_key
from config.spreadsheets.pages import grouped
from config.spreadsheets.writing import exports

#: Most rows of a file.
MAX_EXPORTED = 10_000
#: The span about a person that is shown first.
DEFAULT_SPAN = timedelta(days=7)


# --- Forms ------------------------------------------------------------------------------------------------------
class RosterForm(forms.Form):
    moment = LocalMomentField(label=gettext_lazy("Date and time"), required=False)

    def __init__(self, data: Any, *, viewer: Any, began_at: datetime | None, now: datetime) -> None:
        super().__init__(data)
        house = SubjectField(SUBJECTS["warehouse"], viewer)
        house.label, house.help_text = gettext_lazy("Warehouse"), gettext_lazy("Name or ID; empty for all")
        self.fields = {"warehouse": house, **self.fields}
        self._began_at, self._now = began_at, now

    def clean_moment(self) -> datetime:
        """Now, if none was entered."""
        moment: datetime = self.cleaned_data["moment"] or self._now
        if moment > self._now:
            raise ValidationError(_("This moment has not come yet."))
        if self._began_at and moment < self._began_at:
            words = _("The history begins on %(moment)s. Who was assigned before is not known.")
            raise ValidationError(words % {"moment": in_words(self._began_at)})
        return moment


class PersonForm(forms.Form):
    since = LocalMomentField(label=gettext_lazy("From"), required=False)
    until = LocalMomentField(label=gettext_lazy("Until"), required=False)

    def __init__(self, data: Any, *, viewer: Any, now: datetime) -> None:
        super().__init__(data)
        person = SubjectField(SUBJECTS["person"], viewer)
        person.label, person.required = gettext_lazy("Person"), True
        self.fields = {"person": person, **self.fields}
        self._now = now

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if not self.errors:
            data["until"] = data["until"] or self._now
            data["since"] = data["since"] or data["until"] - DEFAULT_SPAN
            if data["since"] >= data["until"]:
                self.add_error("until", _("“Until” must be after “From”."))
        return data


# --- Pages ------------------------------------------------------------------------------------------------------
class RosterPages:
    """Both pages, for the ModelAdmin of assignments."""

    def roster_urls(self: Any) -> Iterator[URLPattern]:
        for route, view in {"roster": self.roster_view, "roster_person": self.roster_person_view}.items():
            yield path(route.replace("_", "/") + "/", self.admin_site.admin_view(view), name=f"assignments_{route}")

    def roster_view(self: Any, request: Any) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        began_at, now = _span()
        form = RosterForm(request.GET, viewer=request.user, began_at=began_at, now=now)
        context: dict[str, Any] = {"form": form, "began_at": began_at, "more_url": None}
        if form.is_valid():
            house, moment = form.cleaned_data["warehouse"] or None, form.cleaned_data["moment"]
            if "format" in request.GET:
                return _file(request, _HEADINGS, partial(_roster_lines, request, moment, house))
            rows, more = roster_at(moment, house, request.user, after=parse_key(request.GET.get("after")) or 0)
            fixed = {"warehouse": house.pk if house else "", "moment": moment.isoformat()}
            tag = cache(_spell_tag)  # most rows began or end with others
            context["lines"] = [(row, tag(row.assigned), tag(row.worked)) for row in rows]
            context |= _links(request, fixed, more) | {"rows": rows, "moment": moment, "house": house}
            context |= {"working": sum(row.worked is not None for row in rows), "is_later": "after" in request.GET}
            context["unrecorded"] = unrecorded(moment, warehouse=house.pk) if house else 0
        return self._roster_page(request, "admin/assignments/roster.html", _("Roster"), context)

    def roster_person_view(self: Any, request: Any) -> HttpResponse:
        """Requires also the permission to see people, as finding a person does."""
        if not (self.has_view_permission(request) and may_see_people(request.user)):
            raise PermissionDenied
        began_at, now = _span()
        form = PersonForm(request.GET or None, viewer=request.user, now=now)
        context: dict[str, Any] = {"form": form, "began_at": began_at}
        if form.is_valid():
            person, since, until = (form.cleaned_data[name] for name in ("person", "since", "until"))
            stays = stays_of(person, since, until, request.user)
            if "format" in request.GET:
                return _file(request, _STAY_HEADINGS, lambda: map(_stay_line, stays[:MAX_EXPORTED]))
            fixed = {"person": person.pk, "since": since.isoformat(), "until": until.isoformat()}
            context |= _links(request, fixed, None) | {"person": person, "since": since, "until": until}
            shown = stays[-MAX_ROWS:]
            context |= {"stays": shown, "left_out": len(stays) - len(shown)}
            context["lines"] = [(stay, _spell_tag(stay.spell)) for stay in shown]
            context["unrecorded"] = unrecorded(until, request.user, user=person.pk)
        return self._roster_page(request, "admin/assignments/roster_person.html", _("Where a person was"), context)

    def _roster_page(self: Any, request: HttpRequest, template: str, title: str, context: Any) -> HttpResponse:
        shared = {
            "with_emails": may_see_people(request.user),
            "max_rows": grouped(MAX_ROWS),
            "max_exported": grouped(MAX_EXPORTED),
            "opts": None,  # else the heading would be the model's
            "time_zone": settings.TIME_ZONE,
        }
        return self.render_page(request, template, title, **shared, **context)


def _span() -> tuple[datetime | None, datetime]:
    """The beginning of the history, and now, rounded up to a second: the form has no smaller parts."""
    began_at, now = history_span()
    return began_at, now.replace(microsecond=0) + timedelta(seconds=1) if now.microsecond else now


def _spell_tag(spell: Spell | None) -> str:
    """From when until when, for a page; "" for None."""
    if spell is None:
        return ""
    until = time_tag(spell.until) or _("open")
    if spell.is_beginning_known:
        return format_html("{} \N{EN DASH} {}", time_tag(spell.since), until)
    doubt = _("It may have begun earlier: its history begins then.")
    parts = doubt, _("at the latest"), time_tag(spell.since), until
    return format_html('<span title="{}">{} </span>{} \N{EN DASH} {}', *parts)


def _links(request: HttpRequest, fixed: dict[str, Any], more: int | None) -> dict[str, Any]:
    """Links to the same rows as files, and to the next ones. The moment is given with its offset."""

    def link(**also: Any) -> str:
        return f"?{urlencode(fixed | also)}"

    files = {kind: link(format=kind) for kind in exports.FORMATS} if _may_export(request) else {}
    return {"files": files, "first_url": link(), "more_url": link(after=more) if more else None}


# --- Files ------------------------------------------------------------------------------------------------------
def _may_export(request: Any) -> bool:
    return all(map(request.user.may_somewhere, AssignmentResource.rights_to_export))


def _file(request: Any, headings: list[Any], lines: Any) -> HttpResponse:
    """CSV, if the format is none of `exports.FORMATS`."""
    if not _may_export(request):
        raise PermissionDenied
    kind = request.GET["format"] if request.GET["format"] in exports.FORMATS else "csv"
    audit.info("Rows Exported", user_uuid=str(request.user.uuid), kind="roster")
    return exports.table([str(heading) for heading in headings], lines(), exports.dated("roster"), kind)


_HEADINGS = [
    gettext_lazy("E-mail"),
    gettext_lazy("Name"),
    gettext_lazy("Warehouse"),
    gettext_lazy("Assigned from"),
    gettext_lazy("Assigned until"),
    gettext_lazy("Worked there from"),
    gettext_lazy("Worked there until"),
]
_STAY_HEADINGS = [gettext_lazy("Warehouse"), gettext_lazy("What"), gettext_lazy("From"), gettext_lazy("Until")]


def _roster_lines(request: Any, moment: datetime, house: Any) -> Iterator[list[str]]:
    after: int | None = 0
    written = 0
    while after is not None and written < MAX_EXPORTED:
        most = MAX_EXPORTED if house else MAX_ROWS
        rows, after = roster_at(moment, house, request.user, after=after, limit=most)
        written += len(rows)
        yield from map(_roster_line, rows)


def _roster_line(row: RosterRow) -> list[str]:
    return [
        row.user.email,
        row.user.get_full_name(),
        row.warehouse.name,
        *_cells(row.assigned),
        *(_cells(row.worked) if row.worked else ("", "")),
    ]


def _stay_line(stay: Stay) -> list[str]:
    return [stay.warehouse.name, _("worked there") if stay.is_work else _("assigned"), *_cells(stay.spell)]


def _cells(spell: Spell) -> tuple[str, str]:
    """Local times that spreadsheets recognise; "" for an open end."""
    return _cell(spell.since), _cell(spell.until) if spell.until else ""


def _cell(moment: datetime) -> str:
    return f"{localtime(moment):%Y-%m-%d %H:%M:%S}"
