"""Files of `content/` → typed, located definitions: ECS fields, log sources, lookup tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miharu.core.ondemand import on_demand

if TYPE_CHECKING:
    from miharu.catalog.conditions import apply_test, text_of
    from miharu.catalog.fields import CONTAINER_TYPES, FieldCatalog, FieldDefinition, load_fields
    from miharu.catalog.loading import load_logsources, read_logsources
    from miharu.catalog.located import plain
    from miharu.catalog.logsource import (
        Condition,
        FieldMapping,
        Form,
        Join,
        Leftovers,
        LogSource,
        LookupStep,
        ReadStep,
        Recognition,
        Sample,
        SetValue,
        TimeSpec,
        When,
    )
    from miharu.catalog.lookups import Lookups, load_lookups
    from miharu.catalog.place import content_root
    from miharu.catalog.remembered import remembered_logsources
    from miharu.catalog.sigma import FieldTarget, Route, RowTest, SigmaMapping, load_sigma_mapping
    from miharu.catalog.vocabulary import (
        ADOPTED,
        CONTAINER_FIELDS,
        CONTAINER_MAP,
        CONTAINER_NAMES,
        CONTAINERS,
        CONVERSIONS,
        ENVELOPE_STAMP,
        ENVELOPE_ZONE,
        KEPT,
        READERS,
        TESTS,
        TIME_FORMATS,
        own_name,
    )

__all__ = [
    "ADOPTED",
    "CONTAINERS",
    "CONTAINER_FIELDS",
    "CONTAINER_MAP",
    "CONTAINER_NAMES",
    "CONTAINER_TYPES",
    "CONVERSIONS",
    "ENVELOPE_STAMP",
    "ENVELOPE_ZONE",
    "KEPT",
    "READERS",
    "TESTS",
    "TIME_FORMATS",
    "Condition",
    "FieldCatalog",
    "FieldDefinition",
    "FieldMapping",
    "FieldTarget",
    "Form",
    "Join",
    "Leftovers",
    "LogSource",
    "LookupStep",
    "Lookups",
    "ReadStep",
    "Recognition",
    "Route",
    "RowTest",
    "Sample",
    "SetValue",
    "SigmaMapping",
    "TimeSpec",
    "When",
    "apply_test",
    "content_root",
    "load_fields",
    "load_logsources",
    "load_lookups",
    "load_sigma_mapping",
    "own_name",
    "plain",
    "read_logsources",
    "remembered_logsources",
    "text_of",
]

__getattr__ = on_demand(__name__)
