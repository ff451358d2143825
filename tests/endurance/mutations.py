"""Confinement is taken out at each of its places, one at a time: a test must fail each time.

The tests run in a copy of the working tree's last commit, so that nothing here is changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.folder import ROOT
from tests.benchmarks.report import table
from tests.endurance.mutations_people import PEOPLE_TRIED
from tests.endurance.report import MUTATIONS, write

_CORE, _API = "tests/rule/test_confinement.py", "tests/api/test_confinement.py"
_WORK, _HOUSES, _ROSTER, _RACES = (
    f"tests/back_office/test_confined_{name}.py" for name in ("work", "warehouses", "roster", "races")
)
_EXPORTS = "tests/imports/test_confined_exports.py"


class Mutation(NamedTuple):
    """A place, the text there, what it becomes, and the tests that are to notice."""

    file: str
    text: str
    mutant: str
    tests: str


MUTATIONS_TRIED = (
    Mutation(
        "users/models/authority.py",
        "return NoRight.CONFINEMENT if self.is_confined else None",
        "return None",
        _CORE,
    ),
    Mutation("users/models/authority.py", "row.is_within(self, right)", "True", _CORE),
    Mutation("users/models/authority.py", "(not self.is_confined or right in CONFINABLE) and ", "", _CORE),
    Mutation(
        "users/models/authority.py",
        "not other.is_confined or self.is_within(other, ",
        "True or self.is_within(other, ",
        _CORE,
    ),
    Mutation(
        "users/models/authority.py", "if now.is_confined and not (self.is_confined and", "if False and not (", _CORE
    ),
    Mutation("users/models/authority.py", "if lost and now.managed_warehouses.any_exists(lost):", "if False:", _CORE),
    Mutation("users/models/authority.py", "now.may(right, rows[model][pk])", "True", _CORE),
    Mutation("users/querysets.py", "if not user.is_confined:\n            return self\n", "return self\n", _CORE),
    Mutation("users/querysets.py", "below.wholly_of(other) if other.is_confined else below", "below", _CORE),
    Mutation("users/querysets.py", ".exclude(self._tied(~in_theirs))", "", _CORE),
    Mutation("users/querysets.py", 'not_past("until"), condition', "condition", _CORE),
    Mutation("users/querysets.py", "is_warehouse_user=False, is_confined=False)", "is_warehouse_user=False)", _CORE),
    Mutation("users/models/session.py", "if not user.is_confined:", "if True:", _CORE),
    Mutation("warehouses/models.py", "self.filter(pk__in=user.managed) if user.is_confined else self", "self", _CORE),
    Mutation("warehouses/models.py", "return self.pk in user.managed", "return True", _CORE),
    Mutation(
        "assignments/querysets.py",
        "self.filter(warehouse__in=user.managed) if user.is_confined else self",
        "self",
        _CORE,
    ),
    Mutation("assignments/models/managed_warehouse.py", "return self.filter(current())", "return self", _CORE),
    Mutation(
        "assignments/models/past_assignment.py",
        "self.filter(warehouse__in=user.managed) if user.is_confined else self",
        "self",
        _API,
    ),
    Mutation(
        "assignments/models/assignment.py",
        "if user.is_confined:\n            return [*",
        "if False:\n            return [*",
        _API,
    ),
    Mutation(
        "assignments/models/assignment.py",
        "if user.is_confined:\n            return self",
        "if False:\n            return self",
        _API,
    ),
    Mutation("assignments/serializers.py", "uuid is None or not self._caller.is_confined", "True", _API),
    Mutation("assignments/serializers.py", "if self._caller.is_confined and named", "if False and named", _API),
    Mutation("assignments/views.py", "if self.caller.is_confined and self.action", "if False and self.action", _API),
    Mutation("config/api/views.py", "caller.confirm_authority()", "pass", _API),
    Mutation(
        "config/back_office/model_admin.py",
        'return rows.visible_to(request.user) if hasattr(rows, "visible_to") else rows',
        "return rows",
        _WORK,
    ),
    Mutation("config/back_office/lists/filters.py", "field.queryset.visible_to(request.user)", "field.queryset", _WORK),
    Mutation("assignments/querysets.py", "User.objects.visible_to(viewer)", "User.objects.all()", _WORK),
    Mutation("assignments/querysets.py", "Warehouse.objects.visible_to(viewer)", "Warehouse.objects.all()", _WORK),
    Mutation(
        "assignments/admin/period_pages.py",
        "chosen = self.get_queryset(request)",
        "chosen = WarehouseUserAssignment.objects.all()",
        _WORK,
    ),
    Mutation(
        "assignments/admin/period_pages.py",
        "rows = self.get_queryset(request)",
        "rows = WarehouseUserAssignment.objects.with_state()",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "User.objects.listed().visible_to(viewer)",
        "User.objects.listed()",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "Warehouse.objects.visible_to(viewer).filter(uuid",
        "Warehouse.objects.filter(uuid",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "Warehouse.objects.visible_to(self.viewer).filter(~Exists",
        "Warehouse.objects.filter(~Exists",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "own = Warehouse.objects.visible_to(self.viewer)\n        assigned",
        "own = Warehouse.objects.all()\n        assigned",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "own = Warehouse.objects.visible_to(self.viewer)\n        return",
        "own = Warehouse.objects.all()\n        return",
        _WORK,
    ),
    Mutation("assignments/admin/warehouse_picker.py", "if self.viewer.may(right, one)]", "]", _WORK),
    Mutation("assignments/admin/warehouse_picker.py", 'if self.viewer.may(_RIGHT.format("change"), row)]', "]", _WORK),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "User.objects.listed().visible_to(self.viewer)",
        "User.objects.listed()",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py",
        "User.objects.locked().visible_to(self.viewer)",
        "User.objects.locked()",
        _WORK,
    ),
    Mutation(
        "assignments/admin/warehouse_picker.py", "return not viewer.is_confined or User", "return True or User", _WORK
    ),
    Mutation(
        "assignments/admin/edit_conflicts.py",
        "seen_events(self.model, self._viewer)",
        "self.model.pgh_event_model.objects",
        _WORK,
    ),
    Mutation(
        "config/back_office/rights.py",
        "may_see_people(viewer) and not viewer.is_confined",
        "may_see_people(viewer)",
        _WORK,
    ),
    Mutation("assignments/roster/roster.py", "rows if viewer is None else rows.visible_to(viewer)", "rows", _ROSTER),
    Mutation("assignments/roster/roster.py", "if viewer is None or not viewer.is_confined:", "if True:", _ROSTER),
    Mutation(
        "warehouses/admin.py",
        "houses = Warehouse.objects.visible_to(viewer)",
        "houses = Warehouse.objects.all()",
        _ROSTER,
    ),
    Mutation("warehouses/admin.py", "events.none() if viewer.is_confined else events", "events", _ROSTER),
    Mutation(
        "users/admin/user/admin.py", "people = User.objects.visible_to(viewer)", "people = User.objects.all()", _ROSTER
    ),
    Mutation("warehouses/admin.py", "once_locked=partial(require, request.user)", "", _RACES),
    Mutation("warehouses/admin.py", '"tells_of_others": not viewer.is_confined', '"tells_of_others": True', _HOUSES),
    Mutation("users/resources/user.py", "with_current_warehouse(viewer)", "with_current_warehouse()", _EXPORTS),
    Mutation(
        "assignments/resources/people_with_warehouses.py",
        "WarehouseUserAssignment.objects.visible_to(viewer)",
        "WarehouseUserAssignment.objects",
        _EXPORTS,
    ),
    Mutation(
        "config/spreadsheets/resources.py", "if not self.importer.has_authority(asked_at):", "if False:", _EXPORTS
    ),
    Mutation(
        "config/spreadsheets/export_pages.py",
        "Export.objects.of(request.user)",
        "Export.objects.all()",
        _EXPORTS,
    ),
    Mutation(
        "config/spreadsheets/jobs/queue.py",
        "own.filter(extent__contained_by=person.extent) if person.is_confined else own",
        "own",
        _EXPORTS,
    ),
    Mutation(
        "config/spreadsheets/jobs/queue.py",
        'fields["extent"] = self.person.extent',
        'fields["extent"] = self.extent',
        _EXPORTS,
    ),
    Mutation("users/querysets.py", "~Exists(longer), ", "", _CORE),
    Mutation("assignments/views.py", "rows.with_is_user_seen(self.caller)", "rows", _API),
    *(Mutation(*one) for one in PEOPLE_TRIED),
)


def run() -> None:
    with _copy() as folder:
        for tests in sorted({one.tests for one in MUTATIONS_TRIED}):
            assert _failed(folder, tests) == "", f"{tests} fails without any mutation"
        rows = [_tried(folder, one) for one in MUTATIONS_TRIED]
    write(
        MUTATIONS,
        "Confinement is taken out at one place at a time.",
        table(("File", "What is taken out", "The first test that fails"), rows),
    )
    survived = [row for row in rows if not row[2]]
    assert not survived, f"no test noticed: {survived}"


@contextmanager
def _copy() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "copy"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
        yield folder
        shutil.rmtree(folder, ignore_errors=True)


def _tried(folder: Path, mutation: Mutation) -> tuple[str, str, str]:
    row = f"`{mutation.file}`", f"`{_line(mutation.text)}`", _noticed(folder, mutation)
    print(*row, file=sys.stderr, flush=True)
    return row


def _noticed(folder: Path, mutation: Mutation) -> str:
    """The first test that fails, or ""."""
    path = folder / mutation.file
    before = path.read_text()
    path.write_text(before.replace(mutation.text, mutation.mutant))
    try:
        return _failed(folder, mutation.tests)
    finally:
        path.write_text(before)


def _failed(folder: Path, tests: str) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests.split()]
    told = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    failed = [line for line in told.stdout.splitlines() if line.startswith(("FAILED tests/", "ERROR tests/"))]
    assert told.returncode == bool(failed), told.stdout[-2000:] + told.stderr[-2000:]
    return failed[0].partition("::")[2].partition(" ")[0] if failed else ""


def _line(text: str) -> str:
    return " ".join(text.split())
