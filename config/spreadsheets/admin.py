"""The actions Import, Export and Template of a changelist, and the pages of imports and templates."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import action

from config.spreadsheets import exports
from config.spreadsheets.export_pages import ExportPages
from config.spreadsheets.exports import FORMATS
from config.spreadsheets.forms import UploadForm
from config.spreadsheets.jobs import queue, worker
from config.spreadsheets.models import Import
from config.spreadsheets.pages import progress_of, too_many_waiting
from config.spreadsheets.reading.files import normalized_heading

#: The links and buttons of the page of an import.
_STEPS = ("again", "ignore", "apply", "progress", "faults", "left-out")


class SheetAdminMixin(ExportPages):
    """Adds import and export to an admin. It comes before ModelAdmin; `sheet` is the resource."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions_list = [*self.actions_list, "import_sheet", "export_sheet", "template_sheet"]

    def has_import_permission(self: Any, request: HttpRequest, *args: Any) -> bool:
        """An import may add and change rows, even if this admin has no form for that."""
        app, name = self.opts.app_label, self.opts.model_name
        return request.user.has_perms((f"{app}.add_{name}", f"{app}.change_{name}"))

    def get_urls(self: Any) -> list[Any]:
        views = {
            "": self.import_page,
            "again/": require_POST(self.import_again),
            "ignore/": require_POST(self.import_ignore),
            "apply/": require_POST(self.import_apply),
            "progress/": self.import_progress,
            "faults/": self.import_faults,
            "left-out/": self.import_left_out,
        }
        return self._job_urls("import", views) + super().get_urls()

    # --- Import ---
    @action(description=gettext_lazy("Import"), url_path="import", permissions=["import"], icon="upload")
    def import_sheet(self: Any, request: HttpRequest) -> HttpResponseBase:
        queue.delete_old()
        too_large = getattr(request, "has_too_large_file", False)
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*sent, has_too_large_file=too_large)
        if form.is_valid():
            try:
                return HttpResponseRedirect(self._url("import", self._upload(request, form).pk))
            except queue.TooManyWaitingError:
                form.add_error("file", too_many_waiting())
        title = _("Import %(what)s") % {"what": self.opts.verbose_name_plural}
        return self._page(request, "import", title, form=form)

    def _upload(self: Any, request: HttpRequest, form: UploadForm) -> Import:
        file, reason = form.cleaned_data["file"], form.cleaned_data["change_reason"]
        pk = uuid.uuid4()
        context = {"user": request.user.pk, "url": request.path, "client": "back-office", "request_id": pk.hex}
        context |= {"reason": reason} if reason else {}
        fields = {"pk": pk, "file_name": file.name[-255:], "content": file.read(), "context": context}
        return self._begin(request, Import, ignored_columns=self._ignored(request), **fields)

    def _ignored(self: Any, request: HttpRequest) -> list[str]:
        """The columns that the person chose to ignore in their previous file."""
        earlier = Import.objects.of(request.user, self.opts.label_lower).order_by("-created_at", "pk")
        return earlier.values_list("ignored_columns", flat=True).first() or []

    def import_page(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Progress of the job, then its report."""
        job = self._job(request, pk)
        created = job.report.get("created", [])
        used = {name for _row, _label, values in created for name in values}
        headings = [str(column.heading) for column in self.sheet.columns()]
        names = [name for name in headings if name in used] + sorted(used - {*headings})
        title = _("Import %(what)s: %(file)s") % {"what": self.opts.verbose_name_plural, "file": job.file_name}
        return self._page(
            request,
            "preview",
            title,
            job=job,
            report=job.report,
            faults=Paginator(job.fault_pages.all(), 1).get_page(request.GET.get("page")),
            columns=names,
            created=[(row, [values.get(name, "") for name in names]) for row, _label, values in created],
            form=UploadForm(initial={"change_reason": job.context.get("reason", "")}),
            urls={name.replace("-", "_"): self._url(f"import_{name}", job.pk) for name in _STEPS},
            import_url=self._url("import_sheet"),
        )

    def import_again(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file again, after it was stopped or the data was changed."""
        job = self._job(request, pk)
        if job.state in (Import.State.STOPPED, Import.State.CHECKED):
            self._restart(request, job, to=Import.State.CHECKING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_ignore(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file again without its unknown columns."""
        job = self._job(request, pk)
        unknown = job.report.get("unknown_columns", [])
        if job.state == Import.State.CHECKED and unknown:
            ignored = {*job.ignored_columns, *map(normalized_heading, unknown)}
            Import.objects.filter(pk=job.pk).update(ignored_columns=sorted(ignored))
            self._restart(request, job, to=Import.State.CHECKING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_apply(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = self._job(request, pk)
        leaves_out_faulty = "good_rows" in request.POST and bool(job.good_rows)
        if not (job.is_sound or leaves_out_faulty):
            messages.error(request, _("This file has faults. Correct them and upload it again."))
        elif job.state == Import.State.CHECKED:
            Import.objects.filter(pk=job.pk).update(leaves_out_faulty=leaves_out_faulty)
            self._restart(request, job, to=Import.State.APPLYING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def _restart(self: Any, request: HttpRequest, job: Import, to: str) -> None:
        try:
            if job.restart(job.state, to=to):
                worker.start()
        except queue.TooManyWaitingError:
            messages.error(request, too_many_waiting())

    def import_progress(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        return progress_of(self._job(request, pk))

    def import_faults(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Every fault as CSV."""
        pages = self._job(request, pk).fault_pages.values_list("faults", flat=True).iterator(chunk_size=1)
        headings = [_("Row"), _("Column"), _("Reason"), _("Content")]
        return exports.table(headings, (fault for page in pages for fault in page), f"{self.sheet.file_name}-faults")

    def import_left_out(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """The rows that were left out, as CSV, to be mended and imported."""
        job = self._job(request, pk)
        if job.state != Import.State.APPLIED or not job.report["faulty_rows"]:
            raise Http404
        return exports.download(request, job.read(), f"{self.sheet.file_name}-left-out.csv")

    def _job(self: Any, request: HttpRequest, pk: Any) -> Import:
        return self._own(request, Import, pk, is_allowed=self.has_import_permission(request))

    # --- Template ---
    @action(
        description=gettext_lazy("Template"), url_path="import-template", permissions=["import"], icon="description"
    )
    def template_sheet(self: Any, request: HttpRequest) -> HttpResponseBase:
        kind = request.GET.get("format", "xlsx")
        if kind not in FORMATS:
            raise Http404
        return exports.template(self.sheet, kind)
