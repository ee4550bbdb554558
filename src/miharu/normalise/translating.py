"""Text and a table of `content/lookups` → words: of the whole value, of each set bit, or of each item.

Codes take few values, so each distinct one is translated once, and remembered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import polars as pl

_ITEM: Final = re.compile(r"[^\s,]+")
_NUMBER: Final = re.compile("0x[0-9A-Fa-f]{1,16}|[0-9]{1,20}")
_REMEMBERED: Final = 20_000

Words: TypeAlias = str | list[str] | None


def translated(value: pl.Expr, table: Mapping[str, str], each: str = "") -> pl.Expr:
    """Return the table's word for the value, null for one it does not have; a list of words with `each`.

    * `bits`: the value is a number, decimal or `0x` hexadecimal; a key of the table is a hexadecimal set of
      bits, which counts where the number has all of them. Words come in the table's order.
    * `items`: blanks and commas part the value; items that the table does not have are left out.

    A value without any word gives null.
    """
    if each == "bits":
        return value.map_batches(_Distinct(_bits_of(table), listed=True), return_dtype=pl.List(pl.String))
    if each == "items":
        return value.map_batches(_Distinct(_items_of(table), listed=True), return_dtype=pl.List(pl.String))
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
    def words_of(text: str) -> Words:
        return [word for word in map(table.get, _ITEM.findall(text)) if word is not None] or None

    return words_of


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
