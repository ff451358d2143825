"""Stops reading a file that is larger than any we take, so that nobody fills the disk."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from spreadsheets.files import MAX_BYTES


class SizeLimit(FileUploadHandler):
    """First of the upload handlers. The form finds `request.has_too_large_file` and says so."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > MAX_BYTES:
            self.request.has_too_large_file = True  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None  # the next handler has it
