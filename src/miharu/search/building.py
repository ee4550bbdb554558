"""The parser's tree → the plan's typed pieces."""

# ruff: noqa: D102 - methods are named after the rules of the grammar, which says what they are

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

from lark import Token, Transformer
from lark.tree import Meta
from lark.visitors import v_args

from miharu.core.errors import QueryError
from miharu.search.plan import (
    Both,
    Call,
    Choose,
    Command,
    Condition,
    Constant,
    Duration,
    Either,
    Eval,
    Expression,
    Inverse,
    Key,
    Limit,
    Name,
    Named,
    Plan,
    Ref,
    Sort,
    Stats,
    Test,
    Value,
    Where,
    Wild,
    Words,
)
from miharu.search.times import UNITS

_ESCAPED: Final = re.compile(r'\\([\\"():<>=|*?{},` ])|(\*)|(\?)')
_QUOTE_ESCAPED: Final = re.compile(r'\\([\\"])')
_DURATION: Final = re.compile(r"(\d+)(\w+)")
_COLUMN_NAME: Final = re.compile(r"[^#`\\\x00-\x1f\x7f][^`\\\x00-\x1f\x7f]{0,199}")
_LONGEST_MICROS: Final = 10**18
_MAX_NUMBER_CHARS: Final = 18
_Part = TypeVar("_Part")

Values = Value | Both | Either | Inverse


