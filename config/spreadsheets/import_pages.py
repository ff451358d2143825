"""The actions Import, Export and Template of a changelist, and the pages of imports and templates."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import action

from config.history.positions import Operation
from config.spreadsheets.export_pages import ExportPages
from config.spreadsheets.forms import UploadForm
from config.spreadsheets.jobs import queue, worker
from config.spreadsheets.models import Import, Undo
from config.spreadsheets.pages import SHEET, progress_of, too_many_waiting
from config.spreadsheets.reading.headings import normalized_heading
from config.spreadsheets.resources import SheetResource
from config.spreadsheets.writing import exports
from config.spreadsheets.writing.exports import FORMATS
from config.text import name_key

#: The links and buttons of the page of an import.
_STEPS = ("again", "read", "ignore", "replace", "apply", "progress", "faults", "left-out")


class SheetAdminMixin(ExportPages):
    """Adds import and export to an admin. It comes before ModelAdmin; `sheets` has its resources."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.actions_list = [*self.actions_list, "import_sheet", "export_sheet", "template_sheet"]

    def has_import_permission(self: Any, request: HttpRequest, *args: Any) -> bool:
        return self._may_import(request, self.sheets[0])

    def _may_import(self, request: Any, sheet: type[SheetResource]) -> bool:
        return sheet.may_import(request.user)

    def get_urls(self: Any) -> list[Any]:
        views = {
            "": self.import_page,
            "again/": require_POST(self.import_again),
            "read/": require_POST(self.import_read),
            "ignore/": require_POST(self.import_ignore),
            "replace/": require_POST(self.import_replace),
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
        sheet = self._sheet(request, self._may_import)
        too_large = getattr(request, "has_too_large_file", False)
        sent = (request.POST, request.FILES) if request.method == "POST" else ()
        form = UploadForm(*sent, has_too_large_file=too_large)
        if form.is_valid():
            try:
                return HttpResponseRedirect(self._url("import", self._upload(request, sheet, form).pk))
            except queue.TooManyWaitingError:
                form.add_error("file", too_many_waiting())
        title = _("Import %(what)s") % {"what": sheet.title()}
        sheets = [(one.title(), sheet_url(one), one is sheet) for one in self._allowed(request, self._may_import)]
        return self._page(request, "import", sheet, title, form=form, sheets=sheets)

    def _upload(self: Any, request: HttpRequest, sheet: type[SheetResource], form: UploadForm) -> Import:
        file, reason = form.cleaned_data["file"], form.cleaned_data["change_reason"]
        pk = uuid.uuid4()
        context = {"user": request.user.pk, "url": request.path, "client": "back-office", "request_id": pk.hex}
        context |= {"reason": reason} if reason else {}
        fields = {"pk": pk, "file_name": file.name[-255:], "content": file.read(), "context": context}
        return self._begin(request, Import, sheet, ignored_columns=_ignored(request, sheet), **fields)

    def import_page(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Progress of the job, then its report. What it offers to do is only for the person whose import it is."""
        job = self._job(request, pk)
        sheet = self.sheet_of(job.kind)
        created = job.report.get("created", [])
        used = {name for _row, _label, values in created for name in values}
        headings = [str(column.heading) for column in sheet.columns()]
        names = [name for name in headings if name in used] + sorted(used - {*headings})
        title = _("Import %(what)s: %(file)s") % {"what": sheet.title(), "file": job.file_name}
        return self._page(
            request,
            "preview",
            sheet,
            title,
            job=job,
            is_open=job.person_id == request.user.pk and not job.is_expired,
            changes_url=changes_url(job),
            report=job.report,
            faults=Paginator(job.fault_pages.all(), 1).get_page(request.GET.get("page")),
            columns=names,
            created=[(row, [values.get(name, "") for name in names]) for row, _label, values in created],
            form=UploadForm(initial={"change_reason": job.context.get("reason", "")}),
            urls={name.replace("-", "_"): self._url(f"import_{name}", job.pk) for name in _STEPS},
            import_url=sheet_url(sheet),
        )

    def import_again(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file again, after it was stopped or the data was changed."""
        job = self._own(request, pk)
        if job.state in (Import.State.STOPPED, Import.State.CHECKED):
            self._restart(request, job, to=Import.State.CHECKING)
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_read(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks another sheet of the same file, without the suggestions that were taken for the former sheet."""
        job = self._own(request, pk)
        name = request.POST.get("name", "")
        if job.state == Import.State.CHECKED and name in job.report.get("sheets", []):
            self._restart(request, job, to=Import.State.CHECKING, sheet_name=name, replacements=[])
        elif name != job.sheet_name:  # else this click was one of two
            messages.error(request, _("This sheet cannot be chosen. Look again."))
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_ignore(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file again without its unknown columns."""
        job = self._own(request, pk)
        unknown = job.report.get("unknown_columns", [])
        if job.state == Import.State.CHECKED and unknown:
            ignored = {*job.ignored_columns, *map(normalized_heading, unknown)}
            self._restart(request, job, to=Import.State.CHECKING, ignored_columns=sorted(ignored))
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_replace(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Checks the same file again with a name that a fault suggests, or without such a name taken before."""
        job = self._own(request, pk)
        column, written, name = (request.POST.get(key, "") for key in ("column", "written", "name"))
        others = [one for one in job.replacements if (one[0], name_key(one[1])) != (column, name_key(written))]
        if "undo" in request.POST:
            is_there, wanted = len(others) < len(job.replacements), others
        else:
            is_there = job.fault_pages.filter(faults__contains=[[[column, written, name]]]).exists()
            wanted = [*others, [column, written, name]]
        if job.state == Import.State.CHECKED and is_there:
            self._restart(request, job, to=Import.State.CHECKING, replacements=wanted)
        else:
            messages.error(request, _("This suggestion is not there any more. Look again."))
        return HttpResponseRedirect(self._url("import", job.pk))

    def import_apply(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        job = self._own(request, pk)
        leaves_out_faulty = "good_rows" in request.POST and bool(job.good_rows)
        if not (job.is_sound or leaves_out_faulty):
            messages.error(request, _("This file has faults. Correct them and upload it again."))
        elif job.state == Import.State.CHECKED:
            self._restart(request, job, to=Import.State.APPLYING, leaves_out_faulty=leaves_out_faulty)
        return HttpResponseRedirect(self._url("import", job.pk))

    def _restart(self: Any, request: HttpRequest, job: Import, to: str, **choice: Any) -> None:
        if job.is_expired:
            messages.error(request, _("The file was deleted after a day. Upload it again."))
            return
        try:
            if job.restart(job.state, to=to, **choice):
                worker.start()
        except queue.TooManyWaitingError:
            messages.error(request, too_many_waiting())

    def import_progress(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        return progress_of(self._job(request, pk))

    def import_faults(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """Every fault as CSV."""
        job = self._job(request, pk)
        pages = job.fault_pages.values_list("faults", flat=True).iterator(chunk_size=1)
        headings = [_("Row"), _("Column"), _("Reason"), _("Content")]
        lines = (fault[: len(headings)] for page in pages for fault in page)
        return exports.table(headings, lines, f"{self.sheet_of(job.kind).file_name}-faults")

    def import_left_out(self: Any, request: HttpRequest, pk: Any) -> HttpResponseBase:
        """The rows that were left out, as CSV, to be mended and imported."""
        job = self._own(request, pk)
        if job.state != Import.State.APPLIED or not job.report["faulty_rows"] or job.is_expired:
            raise Http404
        return exports.download(request, job.read(), f"{self.sheet_of(job.kind).file_name}-left-out.csv")

    def _job(self: Any, request: HttpRequest, pk: Any) -> Import:
        """Anybody's: whoever may import may look at what others imported, unless they are confined."""
        return self._found(request, Import.objects.visible_to(request.user), pk, self._may_import)

    def _own(self: Any, request: HttpRequest, pk: Any) -> Import:
        """Raises Http404 for another person's."""
        return self._found(request, Import.objects.of(request.user), pk, self._may_import)

    # --- Template ---
    @action(
        description=gettext_lazy("Template"), url_path="import-template", permissions=["import"], icon="description"
    )
    def template_sheet(self: Any, request: HttpRequest) -> HttpResponseBase:
        kind = request.GET.get("format", "xlsx")
        if kind not in FORMATS:
            raise Http404
        return exports.template(self._sheet(request, self._may_import), kind)


def _ignored(request: Any, sheet: type[SheetResource]) -> list[str]:
    """The columns that the person chose to ignore in their previous file."""
    earlier = Import.objects.filter(person=request.user, kind=sheet.kind()).order_by("-created_at", "-pk")
    return earlier.values_list("ignored_columns", flat=True).first() or []


def _url_of(kind: str, name: str, *args: Any) -> str:
    return reverse(f"admin:{kind.partition('/')[0].replace('.', '_')}_{name}", args=args)


def sheet_url(sheet: type[SheetResource]) -> str:
    """The page to import a sheet."""
    return f"{_url_of(sheet.kind(), 'import_sheet')}?{SHEET}={sheet.variant}".removesuffix(f"?{SHEET}=")


def job_url(job: Import) -> str:
    return _url_of(job.kind, "import", job.pk)


def changes_url(job: Import | Undo) -> str:
    """The page of the change set of an import or an undo; "" if it was not applied."""
    return Operation(job.applied_at, job.context.get("request_id", "")).url if job.applied_at else ""
