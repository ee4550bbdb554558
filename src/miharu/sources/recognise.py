"""First bytes of content → what it is: an event log, logins, a report, JSON documents, text lines or binary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from miharu.core.chunk import Format
from miharu.sources.asl_records import ASL_MAGIC
from miharu.sources.cut import BLANK
from miharu.sources.journal_export import is_journal
from miharu.sources.json_items import Shape
from miharu.sources.json_shape import remarks_before, shape_of
from miharu.sources.login_records import LoginShape, login_shape
from miharu.sources.reports import is_report
from miharu.sources.textcoding import Encoding, encoding_of, to_utf8

EVTX_MAGIC: Final = b"ElfFile\x00"

_SAMPLE: Final = 65536
_MOST_CONTROLS: Final = 0.05
_CONTROLS: Final = np.isin(np.arange(256), [*range(7), *range(14, 27), *range(28, 32), 127])
"""Control characters no text needs: all but BEL, BS, TAB, LF, VT, FF, CR and ESC."""


@dataclass(frozen=True, slots=True)
class Recognised:
    """How content is to be read. `mark` is the length of a byte order mark; `shape` is set for JSON documents.

    `remarks` are the bytes of what a command says before its JSON, behind the mark. `first` is the first line of text
    that is not blank, or what the first bytes hold of it.
    """

    kind: Literal["evtx", "json", "lines", "binary", "utmp", "lastlog", "faillog", "journal", "report", "asl"]
    encoding: Encoding = "utf-8"
    mark: int = 0
    shape: Shape | None = None
    first: bytes = b""
    remarks: int = 0
    login: LoginShape | None = None

    @property
    def format(self) -> Format:
        """The format of the records; binary content has none and says `lines`."""
        return "lines" if self.kind == "binary" else self.kind


def recognise(head: bytes, name: str = "") -> Recognised:
    """Recognise content by its first `HEAD_BYTES` bytes (fewer only if there are no more).

    The file's `name` decides where it begins with nothing but zeros.
    """
    if head.startswith(EVTX_MAGIC):
        return Recognised("evtx")
    if head.startswith(ASL_MAGIC):
        return Recognised("asl")
    if is_journal(head):
        return Recognised("journal")
    login = login_shape(head, name)
    if login is not None:
        return Recognised(login.format, login=login)
    encoding, mark = encoding_of(head)
    text = to_utf8(head[mark:], encoding)
    if _is_binary(text, encoding):
        return Recognised("binary")
    if is_report(text):
        return Recognised("report", encoding, mark)
    remarks = remarks_before(text) if encoding == "utf-8" else 0
    shape = shape_of(text[remarks:])
    if shape is not None:
        return Recognised("json", encoding, mark, shape, remarks=remarks)
    first = text.lstrip(BLANK).partition(b"\n")[0].partition(b"\r")[0]
    return Recognised("lines", encoding, mark, first=first)


def _is_binary(text: bytes, encoding: Encoding) -> bool:
    sample = text[:_SAMPLE]
    inner = sample.strip(b"\0")
    if not inner:
        return bool(sample)
    controls = float(np.mean(_CONTROLS[np.frombuffer(inner, dtype=np.uint8)]))
    if controls <= _MOST_CONTROLS:
        return False
    return b"\0" in inner or encoding != "utf-8" or not _is_utf8(inner)


def _is_utf8(sample: bytes) -> bool:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 3 and error.reason == "unexpected end of data"
    return True
