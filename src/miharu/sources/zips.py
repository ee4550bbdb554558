"""A zip archive → its members; without a readable directory at its end, its local headers are followed.

Layout: APPNOTE.TXT, https://support.pkware.com/pkzip/appnote
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from miharu.sources.archives import AGAIN, Member, instant, read_at
from miharu.sources.content import CheckedContent, Content, Fault, SeekableContent, SliceContent, StreamFile
from miharu.sources.limits import MIB, Limits
from miharu.sources.unpack import PackedContent

ZIP_MAGIC: Final = (b"PK\x03\x04", b"PK\x05\x06")

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_EXTRA: Final = struct.Struct("<HH")
_EXTENDED_TIME: Final = struct.Struct("<HHBi")
_EXTENDED_TIME_KIND: Final = 0x5455
_METHODS: Final = {zipfile.ZIP_DEFLATED: "deflate", zipfile.ZIP_BZIP2: "bzip2", 93: "zstd", 95: "xz"}
_ENCRYPTED, _DESCRIPTOR, _UTF8 = 0x1, 0x8, 0x800
_HEADERS: Final = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
_BROKEN: Final = (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError, OSError)


@dataclass(frozen=True, slots=True)
class _Archive:
    content: SeekableContent
    label: str
    limits: Limits


@dataclass(frozen=True, slots=True)
class _Entry:
    """A member as its header describes it: its compressed bytes are `[begin, begin + size)`."""

    name: str
    modified: datetime | None
    flags: int
    method: int
    begin: int
    size: int
    crc: int | None


def zip_members(content: SeekableContent, label: str, limits: Limits) -> Iterator[Member]:
    """Yield the files of a zip archive."""
    archive = _Archive(content, label, limits)
    try:
        with StreamFile(content) as handle, zipfile.ZipFile(io.BufferedReader(handle)) as directory:
            infos = directory.infolist()
    except _BROKEN as error:
        yield from _by_local_headers(archive, str(error))
        return
    for info in infos:
        if not info.is_dir():
            yield _by_directory(archive, info)


def _by_directory(archive: _Archive, info: zipfile.ZipInfo) -> Member:
    modified = _time(info)
    header = read_at(archive.content, info.header_offset, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_HEADERS[0]):
        detail = f"{archive.label}!{info.filename}: no member begins at byte {info.header_offset}; {AGAIN}"
        return Member(info.filename, modified, None, Fault("archive_damaged", detail))
    name_size, extra_size = _LOCAL.unpack(header)[-2:]
    begin = info.header_offset + _LOCAL.size + name_size + extra_size
    entry = _Entry(info.filename, modified, info.flag_bits, info.compress_type, begin, info.compress_size, info.CRC)
    return _member(archive, entry)


def _member(archive: _Archive, entry: _Entry) -> Member:
    label = f"{archive.label}!{entry.name}"
    if entry.flags & _ENCRYPTED:
        detail = f"{label} is encrypted; unpack the archive with its password and import the folder"
        return Member(entry.name, entry.modified, None, Fault("unreadable", detail))
    truncated = f"{label}: the archive ends early at byte {archive.content.size}; {AGAIN}"
    part = SliceContent(archive.content, entry.begin, entry.size, Fault("archive_truncated", truncated))
    content: Content = part
    if entry.method != zipfile.ZIP_STORED:
        kind = _METHODS.get(entry.method)
        if kind is None:
            detail = f"{label}: compression method {entry.method} is not known here; unpack the archive yourself"
            return Member(entry.name, entry.modified, None, Fault("unreadable", detail))
        content = PackedContent(part, kind, label, archive.limits, single=True)
    if entry.crc is not None:
        wrong = f"{label}: the content is damaged (its checksum is wrong); {AGAIN}"
        content = CheckedContent(content, entry.crc, Fault("archive_damaged", wrong))
    return Member(entry.name, entry.modified, content)


def _by_local_headers(archive: _Archive, why: str) -> Iterator[Member]:
    """Follow the members from the beginning; the archive's directory, at its end, is missing or damaged."""
    content, position = archive.content, 0
    while (entry := _local_entry(content, position)) is not None:
        if not entry.name.endswith("/"):
            yield _member(archive, entry)
        position = entry.begin + entry.size
        if entry.flags & _DESCRIPTOR:
            position = _behind_descriptor(content, position)
    reason = "archive_truncated" if position >= content.size else "archive_damaged"
    read = f"members up to byte {min(position, content.size)} are read"
    detail = f"{archive.label}: the archive's directory cannot be read ({why}); {read}; {AGAIN}"
    yield Member("", None, None, Fault(reason, detail))


def _local_entry(content: SeekableContent, position: int) -> _Entry | None:
    header = read_at(content, position, _LOCAL.size)
    if len(header) < _LOCAL.size or not header.startswith(_HEADERS[0]):
        return None
    _, _, flags, method, clock, day, crc, size, _, name_size, extra_size = _LOCAL.unpack(header)
    name = read_at(content, position + _LOCAL.size, name_size).decode("utf-8" if flags & _UTF8 else "cp437", "replace")
    begin = position + _LOCAL.size + name_size + extra_size
    if flags & _DESCRIPTOR and not size:
        size = _stream_length(content, begin, method)
    return _Entry(name, _dos_time(day, clock), flags, method, begin, size, None if flags & _DESCRIPTOR else crc)


def _stream_length(content: SeekableContent, begin: int, method: int) -> int:
    """Return how long a member is whose size only a descriptor behind it tells."""
    rest = content.size - begin
    if method != zipfile.ZIP_DEFLATED:
        return rest
    decoder, taken = zlib.decompressobj(-15), 0
    with closing(content.open()) as stream:
        stream.seek(begin)
        while not decoder.eof and (block := stream.read(65536)):
            taken += len(block)
            try:
                while block and not decoder.eof:
                    decoder.decompress(block, MIB)
                    block = decoder.unconsumed_tail
            except zlib.error:
                return rest
    return taken - len(decoder.unused_data)


def _behind_descriptor(content: SeekableContent, position: int) -> int:
    """Return where the next header begins: the descriptor has a mark or none, sizes of 4 bytes or 8."""
    near = read_at(content, position, 28)
    begin = 4 if near.startswith(b"PK\x07\x08") else 0
    sizes = [size for size in (12, 20) if near[begin + size :].startswith(_HEADERS)]
    return position + begin + (sizes or [12])[0]


def _time(info: zipfile.ZipInfo) -> datetime | None:
    """Return the time of a member: the extended one is in UTC, the other has no zone and is taken as UTC."""
    extra = info.extra
    while len(extra) >= _EXTRA.size:
        kind, size = _EXTRA.unpack_from(extra)
        if kind == _EXTENDED_TIME_KIND and len(extra) >= _EXTENDED_TIME.size:
            _, _, flags, seconds = _EXTENDED_TIME.unpack_from(extra)
            if flags & 1:
                return instant(seconds)
        extra = extra[_EXTRA.size + size :]
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None


def _dos_time(day: int, clock: int) -> datetime | None:
    date = 1980 + (day >> 9), day >> 5 & 15, day & 31
    try:
        return datetime(*date, clock >> 11, clock >> 5 & 63, (clock & 31) * 2, tzinfo=UTC)
    except ValueError:
        return None
