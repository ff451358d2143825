"""Keeps the frames of a page's calls in one chunk of CPython's call stack.

CPython 3.11 and 3.12, and early releases of 3.13 and 3.14, keep frames in chunks of 16 KiB. They map and unmap memory
whenever a call crosses from one chunk into the next (python/cpython#142183): 2,000 times a list page, a quarter of its
time. A frame larger than a chunk gets a chunk of the next power of two, which holds the calls inside as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.http import HttpRequest, HttpResponseBase

from config.web.paths import is_api

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

#: Of the frame, in words of 8 bytes: a little more than a half of 512 KiB. The rest holds 300 frames of 100 words.
_SIZE = 33_000


def in_one_chunk(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """The function, with a chunk of its own, which takes 15 µs a call.

    An exception that leaves it has a copy of its frame, of 264 KB, and so has a debugger.
    """

    def called(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    called.__code__ = called.__code__.replace(co_stacksize=_SIZE)
    return wraps(function)(called)


class CallStackMiddleware:
    """Gives each request for a page a chunk. The API's calls are not so deep."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response, self.get_page = get_response, in_one_chunk(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request) if is_api(request) else self.get_page(request)