class Builder(Transformer[Token, Any]):
    """Builds bottom-up; each method takes the finished children of its rule."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def start(self, children: list[Any]) -> Plan:
        commands = tuple(child for child in children if isinstance(child, Command))
        conditions = [child for child in children if isinstance(child, Condition)]
        return Plan(conditions[0] if conditions else None, commands)

    # -- the filter ---------------------------------------------------------------------------------
    def disjunction(self, children: list[Condition]) -> Condition:
        return _joined(Either, children)

    def conjunction(self, children: list[Condition]) -> Condition:
        return _joined(Both, children)

    def inverse(self, children: list[Condition]) -> Inverse:
        return Inverse(children[0])

    def word(self, children: list[Token]) -> Words:
        return Words(_value(children[0]))

    def phrase(self, children: list[Token]) -> Words:
        return Words(_quoted(children[0]))

    def comparison(self, children: list[Any]) -> Condition:
        field, operator, values = children
        sign = {"=": ":", "==": ":"}.get(operator, str(operator))
        return _spread(_name(field), sign, values)

    def value(self, children: list[Token]) -> Value:
        return _value(children[0])

    def quoted(self, children: list[Token]) -> Value:
        return _quoted(children[0])

    def value_or(self, children: list[Any]) -> Any:
        return _joined(Either, children)

    def value_and(self, children: list[Any]) -> Any:
        return _joined(Both, children)

    # -- the pipes ----------------------------------------------------------------------------------
    def where(self, children: list[Condition]) -> Where:
        return Where(children[0])

    def eval(self, children: list[Named]) -> Eval:
        return Eval(tuple(children))

    def stats(self, children: list[tuple[str, Named]]) -> Stats:
        parts = {kind: tuple(named for found, named in children if found == kind) for kind in ("aggregate", "group")}
        return Stats(parts["aggregate"], parts["group"])

    def sort(self, children: list[Key]) -> Sort:
        return Sort(tuple(children))

    def keep(self, children: list[Token]) -> Choose:
        return Choose(tuple(_name(child) for child in children), keep=True)

    def drop(self, children: list[Token]) -> Choose:
        return Choose(tuple(_name(child) for child in children), keep=False)

    def limit(self, children: list[Token]) -> Limit:
        if not children[0].isdecimal() or len(children[0]) > _MAX_NUMBER_CHARS:
            raise QueryError("A limit is a whole number.", children[0].start_pos, "write limit 20")
        return Limit(int(children[0]))

    def assignment(self, children: list[Any]) -> Named:
        return Named(_new_name(children[0]), children[1])

    def aggregate(self, children: list[Any]) -> tuple[str, Named]:
        call = children[0]
        written = "count" if call.text == "count()" else call.text
        return "aggregate", Named(_new_name(children[1]) if len(children) > 1 else written, call)

    def named_aggregate(self, children: list[Any]) -> tuple[str, Named]:
        return "aggregate", Named(_new_name(children[0]), children[1])

    def named_group(self, children: list[Any]) -> tuple[str, Named]:
        return "group", Named(_new_name(children[0]), children[1])

    @v_args(meta=True)
    def group(self, meta: Meta, children: list[Expression]) -> tuple[str, Named]:
        expression = children[0]
        inner = expression.arguments[0] if isinstance(expression, Call) and expression.arguments else expression
        whole = isinstance(expression, Ref) or (isinstance(expression, Call) and expression.function == "bucket")
        name = inner.name.text if whole and isinstance(inner, Ref) else self._written(meta)
        return "group", Named(name, expression)

    def key(self, children: list[Any]) -> Key:
        descending = len(children) > 1 and children[1].lower() == "desc"
        return Key(children[0], descending)

    # -- expressions --------------------------------------------------------------------------------
    def ref(self, children: list[Token]) -> Ref:
        return Ref(_name(children[0]))

    def number(self, children: list[Token]) -> Constant:
        text, position = str(children[0]), _at(children[0])
        return Constant(float(text) if "." in text or len(text) > _MAX_NUMBER_CHARS else int(text), position)

    def text(self, children: list[Token]) -> Constant:
        return Constant(_quoted(children[0]).text, _at(children[0]))

    def duration(self, children: list[Token]) -> Duration:
        match = _DURATION.fullmatch(children[0])
        count, unit = (match[1], match[2]) if match else ("", "")
        size = int(count) * (UNITS[unit] // UNITS["ms"]) * 1000 if len(count) <= _MAX_NUMBER_CHARS else 0
        if not 0 < size <= _LONGEST_MICROS:
            raise QueryError("This length of time cannot be used.", _at(children[0]), "write 15m, 1h, 7d")
        return Duration(size, _at(children[0]))

    @v_args(meta=True)
    def call(self, meta: Meta, children: list[Any]) -> Call:
        return Call(children[0].lower(), tuple(children[1:]), self._written(meta), _at(children[0]))

    @v_args(meta=True)
    def binary(self, meta: Meta, children: list[Any]) -> Call:
        left, sign, right = children
        return Call(str(sign), (left, right), self._written(meta), _at(sign))

    @v_args(meta=True)
    def minus(self, meta: Meta, children: list[Any]) -> Expression:
        inner = children[-1]
        if isinstance(inner, Constant) and not isinstance(inner.value, str):
            return Constant(-inner.value, inner.position)
        return Call("negative", (inner,), self._written(meta), meta.start_pos)

    @v_args(meta=True)
    def either(self, meta: Meta, children: list[Expression]) -> Call:
        return Call("or", tuple(children), self._written(meta), meta.start_pos)

    @v_args(meta=True)
    def both(self, meta: Meta, children: list[Expression]) -> Call:
        return Call("and", tuple(children), self._written(meta), meta.start_pos)

    @v_args(meta=True)
    def negated(self, meta: Meta, children: list[Expression]) -> Call:
        return Call("not", tuple(children), self._written(meta), meta.start_pos)

    def _written(self, meta: Meta) -> str:
        return re.sub(r"[\s`]+", "", self._text[meta.start_pos : meta.end_pos])


def _joined(kind: type[Both | Either], children: list[_Part]) -> _Part:
    joined: Any = children[0] if len(children) == 1 else kind(tuple(children))  # type: ignore[arg-type]
    return joined  # type: ignore[no-any-return]


def _spread(field: Name, operator: str, values: Any) -> Condition:
    if isinstance(values, Value):
        return Test(field, operator, values)
    if isinstance(values, Inverse):
        return Inverse(_spread(field, operator, values.part))
    parts = tuple(_spread(field, ":" if operator == "!=" else operator, part) for part in values.parts)
    spread = type(values)(parts)
    return Inverse(spread) if operator == "!=" else spread


def _name(token: Token) -> Name:
    exact = token.startswith("`")
    return Name(token[1:-1] if exact else str(token), exact, _at(token))


def _new_name(token: Token) -> str:
    name = _name(token)
    if not _COLUMN_NAME.fullmatch(name.text):
        raise QueryError("A column cannot be named so", name.position, "use letters, digits, dots and underscores")
    return name.text


def _value(token: Token) -> Value:
    pieces: list[str | Wild] = []
    at = 0
    for match in _ESCAPED.finditer(token):
        _add(pieces, token[at : match.start()])
        if match[1] is not None:
            _add(pieces, match[1])
        else:
            pieces.append(Wild.MANY if match[2] else Wild.ONE)
        at = match.end()
    _add(pieces, token[at:])
    return Value(tuple(pieces), quoted=False, position=_at(token))


def _quoted(token: Token) -> Value:
    text = _QUOTE_ESCAPED.sub(r"\1", token[1:-1])
    return Value((text,), quoted=True, position=_at(token))


def _add(pieces: list[str | Wild], text: str) -> None:
    if not text:
        return
    if pieces and isinstance(pieces[-1], str):
        pieces[-1] += text
    else:
        pieces.append(text)


def _at(token: Token) -> int:
    return token.start_pos or 0
