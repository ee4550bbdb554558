r"""Names of Sigma value modifiers → what each makes of a value.

The types and most modifiers are pySigma's. These here differ from it, by the specification:

- `utf16le` exists; `utf16le`, `wide`, `utf16be` and `utf16` take any character, and `utf16` begins with the two
  bytes FF FE. A text in UTF-16 is kept as bytes, one character each (Latin-1), so that base64 encodes these bytes.
- `base64` and `base64offset` encode the characters that are meant: `\*` is a star, without its escape, and an
  offset counts bytes, not characters. Of one byte at an offset nothing is left to look for: that form is left out.
- `windash` takes any of the five dashes in the value, not only `-` and `/`.
- `startswith` and `endswith` tie a regular expression to the beginning or end of the value.
- `cased` also holds for a reference to another field, before or after `fieldref`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any, ClassVar, Final

from sigma.exceptions import SigmaValueError
from sigma.modifiers import (
    SigmaFieldReferenceModifier,
    SigmaModifier,
    SigmaValueModifier,
    modifier_mapping,
)
from sigma.types import (
    Placeholder,
    SigmaCasedString,
    SigmaExpansion,
    SigmaFieldReference,
    SigmaRegularExpression,
    SigmaString,
    SpecialChars,
)

_DASHES: Final = "-/\u2013\u2014\u2015"
_DASH: Final = re.compile(rf"\B[{_DASHES}]\b")
_MOST_DASHES: Final = 5
_GLOBAL_FLAGS: Final = re.compile(r"\(\?[aiLmsux]+\)")
_STARTS: Final = (0, 2, 3)
_ENDS: Final = (None, -3, -2)

Text = SigmaString | SigmaRegularExpression | SigmaFieldReference


class ByteString(SigmaString):
    """A text whose characters are bytes."""


class CasedReference(SigmaFieldReference):
    """A reference to another field whose value is compared with regard to case."""


def with_parts(value: SigmaString, parts: list[Any]) -> SigmaString:
    """Return a string of the same kind that has these parts."""
    made = type(value)()
    made.s = parts
    made.original = value.original
    return made


def plain_text(value: SigmaString) -> str:
    """Return the characters that a string without wildcards means."""
    return "".join(part for part in value.s if isinstance(part, str))


def plain_bytes(value: SigmaString) -> bytes:
    """Return the bytes a string means. Raises SigmaValueError where it has wildcards or placeholders."""
    if value.contains_special() or value.contains_placeholder():
        raise SigmaValueError("a text with wildcards or placeholders cannot be encoded in base64")
    text = plain_text(value)
    return text.encode("latin-1" if isinstance(value, ByteString) else "utf-8")


class _Encoded(SigmaValueModifier[Any, Any]):
    """UTF-16 of each plain part."""

    encoding: ClassVar[str]
    before: ClassVar[str] = ""

    def modify(self, val: SigmaString) -> ByteString:
        parts = [part.encode(self.encoding).decode("latin-1") if isinstance(part, str) else part for part in val.s]
        if any(isinstance(part, Placeholder) for part in parts):
            raise SigmaValueError("a placeholder cannot be encoded; put `expand` after the encoding or leave it out")
        made = ByteString()
        made.s = [self.before, *parts] if self.before else parts
        made._merge_strs()  # noqa: SLF001 - pySigma keeps it to itself, and wants strings merged
        return made


class _Utf16Le(_Encoded):
    encoding = "utf-16le"


class _Utf16Be(_Encoded):
    encoding = "utf-16be"


class _Utf16(_Encoded):
    encoding = "utf-16le"
    before = "\xff\xfe"


class _Base64(SigmaValueModifier[Any, Any]):
    def modify(self, val: SigmaString) -> SigmaString:
        return SigmaString.from_str(b64encode(plain_bytes(val)).decode())


class _Base64Offset(SigmaValueModifier[Any, Any]):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        data = plain_bytes(val)
        if not data:
            raise SigmaValueError("an empty text cannot be looked for in base64")
        texts = [
            b64encode(shift * b" " + data)[_STARTS[shift] : _ENDS[(len(data) + shift) % 3]].decode()
            for shift in range(3)
        ]
        return SigmaExpansion([SigmaString.from_str(text) for text in texts if text])


class _WinDash(SigmaValueModifier[Any, Any]):
    def modify(self, val: SigmaString) -> SigmaExpansion:
        pieces = [piece for part in val.s for piece in _dashed(part)]
        if sum(len(choices) > 1 for choices in pieces) > _MOST_DASHES:
            raise SigmaValueError(f"`windash` of a value with more than {_MOST_DASHES} dashes has too many forms")
        made = [with_parts(val, list(parts)) for parts in product(*pieces)]
        return SigmaExpansion([text._merge_strs() for text in made])  # noqa: SLF001 - as above


def _dashed(part: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the pieces of a part, each with the forms it may have."""
    if not isinstance(part, str):
        yield (part,)
        return
    at = 0
    for dash in _DASH.finditer(part):
        if dash.start() > at:
            yield (part[at : dash.start()],)
        yield tuple(_DASHES)
        at = dash.end()
    if at < len(part):
        yield (part[at:],)


