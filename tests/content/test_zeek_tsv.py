"""Every sample of Zeek in JSON, written as TSV → the same event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import pytest

from miharu.catalog import LogSource, Sample, load_fields, load_logsources
from miharu.pipeline.sourcesamples import SampleReader

SOURCES = {source.id: source for source in load_logsources()}
SAMPLES = [
    pytest.param(source, sample, id=f"{source.id}:{sample.line}")
    for source in SOURCES.values()
    for sample in source.tests
    if source.id.startswith("zeek.") and not sample.refuse and not sample.header
]
HEADER = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"


@cache
def reader() -> SampleReader:
    return SampleReader(list(SOURCES.values()), load_fields())


@pytest.mark.parametrize(("source", "sample"), SAMPLES)
def test_zeek_in_tsv_gives_what_its_json_gives(source: LogSource, sample: Sample) -> None:
    assert sample.expect is not None
    wanted = dict(sample.expect)
    values = flat(json.loads(sample.record))
    path = values.pop("_path", None) or wanted.get("event.provider") or source.id.removeprefix("zeek.")
    values.pop("_write_ts", None)
    values["ts"] = datetime.fromisoformat(str(wanted["@timestamp"])).timestamp()
    names, types, texts = zip(*((name, *written(name, value)) for name, value in values.items()), strict=True)
    table = HEADER + f"#path\t{path}\n" + "\n".join("\t".join(row) for row in (("#fields", *names), ("#types", *types)))
    found = reader().read(Sample(record="\t".join(texts), line=0, header=table))
    assert found.event == wanted


def flat(value: Mapping[str, Any], begin: str = "") -> dict[str, Any]:
    """Return the leaves of an object by dotted name."""
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= flat(inner, f"{begin}{name}.") if isinstance(inner, dict) else {begin + name: inner}
    return found


def written(name: str, value: Any) -> tuple[str, str]:
    """Return Zeek's type of a value and the value as its TSV writes it."""
    if isinstance(value, list):
        kinds = [written(name, item) for item in value]
        return f"vector[{kinds[0][0] if kinds else 'string'}]", ",".join(text for _, text in kinds) or "(empty)"
    if isinstance(value, bool):
        return "bool", "T" if value else "F"
    if isinstance(value, int):
        return "count", str(value)
    if isinstance(value, float):
        return "time" if name == "ts" else "interval", f"{value:.6f}"
    return "string", str(value).replace("\\", "\\\\") or "(empty)"
