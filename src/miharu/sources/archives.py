"""Archives (zip, tar) → their members as content that can be read as often as needed.

Whatever is wrong with an archive is told by a `Member` with a fault instead of content; nothing ends the others.
"""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from miharu.sources.content import Content, Fault, SeekableContent, SliceContent, StreamFile
from miharu.sources.limits import Limits
from miharu.sources.unpack import PackedContent

_AGAIN: Final = "fetch the archive again and import it once more: only what is missing is added"
_TAR_BLOCK: Final = 512
_ZIP_LOCAL: Final = struct.Struct("<4s5H3I2H")
_ZIP_METHODS: Final = {zipfile.ZIP_DEFLATED: "deflate", zipfile.ZIP_BZIP2: "bzip2", 93: "zstd", 95: "xz"}
_EXTENDED_TIME: Final = 0x5455
_BROKEN_ZIP: Final = (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError)


@dataclass(frozen=True, slots=True)
class Member:
    """A file within an archive, or (`fault`) what could not be got out of it. `modified` is None if not stored."""

    name: str
    modified: datetime | None
    content: Content | None
    fault: Fault | None = None


def is_tar(head: bytes) -> bool:
    """Say whether content that begins with `head` (512 bytes at least) is a tar archive."""
    if len(head) < _TAR_BLOCK or not head[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:_TAR_BLOCK], tarfile.ENCODING, "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def tar_members(content: SeekableContent, label: str, fault: Fault | None) -> Iterator[Member]:
    """Yield the regular files of a tar archive; `fault` is why its content ends early, if it does."""
    told = False
    truncated = fault or Fault("archive_truncated", f"{label}: the archive ends early at byte {content.size}; {_AGAIN}")
    with StreamFile(content) as handle:
        try:
            archive = tarfile.open(fileobj=io.BufferedReader(handle), mode="r:", errorlevel=1)
            for info in archive:
                if info.isreg():
                    part = SliceContent(content, info.offset_data, info.size, truncated)
                    told = told or info.offset_data + info.size > content.size
                    yield Member(info.name, _instant(info.mtime), part)
            end = archive.offset
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            told = True
            detail = f"{label}: the archive is damaged at byte {handle.tell()} ({error}); {_AGAIN}"
            yield Member("", None, None, fault or Fault("archive_damaged", detail))
    if told:
        return
    if fault is not None:
        yield Member("", None, None, fault)
    elif _read(content, end, _TAR_BLOCK).strip(b"\0"):
        detail = f"{label}: what follows byte {end} is not a member; the members before it are read; {_AGAIN}"
        yield Member("", None, None, Fault("archive_damaged", detail))


def zip_members(content: SeekableContent, label: str, limits: Limits) -> Iterator[Member]:
    """Yield the files of a zip archive; without a readable directory its local headers are followed."""
    try:
        with StreamFile(content) as handle, zipfile.ZipFile(io.BufferedReader(handle)) as archive:
            infos = archive.infolist()
    except (*_BROKEN_ZIP, OSError) as error:
        yield from _zip_by_local_headers(content, label, limits, str(error))
        return
    for info in infos:
        if not info.is_dir():
            yield _zip_member(content, label, limits, info)


def _zip_member(content: SeekableContent, label: str, limits: Limits, info: zipfile.ZipInfo) -> Member:
    name, modified = info.filename, _zip_time(info)
    if info.flag_bits & 1:
        detail = f"{label}!{name} is encrypted; unpack the archive with its password and import the folder"
        return Member(name, modified, None, Fault("unreadable", detail))
    header = _read(content, info.header_offset, _ZIP_LOCAL.size)
    if len(header) < _ZIP_LOCAL.size or not header.startswith(b"PK\x03\x04"):
        detail = f"{label}!{name}: no member begins at byte {info.header_offset}; {_AGAIN}"
        return Member(name, modified, None, Fault("archive_damaged", detail))
    name_size, extra_size = _ZIP_LOCAL.unpack(header)[-2:]
    begin = info.header_offset + _ZIP_LOCAL.size + name_size + extra_size
    return _unpacked(content, f"{label}!{name}", limits, Member(name, modified, None), (begin, info.compress_size), info.compress_type)