class _Tied(SigmaValueModifier[Any, Any]):
    """Where in the value a text, an expression or another field's value is expected."""

    starts: ClassVar[bool] = False
    ends: ClassVar[bool] = False

    def modify(self, val: Text) -> Text:
        any_text = SpecialChars.WILDCARD_MULTI
        match val:
            case SigmaString():
                before = [any_text] if not self.starts and not val.startswith(any_text) else []
                after = [any_text] if not self.ends and not val.endswith(any_text) else []
                return with_parts(val, [*before, *val.s, *(after if val.s or not before else [])])
            case SigmaRegularExpression():
                return self._expression(val)
            case _:
                val.starts_with |= not self.ends
                val.ends_with |= not self.starts
                return val

    def _expression(self, val: SigmaRegularExpression) -> SigmaRegularExpression:
        if not self.starts and not self.ends:
            return val
        pattern = str(val.regexp)
        flags = _GLOBAL_FLAGS.match(pattern)
        head = flags.group() if flags else ""
        start, end = (r"\A" if self.starts else ""), (r"\Z" if self.ends else "")
        return SigmaRegularExpression(f"{head}{start}(?:{pattern[len(head) :]}){end}", val.flags)


class _Contains(_Tied):
    pass


class _StartsWith(_Tied):
    starts = True


class _EndsWith(_Tied):
    ends = True


class _Cased(SigmaValueModifier[Any, Any]):
    def modify(self, val: Text) -> Text:
        if isinstance(val, SigmaFieldReference):
            return CasedReference(val.field, val.starts_with, val.ends_with)
        return SigmaCasedString.from_sigma_string(val) if isinstance(val, SigmaString) else val


class _FieldReference(SigmaFieldReferenceModifier):
    def modify(self, val: SigmaString) -> SigmaFieldReference:
        if val.contains_special():
            raise SigmaValueError("the name of a field cannot hold wildcards")
        kind = CasedReference if isinstance(val, SigmaCasedString) else SigmaFieldReference
        return kind(plain_text(val))


_OWN: Final[Mapping[str, type[SigmaModifier[Any, Any]]]] = {
    "base64": _Base64,
    "base64offset": _Base64Offset,
    "cased": _Cased,
    "contains": _Contains,
    "endswith": _EndsWith,
    "fieldref": _FieldReference,
    "startswith": _StartsWith,
    "utf16": _Utf16,
    "utf16be": _Utf16Be,
    "utf16le": _Utf16Le,
    "wide": _Utf16Le,
    "windash": _WinDash,
}

MODIFIERS: Final[Mapping[str, type[SigmaModifier[Any, Any]]]] = {**modifier_mapping, **_OWN}
"""Every modifier of the specification, and pySigma's long names of regex flags."""

TEXT_MODIFIERS: Final = frozenset({*_OWN, "re", "cidr", "expand"})
"""Modifiers that want a text: a number given to them is taken as it is written."""
NUMBER_MODIFIERS: Final = frozenset({"lt", "lte", "gt", "gte"})
TIME_RANGES: Final[Mapping[str, tuple[int, int]]] = {
    "minute": (0, 59), "hour": (0, 23), "day": (1, 31), "week": (0, 53), "month": (1, 12), "year": (1, 9999),
}  # fmt: skip
"""Time parts, with the numbers that each can be."""
