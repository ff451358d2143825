"""What the pages of imports, exports and templates share."""

from __future__ import annotations

from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from spreadsheets import files, jobs
from spreadsheets.queue import MAX_WAITING, Job
from spreadsheets.resources import SheetResource

_Job = TypeVar("_Job", bound=Job)


class SheetPages:
    """Of the admin of one model."""

    sheet: type[SheetResource]

    @property
    def _url_name(self: Any) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _url(self: Any, name: str, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:{self._url_name}_{name}", args=args)

    def _job_urls(self: Any, what: str, views: dict[str, Any]) -> list[URLPattern]:
        """The pages of one job: the view of each, by the end of its address."""
        return [
            path(
                f"{what}/<uuid:pk>/{end}",
                self.admin_site.admin_view(view),
                name=f"{self._url_name}_{what}{'_' * bool(end)}{end.rstrip('/')}",
            )
            for end, view in views.items()
        ]

    def _own(self: Any, request: HttpRequest, model: type[_Job], pk: Any, *, is_allowed: bool) -> _Job:
        """One's own job: another person's is none."""
        if not is_allowed:
            raise PermissionDenied
        job: Any = model.objects.of(request.user, self.opts.label_lower).filter(pk=pk).first()
        if job is None:
            raise Http404
        job.notice_death()
        if job.is_waiting:  # the process that was to take it may be gone: this one looks, too
            jobs.start()
        return job

    def _page(self: Any, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {
            "opts": self.opts,
            "title": title,
            "columns_explained": self.sheet.columns(),
            "template_url": self._url("template_sheet"),
            "list_url": self._url("changelist"),
            "most_rows": grouped(files.MAX_ROWS),
            "most_megabytes": files.MAX_BYTES // 1024**2,
        }
        everything = self.admin_site.each_context(request) | shared | context
        return TemplateResponse(request, f"admin/spreadsheets/{name}.html", everything)


def progress_of(job: Job) -> HttpResponseBase:
    """`ahead` is how many jobs come before this one, or null once it is its turn."""
    ahead = job.ahead if job.is_waiting else None
    return JsonResponse({"running": job.is_running, "ahead": ahead, "done": job.rows_done, "total": job.rows_total})


def too_many_waiting() -> str:
    words = _(
        "%(number)s of your imports and exports are waiting already. Wait until one of them is done, then try again."
    )
    return words % {"number": MAX_WAITING}


def grouped(number: int) -> str:
    return str(number_format(number, force_grouping=True))
