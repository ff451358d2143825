"""The common part of the pages of imports, exports and templates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from config.spreadsheets.jobs import worker
from config.spreadsheets.jobs.queue import MAX_WAITING, Job
from config.spreadsheets.reading import limits
from config.spreadsheets.resources import SheetResource

_Job = TypeVar("_Job", bound=Job)
#: The parameter that chooses one of several sheets.
SHEET = "sheet"
#: Whether the person who asks may import, or export, a sheet.
_Permission = Callable[[HttpRequest, type[SheetResource]], bool]


class SheetPages:
    """A mixin for the admin of one model."""

    #: The first is shown unless another is asked for.
    sheets: tuple[type[SheetResource], ...]

    def sheet_of(self, kind: str) -> type[SheetResource]:
        return next(sheet for sheet in self.sheets if sheet.kind() == kind)

    def _allowed(self, request: HttpRequest, may: _Permission) -> list[type[SheetResource]]:
        return [sheet for sheet in self.sheets if may(request, sheet)]

    def _sheet(self, request: HttpRequest, may: _Permission) -> type[SheetResource]:
        """The sheet that the request names. Raises Http404, or PermissionDenied without the permissions."""
        found = [sheet for sheet in self.sheets if sheet.variant == request.GET.get(SHEET, "")]
        if not found:
            raise Http404
        if not may(request, found[0]):
            raise PermissionDenied
        return found[0]

    @property
    def _url_name(self: Any) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _url(self: Any, name: str, *args: Any) -> str:
        return reverse(f"admin:{self._url_name}_{name}", args=args)

    def _job_urls(self: Any, what: str, views: dict[str, Any]) -> list[URLPattern]:
        """The pages of one job; `views` has the view of each, by the last part of its path."""
        return [
            path(
                f"{what}/<uuid:pk>/{end}",
                self.admin_site.admin_view(view),
                name=f"{self._url_name}_{what}{'_' * bool(end)}{end.rstrip('/')}",
            )
            for end, view in views.items()
        ]

    def _found(self: Any, request: HttpRequest, jobs: QuerySet[_Job], pk: Any, may: _Permission) -> _Job:
        """One of these jobs. Raises Http404 if it is none of them, PermissionDenied without the permissions."""
        allowed = self._allowed(request, may)
        if not allowed:
            raise PermissionDenied
        kinds = [sheet.kind() for sheet in allowed]
        return find_job(jobs.filter(kind__in=kinds), pk)

    def _begin(self, request: Any, model: type[_Job], sheet: type[SheetResource], **fields: Any) -> _Job:
        """A new job of this person. Raises TooManyWaitingError."""
        shared = {"kind": sheet.kind(), "person": request.user, "language": get_language() or "en"}
        job: Any = model.objects.begin(**shared, **fields)
        worker.start()
        return job

    def _page(
        self: Any, request: HttpRequest, name: str, sheet: type[SheetResource], title: str, **context: Any
    ) -> HttpResponse:
        shared = {
            "columns_explained": sheet.columns(),
            "template_url": f"{self._url('template_sheet')}?{SHEET}={sheet.variant}",
            "list_url": self._url("changelist"),
            "most_rows": grouped(limits.MAX_ROWS),
            "most_megabytes": limits.MAX_BYTES // 1024**2,
        }
        return self.render_page(request, f"admin/spreadsheets/{name}.html", title, **shared, **context)


def find_job(jobs: QuerySet[_Job], pk: Any) -> _Job:
    """One of these jobs, as it is by now. Raises Http404 if it is none of them."""
    job: Any = get_object_or_404(jobs.select_related("person").defer(*jobs.model.LARGE_FIELDS), pk=pk)
    job.detect_crash()
    if job.is_waiting:  # the process that was asked to run it may have ended
        worker.start()
    return job


def progress_of(job: Job) -> HttpResponseBase:
    """For the script of the page. `ahead` is the number of jobs before this one, or null if it has begun."""
    ahead = job.ahead if job.is_waiting else None
    return JsonResponse({"running": job.is_running, "ahead": ahead, "done": job.rows_done, "total": job.rows_total})


def too_many_waiting() -> str:
    words = _(
        "%(number)s of your imports, exports and undos are waiting already. "
        "Wait until one of them is done, then try again."
    )
    return words % {"number": MAX_WAITING}


def grouped(number: int) -> str:
    return str(number_format(number, force_grouping=True))
