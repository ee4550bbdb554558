"""Text and a table of `content/lookups` → words: of the whole value, of each set bit, or of each item.

Codes take few values, so each distinct one is translated once, and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import polars as pl

_ITEM: Final = re.compile(r"[^\s,]+")
# Type, rights and account of an entry: https://learn.microsoft.com/windows/win32/secauthz/ace-strings
_ENTRY: Final = re.compile(r"\(([A-Z]{1,2});[A-Z]*;([A-Za-z0-9]*);[^;()]*;[^;()]*;([^;()]*)[;)]")
_RIGHT: Final = re.compile("..")
_NUMBER: Final = re.compile("0x[0-9A-Fa-f]{1,16}|[0-9]{1,20}")
_REMEMBERED: Final = 20_000

Words: TypeAlias = str | list[str] | None


def translated(value: pl.Expr, table: Mapping[str, str], each: str = "") -> pl.Expr:
    """Return the table's word for the value, null for one it does not have; a list of words with `each`.

    * `bits`: the value is a number, decimal or `0x` hexadecimal; a key of the table is a hexadecimal set of
      bits, which counts where the number has all of them. Words come in the table's order.
    * `items`: blanks and commas part the value; items that the table does not have are left out. A key with one
      `*` stands for every item with this beginning and end that has no key of its own.
    * `entries`: the value is a security descriptor in words (SDDL); each of its entries is told with the table's words
      for `type A`, `right FA` and `sid BA`, or what stands there.

    A value without any word gives null.
    """
    if each:
        return value.map_batches(_Distinct(_PARTS[each](table), listed=True), return_dtype=pl.List(pl.String))
    return value.map_batches(_Distinct(table.get, listed=False), return_dtype=pl.String)


def _bits_of(table: Mapping[str, str]) -> Callable[[str], Words]:
    words = [(int(key, 16), word) for key, word in table.items()]

    def words_of(text: str) -> Words:
        if not _NUMBER.fullmatch(text):
            return None
        number = int(text, 0 if text.startswith("0x") else 10)
        return [word for bits, word in words if number & bits == bits] or None

    return words_of


def _items_of(table: Mapping[str, str]) -> Callable[[str], Words]:
    wild = [(*key.split("*", 1), word) for key, word in table.items() if "*" in key]

    def word_of(item: str) -> str | None:
        return table.get(item) or next((word for begin, end, word in wild if _is_between(item, begin, end)), None)

    def words_of(text: str) -> Words:
        return [word for word in map(word_of, _ITEM.findall(text)) if word is not None] or None

    return words_of


def _is_between(item: str, begin: str, end: str) -> bool:
    return item.startswith(begin) and item.endswith(end) and len(item) > len(begin) + len(end)


def _entries_of(table: Mapping[str, str]) -> Callable[[str], Words]:
    def told(kind: str, rights: str, sid: str) -> str:
        parts = [rights] if rights.startswith("0x") else _RIGHT.findall(rights)
        words = ", ".join(table.get(f"right {part}", part) for part in parts)
        relative = table.get(f"sid *-{sid.rpartition('-')[2]}", sid) if sid.startswith("S-1-5-21-") else sid
        return f"{table.get(f'sid {sid}', relative)}: {table.get(f'type {kind}', kind)} ({words})"

    def words_of(text: str) -> Words:
        return [told(*entry) for entry in _ENTRY.findall(text)] or None

    return words_of


_PARTS: Final[Mapping[str, Callable[[Mapping[str, str]], Callable[[str], Words]]]] = {
    "bits": _bits_of,
    "items": _items_of,
    "entries": _entries_of,
}
"""What a table says of each of `miharu.catalog.vocabulary.EACH`."""


class _Distinct:
    """Translates a column by its distinct values."""

    def __init__(self, words_of: Callable[[str], Words], *, listed: bool) -> None:
        self._words_of = words_of
        self._dtype = pl.List(pl.String) if listed else pl.String()
        self._memo: dict[str, Words] = {}

    def __call__(self, texts: pl.Series) -> pl.Series:
        """Return the words of each text."""
        if texts.null_count() == len(texts):
            return pl.Series([None], dtype=self._dtype).new_from_index(0, len(texts))
        encoded = texts.to_arrow(compat_level=pl.CompatLevel.oldest()).dictionary_encode()
        words = [self._words(text) for text in encoded.dictionary.to_pylist()]
        return pl.Series(words, dtype=self._dtype).gather(pl.Series(encoded.indices)).alias(texts.name)

    def _words(self, text: str) -> Words:
        if text not in self._memo:
            if len(self._memo) >= _REMEMBERED:
                self._memo.clear()
            self._memo[text] = self._words_of(text)
        return self._memo[text]
