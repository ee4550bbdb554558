"""One file (or archive member) → its fingerprint and its records in chunks."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Final, Self

import numpy as np
import xxhash

from miharu.catalog import Join
from miharu.core.chunk import Chunk, Format
from miharu.core.identity import hash_parts
from miharu.sources.asl_records import asl_chunks
from miharu.sources.chunking import ChunkBuilder, Origin, Span, raw_series, text_chunks
from miharu.sources.content import Content, Fault, NoContent, Stream, advance
from miharu.sources.cut import BLANK, LONGEST_TAIL, Cutter, filled
from miharu.sources.evtx_chunks import evtx_chunks
from miharu.sources.headers import Headers, table_header
from miharu.sources.joining import Joiner
from miharu.sources.journal_export import journal_chunks
from miharu.sources.json_items import JsonCutter
from miharu.sources.limits import DEFAULT_LIMITS, HEAD_BYTES, Limits
from miharu.sources.lines import LineCutter, line_spans
from miharu.sources.login_records import login_chunks
from miharu.sources.recognise import Recognised, recognise
from miharu.sources.reports import WholeCutter
from miharu.sources.textcoding import TextWindow, to_utf8

_BINARY: Final = "the content is neither text nor a format known here; its bytes are kept as they are"

HEAD_POWERS: Final = 13
"""Digests of the first 1, 2, 4 … 4096 bytes are made."""


@dataclass(frozen=True, slots=True)
class Scan:
    """Fingerprint of content: its size, the digest of all of it, of its first 2^k bytes and of its first n bytes."""

    size: int
    digest: str
    heads: dict[int, str] = field(default_factory=dict)
    prefixes: dict[int, str] = field(default_factory=dict)


class SourceFile:
    """A file to read. `path` is what it is called, `modified` when (UTC) its content last changed.

    Content that cannot be opened at all is a file too: its only chunk holds one reject that says why, and `problem`
    is that sentence.
    """

    def __init__(self, path: str, modified: datetime, content: Content, limits: Limits = DEFAULT_LIMITS) -> None:
        self.path = path
        self.modified = modified
        self._content = content
        self._limits = limits
        self._joins: Sequence[Join] = ()

    def joined_by(self, joins: Sequence[Join]) -> Self:
        """Join lines to records by the rules of the log sources that have some; returns the file."""
        self._joins = joins
        return self

    def __repr__(self) -> str:
        """Name the file."""
        return f"SourceFile({self.path!r})"

    @property
    def problem(self) -> str | None:
        """What kept the file from being opened, None for a file that can be read."""
        return self._content.fault.detail if isinstance(self._content, NoContent) else None

    @property
    def format(self) -> Format:
        """How the file is cut into records, decided by its first bytes."""
        return self._recognised.format

    def scan(self, sizes: Sequence[int] = ()) -> Scan:
        """Read everything once; return size and digests (xxh3, 128 bits, hexadecimal).

        `sizes` are lengths of beginnings whose digests are wanted too; those beyond the content are left out. A stream
        that breaks off is scanned as far as it can be read.
        """
        if isinstance(self._content, NoContent):
            return Scan(0, hash_parts("unreadable", self._content.fault.detail))
        heads = [1 << power for power in range(HEAD_POWERS)]
        cuts = sorted({*heads, *(size for size in sizes if size >= 0)})
        hasher, seen, size = xxhash.xxh3_128(), dict[int, str](), 0
        if cuts[0] == 0:
            seen[0] = hasher.hexdigest()
        with closing(self._open()) as stream:
            while block := stream.read(self._limits.block):
                begun = size
                size += len(block)
                for cut in cuts[bisect.bisect_right(cuts, begun) : bisect.bisect_right(cuts, size)]:
                    hasher.update(memoryview(block)[: cut - begun])
                    block, begun = block[cut - begun :], cut
                    seen[cut] = hasher.hexdigest()
                hasher.update(block)
        return Scan(
            size,
            hasher.hexdigest(),
            {head: seen[head] for head in heads if head in seen},
            {length: seen[length] for length in sizes if length in seen},
        )

    def chunks(self, file_key: str, begin: int = 0, end: int | None = None, rows: int = 16_384) -> Iterator[Chunk]:
        """Yield the records from position `begin` to `end` (default: the end of content) in chunks.

        `begin` is 0 or the end of an earlier chunk. A chunk holds at most `rows` records and rejects, or CHUNK_BYTES;
        reading the same positions again gives the same chunk. A chunk whose begin equals its end holds only the reject
        for content that breaks off there.
        """
        if end is not None and end <= begin:
            for chunk in self.chunks(file_key, begin, None, rows):
                if chunk.begin == chunk.end == begin:
                    yield chunk
            return
        recognised = self._recognised
        builder = ChunkBuilder(Origin(self.path, recognised.format, file_key, self.modified), rows, begin)
        with closing(self._open()) as stream:
            if recognised.kind == "evtx":
                yield from evtx_chunks(stream, builder, begin, end)
            elif recognised.kind == "journal":
                yield from journal_chunks(stream, builder, begin, end, self._limits.record)
            elif recognised.kind == "asl":
                yield from asl_chunks(stream, builder, begin, end, self._limits.record)
            elif recognised.login is not None:
                yield from login_chunks(stream, recognised.login, builder, begin, end)
            elif recognised.kind == "binary":
                yield from self._binary(stream, builder, begin, end)
            else:
                yield from self._text(stream, recognised, builder, begin, end)

    @cached_property
    def _recognised(self) -> Recognised:
        with closing(self._open()) as stream:
            return recognise(read_head(stream, HEAD_BYTES), self.path)

    def _open(self) -> Stream:
        try:
            return self._content.open()
        except OSError as error:
            return NoContent(unreadable(self.path, error)).open()

    def _text(
        self, stream: Stream, recognised: Recognised, builder: ChunkBuilder, begin: int, end: int | None
    ) -> Iterator[Chunk]:
        limits, start, limit = self._limits, recognised.mark, end
        cutter: Cutter
        if recognised.kind == "report":
            start = max(begin, start)
            advance(stream, start)
            cutter = WholeCutter(limits.record, limits.piece)
        elif recognised.shape is None:
            start = max(begin, start)
            headers = self._headers_before(recognised, start)
            inside = self._place(stream, recognised, start)
            joiner = Joiner(self._joins, recognised.first)
            cutter = LineCutter(limits.record, limits.piece, inside=inside, joiner=joiner, headers=headers)
        else:
            # Where a record begins in JSON depends on all brackets before: it is always followed from the beginning.
            cutter, limit = JsonCutter(recognised.shape, limits.record, limits.piece), None
            advance(stream, start)
            start += recognised.remarks
            remarks = read_head(stream, recognised.remarks)
            if remarks and begin < start:
                yield from _remarks(builder, remarks, start)
        window = TextWindow(stream, recognised.encoding, start, limits.block, limit)
        yield from text_chunks(stream, window, cutter, builder, Span(begin, None if limit is end else end))

    def _headers_before(self, recognised: Recognised, begin: int) -> Headers:
        """Return what is known at `begin` of the headers before it."""
        headers = Headers(table_header(recognised.first))
        if begin == recognised.mark:
            return headers
        with closing(self._open()) as stream:
            advance(stream, recognised.mark)
            window = TextWindow(stream, recognised.encoding, recognised.mark, self._limits.block, begin)
            while not window.final:
                window.fill()
                starts, stops, afters = line_spans(window.data, final=window.final)
                keep = filled(window.data, starts, stops)
                headers.pass_by(window.data, starts[keep], stops[keep])
                long = len(window.data) > self._limits.record
                window.drop(len(window.data) if long else int(afters[-1]) if len(afters) else 0)
        return headers

    def _place(self, stream: Stream, recognised: Recognised, begin: int) -> bool:
        """Place the stream at `begin`; say whether that lies within a line that is being kept in pieces."""
        piece = self._limits.piece
        back = min(begin - recognised.mark, piece if recognised.encoding == "utf-8" else 2 * piece)
        advance(stream, begin - back)
        before = to_utf8(read_head(stream, back), recognised.encoding)[-piece:]
        ended = any(mark in before for mark in (b"\n", b"\r", b"</Event>"))
        return len(before) >= piece - LONGEST_TAIL and not ended

    def _binary(self, stream: Stream, builder: ChunkBuilder, begin: int, end: int | None) -> Iterator[Chunk]:
        position, ahead = begin, b""
        advance(stream, begin)
        while end is None or position < end:
            size = self._limits.piece if end is None else min(self._limits.piece, end - position)
            raw = ahead + read_head(stream, size - len(ahead))
            ahead = stream.read(1)
            fault = None if ahead else stream.fault
            if raw:
                yield from builder.add_reject(position, position + len(raw), "binary", _BINARY, raw)
                position += len(raw)
            if fault is not None:
                yield from builder.add_reject(position, position, fault.reason, fault.detail, b"")
            yield from builder.flush()
            if not ahead:
                break


def _remarks(builder: ChunkBuilder, remarks: bytes, after: int) -> Iterator[Chunk]:
    """Add what a command said before its JSON: a record of its own."""
    begin, stop = np.array([0, len(remarks.rstrip(BLANK))], dtype=np.int64).reshape(2, 1)
    places = begin + after - len(remarks)
    yield from builder.add_records(raw_series(remarks, begin, stop), stop, places, np.array([after], dtype=np.int64))


def read_head(stream: Stream, size: int) -> bytes:
    """Read exactly `size` bytes, fewer only at the end."""
    parts: list[bytes] = []
    while size > 0 and (block := stream.read(size)):
        parts.append(block)
        size -= len(block)
    return b"".join(parts)


def unreadable(label: str, error: OSError) -> Fault:
    """Return the fault of a file that cannot be opened."""
    why = error.strerror or str(error)
    return Fault("unreadable", f"{label} cannot be read ({why}); make it readable and import it again")
