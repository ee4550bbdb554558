"""An expression of what was read and an ECS field → an expression of the field's own type.

What does not fit becomes null; nothing is guessed.
"""

from __future__ import annotations

import polars as pl

from miharu.catalog import FieldDefinition
from miharu.core.columns import UTC_MICROS
from miharu.normalise.addresses import ip_expr
from miharu.normalise.conversions import boolean, integer

_INTEGERS = frozenset({"integer", "long"})
_FLOATS = frozenset({"double", "float", "scaled_float"})


def fit(value: pl.Expr, dtype: pl.DataType, field: FieldDefinition) -> pl.Expr:
    """Return `value` (of `dtype`) as the type of `field`; one value becomes a list of one where a list is due."""
    if field.array:
        return _fit_list(value, dtype, field)
    if isinstance(dtype, pl.List):
        one = pl.when(value.list.len() == 1).then(value.list.first())
        return _fit_one(one, dtype.inner, field)  # type: ignore[arg-type]
    return _fit_one(value, dtype, field)


def loses(dtype: pl.DataType, field: FieldDefinition, convert: str) -> bool:
    """Return whether a value of `dtype` may fail to become the field's type."""
    if convert:
        return convert not in {"text", "trim", "lowercase", "uppercase"}
    return isinstance(dtype, pl.List) != field.array or fit_dtype(field) != dtype or field.type == "ip"


def fit_dtype(field: FieldDefinition) -> pl.DataType | type[pl.DataType]:
    """Return the type of one value of the field."""
    if field.type in _INTEGERS:
        return pl.Int64
    if field.type in _FLOATS:
        return pl.Float64
    if field.type == "boolean":
        return pl.Boolean
    return UTC_MICROS if field.type == "date" else pl.String


def _fit_list(value: pl.Expr, dtype: pl.DataType, field: FieldDefinition) -> pl.Expr:
    inner = fit_dtype(field)
    if isinstance(dtype, pl.List):
        return value if dtype.inner == inner else value.cast(pl.List(inner), strict=False)
    one = _fit_one(value, dtype, field)
    return pl.when(one.is_not_null()).then(pl.concat_list(one))


def _fit_one(value: pl.Expr, dtype: pl.DataType, field: FieldDefinition) -> pl.Expr:
    wanted = fit_dtype(field)
    if field.type == "ip":
        return ip_expr(value if dtype == pl.String else value.cast(pl.String))
    if dtype == wanted:
        return value
    if wanted == UTC_MICROS:
        return _fit_date(value, dtype)
    if dtype == pl.String:
        return _fit_text(value, wanted)
    if wanted == pl.Int64 and dtype.is_float():
        return pl.when(value == value.floor()).then(value).cast(pl.Int64, strict=False)
    return value.cast(wanted, strict=False)


def _fit_text(value: pl.Expr, wanted: pl.DataType | type[pl.DataType]) -> pl.Expr:
    if wanted == pl.Int64:
        return integer(value)
    return value.cast(pl.Float64, strict=False) if wanted == pl.Float64 else boolean(value)


def _fit_date(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        return value.dt.replace_time_zone("UTC") if dtype.time_zone is None else value.cast(UTC_MICROS)
    text = value.cast(pl.String, strict=False)
    zoned = text.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False, time_unit="us")
    return zoned.cast(UTC_MICROS)
