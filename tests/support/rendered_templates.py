"""Test clients note the whole pages that were rendered, for `response.context`.

Django's tests note each template, also the hundreds that a page includes, and copy their contexts.
"""

from __future__ import annotations

from typing import Any

from django.template import Template
from django.test.signals import template_rendered


def note_pages_only(patch: Any) -> None:
    """Replaces the method that Django has replaced for tests (`django.test.utils.setup_test_environment`)."""
    patch.setattr(Template, "_render", _render)


def _render(template: Any, context: Any) -> Any:
    if context.template is template:  # neither included nor extended
        template_rendered.send(sender=template, template=template, context=context)
    return template.nodelist.render(context)
