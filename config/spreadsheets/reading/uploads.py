"""Limits the size of uploaded files, which `DATA_UPLOAD_MAX_MEMORY_SIZE` does not count."""

from __future__ import annotations

from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, SkipFile

from config.spreadsheets.reading.limits import MAX_BYTES


class SizeLimit(FileUploadHandler):
    """The first upload handler. Discards a larger file and sets `request.has_too_large_file` for the form."""

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        if start + len(raw_data) > MAX_BYTES:
            self.request.has_too_large_file = True  # type: ignore[union-attr]
            raise SkipFile
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None  # the file is the next handler's
