"""The history in the Back Office: a page per object, and one searchable page of everything. Read-only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db.models import F, Model, Q
from django.db.models.lookups import IsNull
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from config.back_office.periods import DAY_INPUT, period_of
from config.back_office.rights import shows_emails
from config.database import replica
from config.history import changes
from config.history.positions import Position
from config.history.tracking import DATABASE, NOTHING, seen_by, tracked_models

PAGE_ROWS = 50
#: The length of the longest e-mail or name.
MAX_CHARACTERS = 255
#: Most objects that are named if the input can be any of them.
MAX_NAMED = 5


class ReasonFormMixin(forms.Form):
    """A form with a reason for the history. Add "change_reason" to the fieldsets."""

    change_reason = forms.CharField(  # named by `config.history.tracking.REASON`
        label=_("Reason (optional, kept in the history)"),
        required=False,
        max_length=255,
        widget=UnfoldAdminTextInputWidget,
    )


class HistoryAdminMixin:
    """Shows the recorded history in place of Django's admin log. Put it before ModelAdmin."""

    def history_view(
        self: Any, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """All changes of one object and of objects related to it."""
        if not self.has_view_permission(request):  # before the lookup, which discloses existence
            raise PermissionDenied
        with replica.primary():  # it may be new
            found = self.get_object(request, object_id)
        if found is None:
            return self.missing(request, object_id)
        context = {"title": gettext("History: %(object)s") % {"object": found}, "opts": self.opts, "original": found}
        return _page(request, context | (extra_context or {}), about=found)


def history_view(request: HttpRequest) -> HttpResponse:
    """All changes of the models that the user may view."""
    if not kinds_for(request.user):
        raise PermissionDenied
    return _page(request, {"title": gettext("History")})


def _page(request: HttpRequest, context: dict[str, Any], *, about: Model | None = None) -> HttpResponse:
    kinds = kinds_for(request.user)
    form = HistoryForm(request.GET, kinds=kinds, about=about, viewer=request.user)
    rows: list[changes.RecordedChange] = []
    more = None
    if form.is_valid():
        rows, more = changes.find(form.query(request.GET.get("after", "")), PAGE_ROWS)
    page = {"form": form, "changes": rows, "is_later": "after" in request.GET, **links_to_others(request, more)}
    return TemplateResponse(request, "admin/history/page.html", admin.site.each_context(request) | page | context)


def links_to_others(request: HttpRequest, more: Position | None) -> dict[str, Any]:
    """The links to the newest and to older changes, of which `more` is the position."""
    return {"newest": _same_query(request), "older": more and _same_query(request, after=str(more))}


def _same_query(request: HttpRequest, **also: str) -> str:
    query = request.GET.copy()
    query.pop("after", None)
    query.update(also)
    return f"?{query.urlencode()}"


def kinds_for(person: Any) -> dict[type[Model], Q]:
    """The tracked models that the person may view, each with the condition of the events that they may see."""
    models = (model for model in tracked_models() if person.may_somewhere(_view_permission(model)))
    conditions = ((model, seen_by(model, person)) for model in models)
    return {model: condition for model, condition in conditions if condition != NOTHING}


def query_for(viewer: Any, **filters: Any) -> changes.HistoryQuery:
    """A query of all that a person may see."""
    return changes.HistoryQuery(kinds_for(viewer), with_emails=shows_emails(viewer), **filters)


def _view_permission(model: Any) -> str:
    """The model's view permission, or its `history_seen_with`, if it is a proxy of another app's model."""
    own = f"{model._meta.app_label}.view_{model._meta.model_name}"
    return str(getattr(model, "history_seen_with", own))


# --- The form ---------------------------------------------------------------------------------------------------
_IN_CALENDAR = [MinValueValidator(date(2000, 1, 1)), MaxValueValidator(date(2999, 12, 31))]


@dataclass(frozen=True)
class HistorySubject:
    """A filter of the history page: an input that finds one object."""

    label: Any
    help_text: Any
    #: Error message if nothing is found, with the input as `%(text)s`.
    missing: Any
    #: The objects of an input, as far as the viewer may find them.
    find: Callable[[str, Any], Sequence[Model]]

    def found(self, text: str, viewer: Any) -> Any:
        """The object of an input. Raises ValidationError if there is none, or more than one."""
        found = self.find(text, viewer)
        if len(found) == 1:
            return found[0]
        if not found:
            raise ValidationError(self.missing, params={"text": text})
        names = [f"{one} (ID {one.pk})" for one in found[:MAX_NAMED]] + ["…"] * (len(found) > MAX_NAMED)
        several = gettext("“%(text)s” can be: %(names)s. Please enter one of these IDs, or more letters.")
        raise ValidationError(several, params={"text": text, "names": ", ".join(names)})


#: Name of the input → filter. The apps' admin modules add theirs.
SUBJECTS: dict[str, HistorySubject] = {}


class SubjectField(forms.CharField):
    def __init__(self, subject: HistorySubject, viewer: Any) -> None:
        super().__init__(
            label=subject.label,
            help_text=subject.help_text,
            required=False,
            max_length=MAX_CHARACTERS,
            widget=UnfoldAdminTextInputWidget(),
        )
        self._subject, self._viewer = subject, viewer

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        return text and self._subject.found(text, self._viewer)


class HistoryForm(forms.Form):
    """The filters of the history. An input without an object is an error, not an empty page."""

    actor = forms.CharField(
        label=_("Changed by"),
        help_text=_("Name, e-mail or ID of a person, or the word “database”"),
        required=False,
        max_length=MAX_CHARACTERS,
        widget=UnfoldAdminTextInputWidget,
    )
    kind = forms.ChoiceField(label=_("Kind"), required=False, widget=UnfoldAdminSelectWidget)
    since = forms.DateField(label=_("From"), required=False, widget=DAY_INPUT, validators=_IN_CALENDAR)
    until = forms.DateField(label=_("Up to and including"), required=False, widget=DAY_INPUT, validators=_IN_CALENDAR)

    def __init__(self, data: Any, *, kinds: Mapping[type[Model], Q], about: Model | None, viewer: Any) -> None:
        super().__init__(data)
        self._viewer, self._kinds, self._about = viewer, kinds, about
        names = [(model._meta.label_lower, capfirst(model._meta.verbose_name_plural)) for model in kinds]
        self.fields["kind"].choices = [("", _("All")), *names]  # type: ignore[attr-defined]
        if settings.OIDC_PROVIDERS:
            self.fields["actor"].help_text = _(
                "Name, e-mail or ID of a person, the label of a provider of company accounts, or the word “database”"
            )
        if about is None:
            subjects = {name: SubjectField(SUBJECTS[name], viewer) for name in sorted(SUBJECTS)}
            self.fields = {**subjects, **self.fields}

    def clean_actor(self) -> Q:
        """The condition of the events of this author."""
        text = self.cleaned_data["actor"]
        if not text:
            return Q()
        if text.lower() in {DATABASE, gettext("Database").lower()}:
            return Q(pgh_context__isnull=True)
        for label in (one.label for one in settings.OIDC_PROVIDERS.values()):
            if text.casefold() == label.casefold():  # the first condition is what the index of authors finds
                return Q(IsNull(F("pgh_context__user"), True), pgh_context__provider=label)
        return Q(pgh_context__user=SUBJECTS["person"].found(text, self._viewer).pk)

    def query(self, after: str) -> changes.HistoryQuery:
        answers = self.cleaned_data
        asked, period = answers["kind"], period_of(answers["since"], answers["until"])
        return changes.HistoryQuery(
            kinds={kind: seen for kind, seen in self._kinds.items() if asked in ("", kind._meta.label_lower)},
            about=[one for one in (self._about, *(answers.get(name) for name in SUBJECTS)) if one],
            actor=answers["actor"],
            since=period.starts_at,
            until=period.ends_at,
            after=Position.parse(after),
            with_emails=shows_emails(self._viewer),
        )
