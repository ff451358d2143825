"""Where confinement is applied on the pages of people and sessions: file, text, mutant, and the tests that notice."""

_PEOPLE = "tests/back_office/test_confined_people.py"
_SESSIONS = "tests/back_office/test_confined_sessions.py"
_MANAGED = "tests/back_office/test_managed_warehouses.py"
_RIGHTS = "tests/security/test_back_office_rights.py"
_FORM, _HIRE, _PAGE, _USER = (
    f"users/{name}.py" for name in ("forms/person", "forms/warehouses", "admin/user/overview", "admin/user/admin")
)
_WHY, _DASHBOARD, _MANAGING = (
    "users/admin/why/person.py",
    "assignments/admin/dashboard.py",
    "assignments/admin/managed_warehouses.py",
)
_SESSION, _QUERIES, _ACTIONS, _FILTERS = (
    f"users/{name}.py" for name in ("admin/session", "querysets", "account_actions", "admin/filters")
)

PEOPLE_TRIED = (
    # --- Lists, filters and names --------------------------------------------------------------------------------
    (_QUERIES, "if viewer is None or not viewer.is_confined:", "if True:", _PEOPLE),
    (
        _QUERIES,
        "assignments__warehouse__in=viewer.managed) if viewer.is_confined",
        "pk=0) if viewer.is_confined",
        _PEOPLE,
    ),
    (_FILTERS, "form.fields[name].queryset = self._offered()", "pass", _PEOPLE),
    (_FILTERS, "if user.is_confined and not self._offered()", "if False and not self._offered()", _PEOPLE),
    (
        "users/account/sign_in_names.py",
        "list(at_random) if viewer.is_confined else",
        "list(at_random) if False else",
        _PEOPLE,
    ),
    # --- Forms ---------------------------------------------------------------------------------------------------
    (_FORM, 'del self.fields["groups"]', "pass", _PEOPLE),
    (_FORM, "if self.actor.is_confined and namesakes.exists()", "if False and namesakes.exists()", _PEOPLE),
    (_FORM, "self.with_emails = not self.actor.is_confined", "self.with_emails = True", _PEOPLE),
    (_FORM, " or is_confined)", ")", _MANAGED),
    (_FORM, '"is_warehouse_user", "is_confined", "company', '"is_warehouse_user", "company', _MANAGED),
    (_HIRE, "field.queryset = Warehouse.objects.visible_to(self.actor)", "pass", _PEOPLE),
    (_HIRE, "if self.actor.is_confined and not (data.get", "if False and not (data.get", _PEOPLE),
    (_HIRE, "self.instance.is_warehouse_user = True", "pass", _PEOPLE),
    (_HIRE, "offered.queryset = Warehouse.objects.visible_to(actor)", "pass", _PEOPLE),
    (
        _USER,
        'if actor(request).is_confined:\n            return [(_("Warehouses")',
        'if False:\n            return [(_("Warehouses")',
        _PEOPLE,
    ),
    (_USER, "not actor(request).is_confined or self.has_hire_permission(request)", "True", _PEOPLE),
    # --- One person, and many ------------------------------------------------------------------------------------
    (_USER, "person.assignments.visible_to(actor(request)).count()", "person.assignments.count()", _PEOPLE),
    (_PAGE, "person.assignments.visible_to(actor(request))", "person.assignments.all()", _PEOPLE),
    (_PAGE, "rows.filter(warehouse__in=by.managed) if by.is_confined else rows", "rows", _MANAGED),
    (_ACTIONS, '.visible_to(by).order_by("pk")', '.order_by("pk")', _PEOPLE),
    (_ACTIONS, "if person.outranks(by) or person.manages_longer_than(by) else LeftOut.ELSEWHERE", "", _PEOPLE),
    ("users/admin/user/bulk_actions.py", '.may("users.change_user")', '.may_somewhere("users.change_user")', _PEOPLE),
    ("users/sign_in/account_recovery.py", "User.objects.visible_to(actor).locked()", "User.objects.locked()", _RIGHTS),
    # --- Sessions ------------------------------------------------------------------------------------------------
    (
        _SESSION,
        'seen_name("assignment__warehouse", actor(request))',
        'seen_name("assignment__warehouse", None)',
        _SESSIONS,
    ),
    (_SESSION, " or (by.is_confined and not obj.is_of_actor)", "", _SESSIONS),
    (
        _SESSION,
        "Session.objects.filter(pk__in=keys).visible_to(actor(request))",
        "Session.objects.filter(pk__in=keys)",
        _SESSIONS,
    ),
    (_SESSION, "LeftOut.ELSEWHERE if by.is_confined else LeftOut.ABOVE", "LeftOut.ABOVE", _SESSIONS),
    # --- Why? and the dashboard ----------------------------------------------------------------------------------
    (_WHY, "found if found and self._sees(found) else None", "found", _SESSIONS),
    (
        _WHY,
        "WarehouseUserAssignment.objects.visible_to(self.viewer).filter",
        "WarehouseUserAssignment.objects.filter",
        _SESSIONS,
    ),
    (_WHY, "if elsewhere and not self._sees(elsewhere):", "if False:", _SESSIONS),
    (_DASHBOARD, "if viewer.is_confined:\n        key +=", "if False:\n        key +=", _SESSIONS),
    (
        _DASHBOARD,
        "WarehouseUserAssignment.objects.visible_to(viewer)",
        "WarehouseUserAssignment.objects.all()",
        _SESSIONS,
    ),
    (_DASHBOARD, "Session.objects.visible_to(viewer)", "Session.objects.all()", _SESSIONS),
    (_DASHBOARD, "User.objects.listed().visible_to(viewer)", "User.objects.listed()", _SESSIONS),
    (_DASHBOARD, "failed.none() if viewer.is_confined else failed", "failed", _SESSIONS),
    # --- Managed warehouses --------------------------------------------------------------------------------------
    (_MANAGING, "User.objects.listed().visible_to(viewer)", "User.objects.listed()", _MANAGED),
    (_MANAGING, "Warehouse.objects.visible_to(self.viewer).filter(~", "Warehouse.objects.filter(~", _MANAGED),
    (
        _MANAGING,
        "seen = Warehouse.objects.visible_to(self.viewer)\n        return",
        "seen = Warehouse.objects\n        return",
        _MANAGED,
    ),
    (
        _MANAGING,
        "seen = Warehouse.objects.visible_to(self.viewer)\n            add",
        "seen = Warehouse.objects\n            add",
        _MANAGED,
    ),
    (_MANAGING, "self._check_end(add, choice.period)", "pass", _MANAGED),
    (_MANAGING, "return is_other and ", "return ", _MANAGED),
    (_MANAGING, " and self.user.may_be_changed_by(viewer)", "", _MANAGED),
)