def _unpacked(
    content: SeekableContent, label: str, limits: Limits, member: Member, place: tuple[int, int], method: int
) -> Member:
    begin, size = place
    fault = Fault("archive_truncated", f"{label}: the archive ends early at byte {content.size}; {_AGAIN}")
    part = SliceContent(content, begin, size, fault)
    if method == zipfile.ZIP_STORED:
        return Member(member.name, member.modified, part)
    kind = _ZIP_METHODS.get(method)
    if kind is None:
        detail = f"{label} is compressed by method {method}, which is not read here; unpack the archive and import the folder"
        return Member(member.name, member.modified, None, Fault("unreadable", detail))
    return Member(member.name, member.modified, PackedContent(part, kind, label, limits, single=True))


def _zip_by_local_headers(content: SeekableContent, label: str, limits: Limits, why: str) -> Iterator[Member]:
    """Follow the members from the beginning; the archive's directory, at its end, is missing or damaged."""
    position, size = 0, content.size
    while (header := _read(content, position, _ZIP_LOCAL.size)).startswith(b"PK\x03\x04"):
        if len(header) < _ZIP_LOCAL.size:
            break
        _, _, flags, method, clock, day, _, packed, _, name_size, extra_size = _ZIP_LOCAL.unpack(header)
        name = _read(content, position + _ZIP_LOCAL.size, name_size).decode("utf-8" if flags & 0x800 else "cp437", "replace")
        begin = position + _ZIP_LOCAL.size + name_size + extra_size
        length = packed
        if flags & 8 and not packed:
            length = _stream_length(content, begin, method)
        position = begin + length
        if name.endswith("/"):
            continue
        member = Member(name, _dos_time(day, clock), None)
        if flags & 1:
            detail = f"{label}!{name} is encrypted; unpack the archive with its password and import the folder"
            yield Member(name, member.modified, None, Fault("unreadable", detail))
        else:
            yield _unpacked(content, f"{label}!{name}", limits, member, (begin, length), method)
        if flags & 8:
            position = _behind_descriptor(content, position)
    reason = "archive_truncated" if position >= size else "archive_damaged"
    detail = f"{label}: the archive's directory cannot be read ({why}); members up to byte {min(position, size)} are read; {_AGAIN}"
    yield Member("", None, None, Fault(reason, detail))


def _stream_length(content: SeekableContent, begin: int, method: int) -> int:
    """Return how long a member is whose size only a descriptor behind it tells."""
    import zlib

    if method != zipfile.ZIP_DEFLATED:
        return content.size - begin
    decoder, position = zlib.decompressobj(-15), begin
    stream = content.open()
    stream.seek(begin)
    try:
        while not decoder.eof and (block := stream.read(65536)):
            position += len(block)
            while block and not decoder.eof:
                decoder.decompress(block, 1 << 20)
                block = decoder.unconsumed_tail
    except zlib.error:
        return content.size - begin
    finally:
        stream.close()
    return position - len(decoder.unused_data) - begin


def _behind_descriptor(content: SeekableContent, position: int) -> int:
    near = _read(content, position, 28)
    begin = 4 if near.startswith(b"PK\x07\x08") else 0
    for size in (12, 20):
        if near[begin + size :].startswith((b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")):
            return position + begin + size
    return position + begin + 12


def _zip_time(info: zipfile.ZipInfo) -> datetime | None:
    """Return the time of a member: the extended one is in UTC, the other has no zone and is taken as UTC."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == _EXTENDED_TIME and size >= 5 and extra[4] & 1:
            return _instant(struct.unpack_from("<i", extra, 5)[0])
        extra = extra[4 + size :]
    try:
        return datetime(*info.date_time, tzinfo=UTC)
    except ValueError:
        return None


def _dos_time(day: int, clock: int) -> datetime | None:
    try:
        return datetime(
            1980 + (day >> 9), day >> 5 & 15, day & 31, clock >> 11, clock >> 5 & 63, (clock & 31) * 2, tzinfo=UTC
        )
    except ValueError:
        return None


def _instant(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _read(content: SeekableContent, position: int, size: int) -> bytes:
    stream = content.open()
    try:
        stream.seek(position)
        return stream.read(size)
    finally:
        stream.close()
