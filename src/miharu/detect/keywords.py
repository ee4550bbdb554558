r"""Rows of a batch → the keyword predicates that hold for each: a search over every value of the event.

The values of an event are the raw text (of JSON: its leaves), and every text column and leftover, in which
escapes of the raw text are undone. A keyword is first looked for in the raw texts, by its longest run of
characters that no format escapes (JSON escapes `\\` and `"`, XML `<` and `&`); candidates are decided on
the values. Raw texts that spell letters by number (`\u0041`, `&#65;`) are always decided on the values.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
import polars as pl

from miharu.core.columns import EVENT_ORIGINAL
from miharu.detect.columns import Rows
from miharu.detect.engines import literal_of
from miharu.detect.eventvalues import EventValues, spelled_out
from miharu.detect.judging import Judge
from miharu.detect.model import Predicate, ValueTest
from miharu.detect.ragged import Numbers, Ragged, no_pairs
from miharu.detect.rawscan import RawColumn, RawScanner

_RUN: Final = re.compile(r"[a-z0-9 ._:;,()@#$%*=!?\[\]{}|~^-]+", re.ASCII)
_SPELLING: Final = ("\\u00", "&#")
_SPELLED: Final = re.compile(rb"\\u00(3[0-9]|[46][1-9a-f]|[57][0-9a])|&#(x[0-9a-f]+|[0-9]+);", re.IGNORECASE)
"""A letter or digit spelled by number in JSON or XML."""

_BEGINNING: Final = re.compile(r"[:;,()@#$%=!?\[\]{}|~^_]+")
_SCANNERS: Final = 200
_TOGETHER: Final = 24
"""So many rows or more are decided in one pass over the columns."""
_SHORTEST: Final = 6
_PART: Final = 0.3
_PIECE: Final = 4
_OFTEN: Final = 0.03
"""A piece that stands in more than this part of the rows saves nothing."""

_BEFORE_JSON: Final = tuple(bytes([byte]) for byte in b"{[ \t\n\r\v\f")
"""How a text begins that may be JSON."""

Found: TypeAlias = tuple[Numbers, Numbers]
"""Rows of the batch, and what was found there; equally long."""

Candidates = Mapping[int, frozenset[int]]
"""Keyword predicates that may hold, by row of the batch; other rows hold none."""


@dataclass(frozen=True, slots=True)
class _Keyword:
    """`run`: the longest part of `literal` that no format escapes."""

    test: ValueTest
    literal: str
    run: str

    @property
    def verbatim(self) -> bool:
        """Return whether no format escapes any of its characters."""
        return bool(self.run) and self.run == self.literal and self.test.op == "contains"

    def told_by(self, fragment: str) -> bool:
        """Return whether the fragment is all of it, so that it holds where the fragment stands in a value."""
        return self.verbatim and self.plain and fragment == self.literal

    @property
    def plain(self) -> bool:
        """Return whether it only has to stand somewhere, in letters of ASCII."""
        wanted = self.test.value
        return self.test.op == "contains" and not self.test.cased and wanted.isascii() and "\0" not in wanted


class KeywordSearch:
    """Searches events for one set of keyword predicates."""

    def __init__(self, predicates: Mapping[int, Predicate]) -> None:
        self._keywords: dict[int, _Keyword] = {}
        runs: dict[str, list[int]] = {}
        unscanned: list[int] = []
        for number, predicate in predicates.items():
            literal = literal_of(predicate.test)
            run = max(_RUN.findall(literal), key=len, default="") if literal.isascii() else ""
            self._keywords[number] = _Keyword(predicate.test, literal, run)
            (runs.setdefault(run, []) if run else unscanned).append(number)
        self._unscanned = frozenset(unscanned)
        fragments = {
            fragment: sorted(number for run in covered for number in runs[run])
            for fragment, covered in _covering(list(runs)).items()
        }
        self.fragments = tuple(fragments)
        """Texts of which one must stand in the raw text for a keyword to hold."""
        settled = [
            [number for number in numbers if self._keywords[number].told_by(fragment)]
            for fragment, numbers in fragments.items()
        ]
        self._wanting = Ragged(list(fragments.values()))
        self._settled = Ragged(settled)
        self._open = Ragged([
            [number for number in numbers if number not in held]
            for numbers, held in zip(fragments.values(), settled, strict=True)
        ])  # fmt: skip
        self._judge = Judge()

    def find(self, raw: RawTexts, rows: Rows, values: EventValues) -> Found:
        """Return those of `rows` for which predicates hold, and the predicates."""
        every = frozenset(self._keywords)
        if raw.texts is None:
            return _pairs(self.decide_all(dict.fromkeys(rows.tolist(), every), values))
        candidates = dict.fromkeys(rows.tolist(), self._unscanned) if self._unscanned else {}
        held, hits = raw.holding(self.fragments, rows)
        plain = raw.plain(held)
        # In a text that is no JSON a keyword without anything that could be escaped holds where it is found.
        sure = _taken(self._settled, held[plain], hits[plain])
        for part in (_taken(self._open, held[plain], hits[plain]), _taken(self._wanting, held[~plain], hits[~plain])):
            for row, number in zip(*(numbers.tolist() for numbers in part), strict=True):
                candidates[row] = candidates.get(row, frozenset()) | {number}
        candidates.update(dict.fromkeys(rows[np.isin(rows, raw.unsure)].tolist() if raw.unsure else (), every))
        others = _pairs(self.decide_all(candidates, values))
        return np.concatenate([sure[0], others[0]]), np.concatenate([sure[1], others[1]])

    def decide_all(self, candidates: Candidates, values: EventValues) -> Candidates:
        """Return which of the candidates hold; rows without any are left out."""
        rows_of: dict[int, list[int]] = {}
        for row, numbers in candidates.items():
            for number in numbers:
                rows_of.setdefault(number, []).append(row)
        together = {n: rows for n, rows in rows_of.items() if len(rows) >= _TOGETHER and self._keywords[n].plain}
        found: dict[int, frozenset[int]] = {}
        left = {row: numbers - together.keys() for row, numbers in candidates.items() if not numbers <= together.keys()}
        table = values.table({row for rows in together.values() for row in rows})
        for number, rows in together.items():
            keyword = self._keywords[number]
            held, unsure = table.holding(keyword.literal, keyword.run, rows)
            for place, here in ((found, held), (left, unsure)):
                for row in here:
                    place[row] = place.get(row, frozenset()) | {number}
        for row, numbers in left.items():
            if held_here := self.decide(row, numbers, values):
                found[row] = found.get(row, frozenset()) | held_here
        return found

    def decide(self, row: int, candidates: frozenset[int], values: EventValues) -> frozenset[int]:
        """Return which of the candidates hold for a row."""
        raw = values.raw(row)
        holding = {number for number in candidates if self._judge.holds(self._keywords[number].test, raw)}
        # What no format escapes stands in the raw text as it is, or nowhere.
        open_ = {number for number in candidates - holding if not raw or not self._keywords[number].verbatim}
        if open_ and spelled_out(raw):
            open_ = {number for number in open_ if self._keywords[number].test.op != "contains"}
        if open_:
            told = values.columns(row)
            holding |= {number for number in open_ if self._judge.holds(self._keywords[number].test, told)}
        return frozenset(holding)


class RawTexts:
    """The raw texts of a batch, scanned once for the fragments that concern many of its rows.

    `unsure` are rows whose raw text cannot tell which keywords it holds.
    """

    def __init__(self, batch: pl.DataFrame, wide: Iterable[str], scanners: Scanners) -> None:
        self.texts = batch.get_column(EVENT_ORIGINAL).cast(pl.Binary) if EVENT_ORIGINAL in batch.columns else None
        self.unsure: list[int] = []
        self._scanners = scanners
        self._wide = frozenset((*_SPELLING, *wide))
        self._found = no_pairs()
        self._ordered: Mapping[str, int] = {}
        if self.texts is not None:
            self._column = RawColumn(self.texts)
            self._found, self._ordered = scanners.scan(self._wide, self._column)
            spelled = self._only(_SPELLING, self._found, self._ordered)[0]
            nulls = self.texts.is_null().arg_true().to_list() if self.texts.null_count() else []
            self.unsure = [*(row for row in sorted(set(spelled.tolist())) if _SPELLED.search(self.texts[row])), *nulls]

    def holding(self, fragments: Sequence[str], rows: Rows) -> Found:
        """Return those of `rows` in which fragments stand, and the places of the fragments."""
        if self.texts is None or not fragments:
            return no_pairs()
        wanted = np.zeros(len(self.texts), dtype=np.bool_)
        wanted[rows] = True
        if not self._wide.issuperset(fragments):
            return self._only(fragments, *self._scanners.scan(frozenset(fragments), self._column, wanted))
        held, places = self._only(fragments, self._found, self._ordered)
        here = wanted[held]
        return held[here], places[here]

    def plain(self, rows: Numbers) -> npt.NDArray[np.bool_]:
        """Return which of some rows (a row may be named again and again) have a text that is certainly no JSON."""
        if self.texts is None or not len(rows):
            return np.zeros(len(rows), dtype=np.bool_)
        some, which = np.unique(rows, return_inverse=True)
        begins = self.texts.gather(some).bin.head(1).is_in(_BEFORE_JSON)
        told: npt.NDArray[np.bool_] = (~begins.fill_null(value=True)).to_numpy()[which]
        return told

    @staticmethod
    def _only(texts: Sequence[str], found: Found, ordered: Mapping[str, int]) -> Found:
        """Return what was found of some texts, by their places, which `ordered` numbers."""
        places = np.full(len(ordered), -1, dtype=np.intp)
        places[[ordered[text] for text in texts]] = np.arange(len(texts))
        rows, numbers = found
        here = places[numbers] >= 0
        return rows[here], places[numbers[here]]


class Scanners:
    """Scanners by the texts they look for, kept for later batches."""

    def __init__(self) -> None:
        self._scanners: dict[frozenset[str], tuple[RawScanner, Mapping[str, int]]] = {}
        self._pieces: dict[frozenset[str], tuple[frozenset[str], frozenset[str]]] = {}

    def scan(
        self, wanted: frozenset[str], column: RawColumn, rows: npt.NDArray[np.bool_] | None = None
    ) -> tuple[Found, Mapping[str, int]]:
        """Return rows of a mask (None: of all) and the texts that stand there, by the numbers that are told too."""
        if rows is None:
            rows = self._with_pieces(wanted, column)
        scanner, ordered = self._scanner(wanted)
        return scanner.pairs(column, rows), ordered

    def _with_pieces(self, wanted: frozenset[str], column: RawColumn) -> npt.NDArray[np.bool_] | None:
        """Return the rows that hold a piece of a wanted text; None where to look for pieces is not worth while.

        Few short pieces are found faster than many texts. Pieces that turn out to stand in many rows are given up.
        """
        pieces, avoided = self._pieces.get(wanted) or (shared_pieces(wanted), frozenset())
        if len(pieces) < len(wanted):
            scanner, ordered = self._scanner(pieces)
            rows, numbers = scanner.pairs(column)
            counts = np.bincount(numbers, minlength=len(ordered))
            common = {text for text, number in ordered.items() if counts[number] > column.height * _OFTEN}
            if common:
                avoided |= common
                self._keep_pieces(wanted, shared_pieces(wanted, avoided), avoided)
            else:
                self._keep_pieces(wanted, pieces, avoided)
            mask = np.zeros(column.height, dtype=np.bool_)
            mask[rows] = True
            return mask
        return None

    def _keep_pieces(self, wanted: frozenset[str], pieces: frozenset[str], avoided: frozenset[str]) -> None:
        if len(self._pieces) >= _SCANNERS:
            self._pieces.clear()
        self._pieces[wanted] = pieces, avoided

    def _scanner(self, wanted: frozenset[str]) -> tuple[RawScanner, Mapping[str, int]]:
        if wanted not in self._scanners:
            if len(self._scanners) >= _SCANNERS:
                self._scanners.clear()
            ordered = sorted(wanted)
            self._scanners[wanted] = RawScanner(ordered), {text: number for number, text in enumerate(ordered)}
        return self._scanners[wanted]


def _taken(lists: Ragged, rows: Numbers, places: Numbers) -> Found:
    owners, numbers = lists.take(places)
    return rows[owners], numbers


def _pairs(held: Candidates) -> Found:
    pairs = [(row, number) for row, numbers in held.items() for number in numbers]
    told = np.array(pairs, dtype=np.intp).reshape(-1, 2)
    return told[:, 0], told[:, 1]


def _covering(runs: Sequence[str]) -> dict[str, list[str]]:
    """Return fewer texts of which every run holds one, with the runs: a scan takes longer the more it looks for.

    Runs share a beginning that ends in punctuation (`kerberos::`) and is not too short a part of them to be rare.
    """
    beginnings: dict[str, list[str]] = {}
    for run in runs:
        for match in _BEGINNING.finditer(run):
            if match.end() >= max(_SHORTEST, len(run) * _PART):
                beginnings.setdefault(run[: match.end()], []).append(run)
    found: dict[str, list[str]] = {}
    left = dict.fromkeys(runs)
    for beginning, covered in sorted(beginnings.items(), key=lambda item: (-len(item[1]), -len(item[0]))):
        shared = [run for run in covered if run in left]
        if len(shared) > 1:
            found[beginning] = shared
            for run in shared:
                del left[run]
    return found | {run: [run] for run in left}


def shared_pieces(texts: frozenset[str], avoided: frozenset[str] = frozenset()) -> frozenset[str]:
    """Return short texts of which every text holds one: those that several share, else the text itself.

    A piece is four characters long, or two that are neither letters nor digits: shorter ones stand everywhere.
    """
    sharing: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        for size in (_PIECE, 2):
            for place in range(len(text) - size + 1):
                piece = text[place : place + size]
                if size == _PIECE or not any(map(str.isalnum, piece)):
                    sharing[piece].add(text)
    found, left = set(), set(texts)
    for piece in sorted(sharing, key=lambda piece: (-len(sharing[piece]), piece)):
        shared = sharing[piece] & left
        if len(shared) > 1 and piece not in avoided:
            found.add(piece)
            left -= shared
    return frozenset(found | left)
