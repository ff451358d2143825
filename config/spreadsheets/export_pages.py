"""The action Export of a changelist, and its pages."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.decorators import action

from config.audit.log import audit
from config.back_office.authority import AuthorityLostError
from config.spreadsheets.jobs import queue
from config.spreadsheets.models import Export
from config.spreadsheets.pages import SHEET, SheetPages, grouped, progress_of, too_many_waiting
from config.spreadsheets.resources import SheetResource
from config.spreadsheets.writing import exports
from config.spreadsheets.writing.exports import FORMATS


class ExportPages(SheetPages):
    """A job builds the file; a page shows its progress."""

    def has_export_permission(self: Any, request: HttpRequest, *args: Any) -> bool:
        return self._may_export(request, self.sheets[0])

    def _may_export(self: Any, request: Any, sheet: type[SheetResource]) -> bool:
        return self.has_view_permission(request) and all(map(request.user.may_somewhere, sheet.rights_to_export))

    def get_urls(self: Any) -> list[Any]:
        views = {"": self.export_page, "progress/": self.export_progress, "file/": self.export_file}
        return self._job_urls("export", views) + super().get_urls()  # type: ignore[misc]

    def changelist_view(self: Any, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """The action Export keeps the search and the filters of the list."""
        answer = super().changelist_view(request, extra_context)  # type: ignore[misc]
        export = self._url("export_sheet")
        for button in (getattr(answer, "context_data", None) or {}).get("actions_list", ()):
            if request.GET and button.get("path") == export:
                button["path"] += f"?{request.GET.urlencode()}"
        return answer

    @action(description=gettext_lazy("Export"), url_path="export", permissions=["export"], icon="download")
    def export_sheet(self: Any, request: Any) -> HttpResponseBase:
        """The rows of the list, by the search and filters in the query string."""
        queue.delete_old()
        sheet = self._sheet(request, self._may_export)
        query = request.GET.copy()
        kind = (query.pop("format", [""]))[0]
        query.pop(SHEET, None)
        request.GET = query  # the changelist refuses unknown parameters
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:  # the list shows the message
            return HttpResponseRedirect(f"{self._url('changelist')}?{ERROR_FLAG}=1")
        found = exports.counted(sheet, rows, request.user)
        if kind in FORMATS and request.method == "POST" and (job := self._begin_export(request, sheet, kind, found)):
            return HttpResponseRedirect(self._url("export", job.pk))
        return self._page(
            request,
            "export",
            sheet,
            self._export_title(sheet),
            links={name: f"?{_query(query, sheet, name)}" for name in FORMATS},
            sheets=[
                (one.title(), f"?{_query(query, one)}", one is sheet)
                for one in self._allowed(request, self._may_export)
            ],
            everything_url=f"?{_query(QueryDict(mutable=True), sheet)}",
            is_narrowed=bool(query),
            rows=grouped(min(found, exports.MAX_ROWS["csv"])),
            number=found,
            fits={name: found <= most for name, most in exports.MAX_ROWS.items()},
            most_rows_of_excel=grouped(exports.MAX_ROWS["xlsx"]),
        )

    def _begin_export(self: Any, request: Any, sheet: type[SheetResource], kind: str, found: int) -> Export | None:
        """The job that builds the file, or None with a message for the person."""
        if found > exports.MAX_ROWS[kind]:
            messages.error(request, _too_many_rows(kind))
            return None
        try:
            name, query = f"{exports.dated(sheet.file_name)}.{kind}", request.GET.urlencode()
            job: Export = self._begin(request, Export, sheet, file_name=name, query=query, rows_total=found)
        except queue.TooManyWaitingError:
            messages.error(request, too_many_waiting())
            return None
        return job

    def rows_for(self: Any, person: Any, sheet: type[SheetResource], query: QueryDict) -> Any:
        """The rows of the person's list for a query string. Raises AuthorityLostError, IncorrectLookupParameters."""
        request: Any = HttpRequest()
        request.method, request.user, request.GET = "GET", person, query
        if not self._may_export(request, sheet):
            raise AuthorityLostError
        return self.get_changelist_instance(request).get_queryset(request)

    def export_page(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Progress of the job, then a link to the file."""
        job = self._export(request, pk)
        sheet = self.sheet_of(job.kind)
        again = _query(QueryDict(job.query), sheet, exports.kind_of(job.file_name))
        return self._page(
            request,
            "building",
            sheet,
            self._export_title(sheet),
            job=job,
            urls={name: self._url(f"export_{name}", job.pk) for name in ("progress", "file")},
            again_url=f"{self._url('export_sheet')}?{again}",
        )

    def export_progress(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        return progress_of(self._export(request, pk))

    def export_file(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = self._export(request, pk)
        if job.state != Export.State.READY:
            raise Http404
        audit.info("Rows Exported", user_uuid=str(job.person.uuid), kind=job.kind)
        return exports.download(request, job.read(), job.file_name)

    def _export(self: Any, request: HttpRequest, pk: Any) -> Export:
        """Raises Http404 for another person's."""
        return self._found(request, Export.objects.of(request.user), pk, self._may_export)

    def _export_title(self: Any, sheet: type[SheetResource]) -> str:
        return _("Export %(what)s") % {"what": sheet.title()}


def _too_many_rows(kind: str) -> str:
    words = {
        "xlsx": _("Excel takes at most %(rows)s rows from here. Choose CSV."),
        "ods": _("LibreOffice takes at most %(rows)s rows from here. Choose CSV."),
        "csv": _("A file takes at most %(rows)s rows. Search or filter the list for what you need."),
    }
    return words[kind] % {"rows": grouped(exports.MAX_ROWS[kind])}


def _query(query: Any, sheet: type[SheetResource], name: str = "") -> str:
    """The query string of the page for this sheet and, if a name is given, this format."""
    both = query.copy()
    both.update({SHEET: sheet.variant} if sheet.variant else {})
    both.update({"format": name} if name else {})
    return both.urlencode()
