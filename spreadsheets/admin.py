"""The buttons Import, Export and Template of a list, and the pages behind them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ERROR_FLAG
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.formats import number_format
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.decorators import action

from config.logs import audit
from spreadsheets import exports, files, jobs
from spreadsheets.exports import FORMATS
from spreadsheets.forms import UploadForm
from spreadsheets.models import MAX_WAITING, Import, TooManyWaitingError
from spreadsheets.resources import SheetResource


class SheetAdminMixin:
    """Gives an admin import and export. Name it before ModelAdmin, and the resource in `sheet`."""

    sheet: type[SheetResource]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions_list = [*self.actions_list, "import_sheet", "export_sheet", "template_sheet"]

    # --- Who may ---
    def has_import_permission(self: Any, request: HttpRequest, *args: Any) -> bool:
        """An import may create as well as change, whatever forms this admin has or has not."""
        app, name = self.opts.app_label, self.opts.model_name
        return request.user.has_perms((f"{app}.add_{name}", f"{app}.change_{name}"))

    def has_export_permission(self: Any, request: HttpRequest, *args: Any) -> bool:
        return self.has_view_permission(request)

    # --- Where ---
    def get_urls(self: Any) -> list[Any]:
        views = {
            "": self.import_page,
            "again/": require_POST(self.import_again),
            "apply/": require_POST(self.import_apply),
            "progress/": self.import_progress,
            "faults/": self.import_faults,
        }
        own = [
            path(
                f"import/<uuid:pk>/{end}",
                self.admin_site.admin_view(view),
                name=f"{self._url_name}_import{'_' * bool(end)}{end.rstrip('/')}",
            )
            for end, view in views.items()
        ]
        return own + super().get_urls()  # type: ignore[misc]

    @property
    def _url_name(self: Any) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"

    def _url(self: Any, name: str, *args: Any) -> str:
        return reverse(f"{self.admin_site.name}:{self._url_name}_{name}", args=args)

    def changelist_view(self: Any, request: HttpRequest, extra_context: Any = None) -> HttpResponseBase:
        """What is searched and filtered for is also what the button exports."""
        answer = super().changelist_view(request, extra_context)  # type: ignore[misc]
        export = self._url("export_sheet")
        for button in (getattr(answer, "context_data", None) or {}).get("actions_list", ()):
            if request.GET and button.get("path") == export:
                button["path"] += f"?{request.GET.urlencode()}"
        return answer

    # --- Import ---
    @action(description=gettext_lazy("Import"), url_path="import", permissions=["import"], icon="upload")
    def import_sheet(self: Any, request: HttpRequest) -> HttpResponseBase:
        Import.objects.past_keeping().delete()
        too_large = getattr(request, "has_too_large_file", False)
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*sent, has_too_large_file=too_large)
        if form.is_valid():
            try:
                return HttpResponseRedirect(self._url("import", self._begin(request, form).pk))
            except TooManyWaitingError:
                form.add_error("file", _too_many_waiting())
        title = _("Import %(what)s") % {"what": self.opts.verbose_name_plural}
        return self._page(request, "import", title, form=form)

    def _begin(self: Any, request: HttpRequest, form: UploadForm) -> Import:
        file, reason = form.cleaned_data["file"], form.cleaned_data["change_reason"]
        pk = uuid.uuid4()
        context = {"user": request.user.pk, "url": request.path, "client": "back-office", "request_id": pk.hex}
        job = Import.objects.begin(
            pk=pk,
            kind=self.opts.label_lower,
            person=request.user,
            language=get_language() or "en",
            file_name=file.name[-255:],
            content=file.read(),
            context=context | ({"reason": reason} if reason else {}),
        )
        jobs.start()
        return job

    def import_page(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """What the file would do, is doing, or has done."""
        job = self._job(request, pk)
        created = job.report.get("created", [])
        filled = {name for _row, _label, values in created for name in values}
        order = [str(column.heading) for column in self.sheet.columns()]
        names = [name for name in order if name in filled] + sorted(filled - set(order))
        title = _("Import %(what)s: %(file)s") % {"what": self.opts.verbose_name_plural, "file": job.file_name}
        return self._page(
            request,
            "preview",
            title,
            job=job,
            report=job.report,
            is_sound=not (job.report.get("problems") or job.report.get("faulty_rows")),
            faults=Paginator(job.fault_pages.all(), 1).get_page(request.GET.get("page")),
            columns=names,
            created=[(row, [values.get(name, "") for name in names]) for row, _label, values in created],
            form=UploadForm(initial={"change_reason": job.context.get("reason", "")}),
            urls={name: self._url(f"import_{name}", job.pk) for name in ("again", "apply", "progress", "faults")},
            import_url=self._url("import_sheet"),
        )

    def import_again(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file once more, after a stop or a change of the data."""
        job = self._job(request, pk)
        if job.state in (Import.State.STOPPED, Import.State.CHECKED):
            self._restart(request, job, to=Import.State.CHECKING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_apply(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = self._job(request, pk)
        if job.report.get("faulty_rows") or job.report.get("problems"):
            messages.error(request, _("This file has faults. Correct them and upload it again."))
        elif job.state == Import.State.CHECKED:
            self._restart(request, job, to=Import.State.APPLYING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def _restart(self: Any, request: HttpRequest, job: Import, to: str) -> None:
        try:
            if job.restart(job.state, to=to):
                jobs.start()
        except TooManyWaitingError:
            messages.error(request, _too_many_waiting())

    def import_progress(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """`ahead` is how many imports come before this one, or null once it is its turn."""
        job = self._job(request, pk)
        ahead = job.ahead if job.is_waiting else None
        return JsonResponse({"running": job.is_running, "ahead": ahead, "done": job.rows_done, "total": job.rows_total})

    def import_faults(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Every fault as CSV."""
        pages = self._job(request, pk).fault_pages.values_list("faults", flat=True).iterator(chunk_size=1)
        headings = [_("Row"), _("Column"), _("Reason"), _("What stands there")]
        return exports.table(headings, (fault for page in pages for fault in page), f"{self.opts.model_name}-faults")

    def _job(self: Any, request: HttpRequest, pk: Any) -> Import:
        """One's own import: another person's is none."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        job = Import.objects.of(request.user, self.opts.label_lower).filter(pk=pk).first()
        if job is None:
            raise Http404
        job.notice_death()
        if job.is_waiting:  # the process that was to take it may be gone: this one looks, too
            jobs.start()
        return job

    # --- Export ---
    @action(description=gettext_lazy("Export"), url_path="export", permissions=["export"], icon="download")
    def export_sheet(self: Any, request: Any) -> HttpResponseBase:
        """All rows, or those of the search and filters that the address repeats from the list."""
        query = request.GET.copy()
        kind = (query.pop("format", [""]))[0]
        request.GET = query  # the list knows nothing of formats
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:  # the list says so
            return HttpResponseRedirect(f"{self._url('changelist')}?{ERROR_FLAG}=1")
        if kind in FORMATS:
            try:
                answer = exports.export(self.sheet(request.user), rows, str(self.opts.model_name), kind)
                audit.info("Rows Exported", user_uuid=str(request.user.uuid), kind=self.opts.label_lower)
                return answer
            except exports.TooManyRowsError:
                words = _("Excel takes at most %(rows)s rows from here. Choose CSV.")
                messages.error(request, words % {"rows": _grouped(exports.MOST_XLSX_ROWS)})
        found = exports.counted(self.sheet, rows)
        return self._page(
            request,
            "export",
            _("Export %(what)s") % {"what": self.opts.verbose_name_plural},
            links={name: f"?{_with_format(query, name)}" for name in FORMATS},
            is_narrowed=bool(query),
            rows=_grouped(found),
            number=found,
            fits_excel=found <= exports.MOST_XLSX_ROWS,
            most_rows_of_excel=_grouped(exports.MOST_XLSX_ROWS),
        )

    @action(
        description=gettext_lazy("Template"), url_path="import-template", permissions=["import"], icon="description"
    )
    def template_sheet(self: Any, request: HttpRequest) -> HttpResponseBase:
        kind = request.GET.get("format", "xlsx")
        if kind not in FORMATS:
            raise Http404
        return exports.template(self.sheet, str(self.opts.model_name), kind)

    def _page(self: Any, request: HttpRequest, name: str, title: str, **context: Any) -> HttpResponse:
        request.current_app = self.admin_site.name
        shared = {
            "opts": self.opts,
            "title": title,
            "columns_explained": self.sheet.columns(),
            "template_url": self._url("template_sheet"),
            "list_url": self._url("changelist"),
            "most_rows": _grouped(files.MOST_ROWS),
            "most_megabytes": files.MOST_BYTES // 1024**2,
        }
        everything = self.admin_site.each_context(request) | shared | context
        return TemplateResponse(request, f"admin/spreadsheets/{name}.html", everything)


def _too_many_waiting() -> str:
    words = _("%(number)s of your imports are waiting already. Wait until one of them is done, then try again.")
    return words % {"number": MAX_WAITING}


def _grouped(number: int) -> str:
    return str(number_format(number, force_grouping=True))


def _with_format(query: Any, name: str) -> str:
    both = query.copy()
    both["format"] = name
    return both.urlencode()
