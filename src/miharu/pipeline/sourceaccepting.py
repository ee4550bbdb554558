"""Ids of log sources → their files, with the events of their samples written in as expected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from miharu.catalog import LogSource, content_root, load_fields, load_logsources
from miharu.core.errors import OperatorError
from miharu.pipeline.sourcesamples import SampleReader, SampleResult
from miharu.pipeline.sourcewriting import with_events


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of one log source's samples: how many `changed`, how many were right, `faults` in words."""

    id: str
    path: Path
    changed: int
    right: int
    faults: tuple[str, ...]


def accept_samples(ids: Sequence[str], *, write: bool = True) -> list[Accepted]:
    """Write the events that samples give into the files of the log sources `ids` (none: all).

    A sample that another log source claims, or that is rejected, is a fault and stays as it is.
    """
    root = content_root()
    sources = load_logsources(root)
    known = {source.id: source for source in sources}
    unknown = [name for name in ids if name not in known]
    if unknown:
        msg = f"no log source {', '.join(unknown)}; `miharu sources list` shows those that there are"
        raise OperatorError(msg)
    reader = SampleReader(sources, load_fields(root))
    chosen = [known[name] for name in ids] if ids else sources
    return [_accept(source, root, reader, write=write) for source in chosen]


def _accept(source: LogSource, root: Path, reader: SampleReader, *, write: bool) -> Accepted:
    path = root / source.path
    events, faults, right = {}, [], 0
    for result in (reader.read(sample) for sample in source.tests):
        fault = _fault(source, result)
        if fault:
            faults.append(f"{source.path}:{result.sample.line}: {fault}")
        elif result.sample.refuse or result.event == result.sample.expect:
            right += 1
        else:
            events[result.sample.line] = result.event or {}
    if events and write:
        path.write_text(with_events(path.read_text(encoding="utf-8"), events), encoding="utf-8")
    return Accepted(source.id, path, len(events), right, tuple(faults))


def _fault(source: LogSource, result: SampleResult) -> str:
    if result.event is None:
        return f"the sample is rejected: {result.fault}"
    claimed = result.event["event.dataset"] == source.id
    if result.sample.refuse:
        return "the sample must be refused, and is claimed" if claimed else ""
    return "" if claimed else f"the sample is claimed by {result.event['event.dataset']}"
