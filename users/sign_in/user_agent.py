"""A short label for a `User-Agent` header."""

from __future__ import annotations

from django.utils.translation import gettext as _

#: Substring of the header → name. Order matters: most browsers also name those below them.
_BROWSERS = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser/": "Samsung Internet",
    "Firefox/": "Firefox",
    "FxiOS/": "Firefox",
    "CriOS/": "Chrome",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def in_plain_words(user_agent: str) -> str:
    """For example "Chrome on Android". An unknown header is returned as it is, cut to 40 characters."""
    browser, system = _name(_BROWSERS, user_agent), _name(_SYSTEMS, user_agent)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or user_agent[:40]


def _name(names: dict[str, str], user_agent: str) -> str:
    return next((name for part, name in names.items() if part in user_agent), "")
