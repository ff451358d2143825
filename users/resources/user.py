"""Import and export of people: the columns, and the permission checks per row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db.models import F
from django.db.models.functions import Now
from django.utils.functional import cached_property
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from config.back_office.periods import last_day
from config.spreadsheets.cells import NONE, ChoiceWidget, LastDayWidget, YesNoWidget
from config.spreadsheets.columns import Column, InformativeColumn, date_cell
from config.spreadsheets.resources import SheetResource
from config.text import email_key, normal_email, normal_name
from users.account_actions import BEYOND, LeftOut, require_administrator, why_unchangeable
from users.locks import NotFreeError, briefly
from users.models import User
from users.resources.role_cell import GroupNames
from users.saving import save_many, takes_rights

EXAMPLE = "jo.miller@example.com"
#: What a confined importer is told of columns that only others change.
NOT_CONFINED = gettext_lazy("You cannot change this: your rights count in certain warehouses only.")


class UserResource(SheetResource):
    """One row is one person, identified by e-mail. An empty cell does not change its field."""

    email = Column(
        "email",
        pgettext_lazy("column", "email"),
        explanation=gettext_lazy("By this a person is found; if nobody has it, a user is created."),
        example=EXAMPLE,
        aliases=("mail", "e_mail_address", "e_mail_adresse"),
        is_required=True,
        normal=normal_email,
        ignores_case=True,
    )
    first_name = Column(
        "first_name",
        pgettext_lazy("column", "first_name"),
        explanation=gettext_lazy("First name."),
        example="Jo",
        is_required=True,
        normal=normal_name,
    )
    last_name = Column(
        "last_name",
        pgettext_lazy("column", "last_name"),
        explanation=gettext_lazy("Last name."),
        example="Miller",
        is_required=True,
        normal=normal_name,
    )
    is_warehouse_user = Column(
        "is_warehouse_user",
        pgettext_lazy("column", "is_warehouse_user"),
        explanation=gettext_lazy("yes or no: works in warehouses, and cannot enter the Back Office. New: no."),
        example=pgettext_lazy("cell", "yes"),
        aliases=("warehouse_user",),
        widget=YesNoWidget(),
    )
    language = Column(
        "language",
        pgettext_lazy("column", "language"),
        explanation=gettext_lazy("en or de: the language of the pages. New: en."),
        example="en",
        aliases=("interface_language",),
        widget=ChoiceWidget(
            {
                User.Language.ENGLISH.value: ("en", "en_US", "en-US", "English", "Englisch"),
                User.Language.GERMAN.value: ("de", "de_DE", "de-DE", "German", "Deutsch"),
            }
        ),
    )
    status = Column(
        "status",
        pgettext_lazy("column", "status"),
        explanation=gettext_lazy("active or deactivated. New: active."),
        example=pgettext_lazy("cell", "active"),
        widget=ChoiceWidget(
            {
                User.Status.ACTIVE.value: (pgettext_lazy("cell", "active"),),
                User.Status.BLOCKED.value: (
                    pgettext_lazy("cell", "deactivated"),
                    "blocked",
                    "inactive",
                    "gesperrt",
                    "inaktiv",
                ),
            }
        ),
    )
    groups = Column(
        "group_names",
        pgettext_lazy("column", "roles"),
        explanation=gettext_lazy("Roles in the Back Office, with a semicolon between them. New: none."),
        aliases=("group", "gruppe", "gruppen"),
        widget=GroupNames(),
    )
    employed_until = Column(
        "employed_until",
        pgettext_lazy("column", "employed_until"),
        explanation=gettext_lazy("The last day on which they can sign in: year-month-day, or none. New: none."),
        blank=NONE,
        widget=LastDayWidget(),
    )
    password = Column(
        "new_password",
        pgettext_lazy("column", "password"),
        explanation=gettext_lazy("12 characters or more; never exported. New: none, set it by “Forgot password?”."),
        is_secret=True,
    )

    file_name = "users"
    informative: ClassVar[tuple[InformativeColumn, ...]] = (
        InformativeColumn(
            "works_now_in", pgettext_lazy("column", "works_now_in"), lambda person: person.current_warehouse or ""
        ),
        InformativeColumn(
            "created_on", pgettext_lazy("column", "created_on"), lambda person: date_cell(person.created_at)
        ),
        InformativeColumn(
            "last_login", pgettext_lazy("column", "last_login"), lambda person: date_cell(person.last_login)
        ),
    )
    key = ("email",)
    #: Columns that nobody changes of themselves. The password has its own page.
    not_for_oneself: tuple[str, ...] = ("is_warehouse_user", "status", "groups", "employed_until", "password")
    #: Columns that say nothing of the person, but where they work.
    assigning: ClassVar[frozenset[str]] = frozenset()

    class Meta(SheetResource.Meta):
        model = User
        fields: tuple[str, ...] = (
            "email",
            "first_name",
            "last_name",
            "is_warehouse_user",
            "language",
            "status",
            "groups",
            "employed_until",
            "password",
        )

    # --- Export ---
    @classmethod
    def exported(cls, rows: Any, viewer: Any) -> Any:
        """The people to export, with the columns of their rows. `current_warehouse` is one that the viewer may see."""
        own = ("email", "first_name", "last_name", "is_warehouse_user", "language", "status", "employed_until")
        return _with_group_names(
            rows.listed().with_current_warehouse(viewer).only(*own, "is_confined", "created_at", "last_login")
        )

    # --- Import ---
    def __init__(self, importer: Any = None, **options: Any) -> None:
        super().__init__(importer, **options)
        self._people: dict[str, User] = {}
        #: The e-mails of people whom the importer must not see.
        self.hidden: set[str] = set()
        self._takes_rights = False
        #: Changed fields of the importer's own account.
        self._own: dict[str, Any] = {}
        #: Number of a row → hash of its password.
        self._digests: dict[int, str] = {}

    def precompute(self, number: int, row: dict[str, str]) -> None:
        if password := row.get("password"):
            self._digests[number] = make_password(password)

    def prepare(self, instance: User) -> None:
        instance.group_names = tuple(sorted(getattr(instance, "group_names", ())))  # type: ignore[attr-defined]
        instance.new_password = ""  # type: ignore[attr-defined]

    def prefetch(self, rows: list[dict[str, str]]) -> None:
        """One query for any number of rows, and one for a confined importer."""
        people = User.objects.by_emails(row["email"] for row in rows).with_changeable_by(self.importer)
        found = {email_key(person.email): person for person in _with_group_names(people)}
        self._people = self.seen(found)
        self.hidden = found.keys() - self._people.keys()

    @cached_property
    def _groups(self) -> dict[str, Group]:
        return {group.name: group for group in Group.objects.all()}

    def get_instance(self, instance_loader: Any, row: dict[str, str]) -> User | None:
        return self._people.get(email_key(row["email"]))

    def import_field(self, field: Any, instance: User, row: Any, is_m2m: bool = False, **kwargs: Any) -> None:
        """Keeps the spelling of an existing e-mail, and the moment of an end of employment on the same day."""
        before = instance.employment
        if field.column_name != "email" or instance.pk is None:
            super().import_field(field, instance, row, is_m2m, **kwargs)
        if last_day(before) == last_day(instance.employment):
            instance.employed_until = before.ends_at

    def changeable(self, people: Any) -> Any:
        """Without people with more rights than the importer, whose rows would otherwise stay locked."""
        return super().changeable(people).below(self.importer)

    def rules(self, instance: User, row: dict[str, str], changed: set[str]) -> Iterator[tuple[str, str]]:
        if email_key(row["email"]) == EXAMPLE:
            yield "email", _("This is the example of the template. Write your own people over it.")
        if instance.pk is not None:
            yield from self._rules_of_change(instance, changed)
        elif self.importer.is_confined:
            yield from self.rules_of_hiring(instance, row)
        yield from self._rules_of_groups(instance)
        if instance.new_password:  # type: ignore[attr-defined]
            yield from self._rules_of_password(instance)

    def _rules_of_change(self, person: User, changed: set[str]) -> Iterator[tuple[str, str]]:
        if self._values["status"] == User.Status.DELETED:
            yield "email", _("The user with this e-mail is deleted. To bring them back, edit their page.")
        elif (why := why_unchangeable(person, self.importer)) and not self._only_assigns(why, changed):
            yield "email", str(why.label)
        elif person.pk == self.importer.pk:
            yield from ((name, str(LeftOut.SELF.label)) for name in self.not_for_oneself if name in changed)
        elif self.importer.is_confined and "is_warehouse_user" in changed:
            yield "is_warehouse_user", str(NOT_CONFINED)

    def _only_assigns(self, why: LeftOut, changed: set[str]) -> bool:
        """Whether a person who also works elsewhere is assigned to a warehouse, and nothing else is changed."""
        return why is LeftOut.ELSEWHERE and changed <= self.assigning

    def rules_of_hiring(self, person: User, row: dict[str, str]) -> Iterator[tuple[str, str]]:
        """The rules of a person whom a confined importer does not know. This sheet has no warehouses."""
        yield (
            "email",
            _(
                "There is no user with this e-mail in your warehouses. "
                "New ones are created by the sheet of users and their warehouses."
            ),
        )

    def _rules_of_groups(self, person: User) -> Iterator[tuple[str, str]]:
        switched = set(person.group_names) ^ set(self._values.get("groups", ()))  # type: ignore[attr-defined]
        if switched and self.importer.is_confined:
            yield "groups", str(NOT_CONFINED)
        elif beyond := sorted(switched - self.importer.grantable_roles):
            yield "groups", BEYOND % {"names": ", ".join(beyond)}

    def _rules_of_password(self, person: User) -> Iterator[tuple[str, str]]:
        try:
            validate_password(person.new_password, person)  # type: ignore[attr-defined]
        except ValidationError as error:
            yield from (("password", reason) for reason in error.messages)

    def save_instance(self, instance: User, is_create: bool, row: Any, **kwargs: Any) -> None:
        instance.new_digest = self._digests.get(self._number, "")  # type: ignore[attr-defined]
        instance.is_edited = not self._changed <= self.assigning  # type: ignore[attr-defined]
        if instance.pk == self.importer.pk:
            self._own = {name: getattr(instance, name) for name in self._changed}
        super().save_instance(instance, is_create, row, **kwargs)

    def write(self) -> None:
        new = [person for person, is_new in self.pending if is_new]
        known = [person for person, is_new in self.pending if not is_new and person.is_edited]
        known = [person for person in known if person.pk != self.importer.pk]
        self._takes_rights |= takes_rights(known, self._groups)
        save_many(new, known, self._groups)

    def finish(self) -> None:
        """Takes the locks that other requests need often last (`users.locks`)."""
        try:
            with briefly():
                if self._own:
                    User.objects.filter(pk=self.importer.pk).update(**self._own, updated_at=Now())
                if self._takes_rights:
                    require_administrator()
        except NotFreeError:
            raise ValidationError(
                _("Nothing was applied: somebody else is changing your account, or administrators, at this moment.")
            ) from None


def _with_group_names(people: Any) -> Any:
    """Adds `group_names`, a writable copy of `roles`, which a trigger maintains."""
    return people.annotate(group_names=F("roles"))
