"""Many cases in one test: what each of them needs is made once, and what each has written is taken back.

For cases that differ in their input alone. A test that changes settings or reads the log is parametrized as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from functools import partial, wraps
from inspect import signature
from itertools import zip_longest
from typing import Any

from django.db import connection

from tests.support.api.permissions import undone


def each(names: str | tuple[str, ...], values: Iterable[Any], ids: Iterable[str] = ()) -> Any:
    """As `pytest.mark.parametrize`, in one test. A failure names its case."""
    arguments = (names,) if isinstance(names, str) else names
    cases, labels = list(values), list(ids)
    assert cases

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @wraps(test)
        def run(**fixtures: Any) -> None:
            for label, case in zip_longest(labels, cases):
                given = dict(zip(arguments, case if isinstance(names, tuple) else [case], strict=True))
                with undone() if connection.in_atomic_block else nullcontext():
                    _run(label or case, partial(test, **fixtures, **given))

        shown = signature(test)
        rest = [one for name, one in shown.parameters.items() if name not in arguments]
        run.__signature__ = shown.replace(parameters=rest)  # type: ignore[attr-defined]
        return run

    return decorate


def _run(label: Any, case: Callable[[], None]) -> None:
    try:
        case()
    except BaseException as problem:
        problem.add_note(f"in the case {label!r:.200}")
        raise
