"""Names that Sigma rules use → which of our log sources fill them.

`docs/sigma_fields.tsv` counts the rules of SigmaHQ by logsource and field (the row with no field: all rules of the
logsource); a test over the rules themselves holds it to them. Who fills a name is worked out from content alone.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import yaml

from miharu.catalog import (
    CONTAINER_MAP,
    CONTAINER_NAMES,
    Condition,
    FieldMapping,
    LogSource,
    Route,
    RowTest,
    SigmaMapping,
    load_logsources,
    load_sigma_mapping,
)
from tests.house.tree import ROOT

COUNTS: Final = ROOT / "docs" / "sigma_fields.tsv"
HEAD: Final = "product\tcategory\tservice\tfield\trules"
SHOWN: Final = 12
"""So many names of fields are shown for a logsource."""

NOBODY: Final = {
    (("", "proxy", ""), "cs-cookie"): "no proxy of ours writes cookies into its log",
    (("aws", "", "cloudtrail"), "src_country"): "a record says no country; it comes with enrichment by place",
}
"""Fields that nobody fills, and why."""

Logsource: TypeAlias = tuple[str, str, str]
"""Product, category and service, empty where a rule names none."""


@dataclass(slots=True)
class Wanted:
    """What the rules of one logsource ask for."""

    rules: int = 0
    fields: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """Who fills a field: log sources that map it to one of its columns, or keep it as it is written."""

    mapped: tuple[str, ...]
    written: tuple[str, ...]


def count(documents: Iterable[dict[str, Any]]) -> dict[Logsource, Wanted]:
    """Return what rules ask for, from the rules themselves."""
    found: dict[Logsource, Wanted] = defaultdict(Wanted)
    for document in documents:
        source = document["logsource"]
        wanted = found[tuple(str(source.get(key) or "") for key in ("product", "category", "service"))]  # type: ignore[index]
        wanted.rules += 1
        for name in sorted(set(names_in(document["detection"]))):
            wanted.fields[name] = wanted.fields.get(name, 0) + 1
    return dict(sorted(found.items()))


def names_in(detection: dict[str, Any]) -> Iterator[str]:
    waiting = [value for key, value in detection.items() if key not in {"condition", "timeframe"}]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield from (name for key in part if (name := str(key).partition("|")[0]))
        elif isinstance(part, list):
            waiting.extend(part)


def written(counts: dict[Logsource, Wanted]) -> str:
    """Return the text of the table."""
    lines = [HEAD]
    for source, wanted in counts.items():
        lines.append("\t".join([*source, "", str(wanted.rules)]))
        lines += ["\t".join([*source, name, str(rules)]) for name, rules in sorted(wanted.fields.items())]
    return "\n".join(lines) + "\n"


def read(path: Path = COUNTS) -> dict[Logsource, Wanted]:
    """Return what the table says."""
    found: dict[Logsource, Wanted] = defaultdict(Wanted)
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        product, category, service, name, rules = line.split("\t")
        wanted = found[product, category, service]
        if name:
            wanted.fields[name] = int(rules)
        else:
            wanted.rules = int(rules)
    return dict(found)


# -- who fills what --------------------------------------------------------------------------------
class Filling:
    """What each log source can fill, by its file alone."""

    def __init__(self, sources: Iterable[LogSource], mapping: SigmaMapping) -> None:
        self.sources = {source.id: source for source in sources}
        self.mapping = mapping
        self._fills = {name: frozenset(columns_of(source)) for name, source in self.sources.items()}

    def routes(self, logsource: Logsource) -> tuple[Route, ...]:
        """Return the routes of a logsource."""
        product, category, service = (word.casefold() or None for word in logsource)
        return self.mapping.resolve(product, category, service)

    def sources_of(self, logsource: Logsource) -> list[str]:
        """Return the log sources whose events a rule of the logsource can meet."""
        routes = self.routes(logsource)
        return [name for name in self.sources if any(self._meets(name, route) for route in routes)]

    def answer(self, logsource: Logsource, name: str) -> Answer:
        """Return who fills one field of one logsource."""
        mapped: list[str] = []
        kept: list[str] = []
        for route in self.routes(logsource):
            columns = route.target(name).columns
            for source in self.sources:
                if not self._meets(source, route):
                    continue
                if any(column in self._fills[source] for column in columns):
                    mapped.append(source)
                elif any(self._keeps(source, column) for column in columns):
                    kept.append(source)
        return Answer(tuple(dict.fromkeys(mapped)), tuple(dict.fromkeys(kept)))

    def _meets(self, name: str, route: Route) -> bool:
        return all(
            any(all(self._can_pass(name, test) for test in conjunction) for conjunction in condition)
            for condition in route.conditions
        )

    def _can_pass(self, name: str, test: RowTest) -> bool:
        if test.column == "event.dataset":
            return test.holds(name)
        if not all(may_pass(condition, test) for condition in conditions_on(self.sources[name], test.column)):
            return False
        return test.column in self._fills[name]

    def _keeps(self, name: str, column: str) -> bool:
        source = self.sources[name]
        prefixes = [f"{source.leftovers.prefix}."] if source.leftovers.prefix else []
        for container in source.recognise.containers:
            prefixes += [kept for _, kept in CONTAINER_NAMES.get(container, ())]
        return column.startswith(tuple(prefixes)) or column == "event.original"


def columns_of(source: LogSource) -> Iterator[str]:
    """Yield the columns that a log source may fill."""
    blocks = [mapping for when in source.when for mapping in when.maps]
    for mapping in (*source.maps, *blocks, *implied(source)):
        yield from mapping.to
    yield from source.set
    for when in source.when:
        yield from when.set
    yield from (step.to for step in source.lookup)


def implied(source: LogSource) -> Iterator[FieldMapping]:
    """Yield what a log source's containers map without its saying so."""
    for container in source.recognise.containers:
        for name, target in CONTAINER_MAP[container].items():
            yield FieldMapping(name, (target,) if isinstance(target, str) else target)


def conditions_on(source: LogSource, column: str) -> Iterator[Condition]:
    """Yield what a log source asks of the field that goes to a column."""
    maps = [one for one in (*source.maps, *implied(source)) if column in one.to and one.convert in {"", "basename"}]
    fields = {one.field for one in maps}
    yield from (condition for condition in source.recognise.where if condition.field in fields)


def may_pass(condition: Condition, test: RowTest) -> bool:
    """Return whether a value can meet what a log source asks and what a logsource asks."""
    if condition.test == "in":
        return any(test.holds(value) for value in condition.values)
    if condition.test == "matches" and not test.starts:
        return any(re.search(pattern, value) for pattern in condition.values for value in test.values)
    return True


@cache
def filling() -> Filling:
    """Return what the shipped content fills."""
    return Filling(load_logsources(), load_sigma_mapping())


# -- the page --------------------------------------------------------------------------------------
def page(made: str) -> str:
    """Return the page; `made` is the note of who makes it."""
    known = filling()
    counts = read()
    rows = []
    for logsource, wanted in counts.items():
        answers = {name: known.answer(logsource, name) for name in wanted.fields}
        kept = [f"`{name}`" for name, answer in answers.items() if not answer.mapped]
        more = f" and {len(kept) - SHOWN} more" if len(kept) > SHOWN else ""
        sources = known.sources_of(logsource)
        rows.append(
            [
                shown(logsource),
                str(wanted.rules),
                ", ".join(f"`{name}`" for name in sources),
                f"{len(answers) - len(kept)} of {len(answers)}" if answers else "words only",
                ", ".join(kept[:SHOWN]) + more,
            ]
        )
    missing = [f"- `{name}` of {shown(logsource)}: {why}." for (logsource, name), why in NOBODY.items()]
    total = sum(wanted.rules for wanted in counts.values())
    return "\n".join(
        [
            "# Sigma coverage",
            "",
            f"For each logsource that the {total:,} rules of SigmaHQ name: how many rules name it, which of our log",
            "sources its rules meet, how many of the fields they ask for these map to a field of ECS or of ours, and",
            "which are read from what a record holds under the vendor's own name. `words only`: the rules look for",
            "words in the record. Which channels and event numbers a Windows logsource means is in",
            "`content/sigma/windows.yml`.",
            f"{made} from `content/sigma`, `content/logsources` and `docs/sigma_fields.tsv`.",
            "",
            *table(["logsource", "rules", "our log sources", "fields mapped", "read as written"], rows),
            "",
            "Nobody fills these:",
            "",
            *missing,
            "",
        ]
    )


def shown(logsource: Logsource) -> str:
    """Return a logsource as people write it."""
    names = zip(("product", "category", "service"), logsource, strict=True)
    return ", ".join(f"{key} {word}" for key, word in names if word)


def table(head: list[str], rows: list[list[str]]) -> list[str]:
    """Return the lines of a table."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def documents_in(texts: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the rules in files."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for text in texts:
        for document in yaml.load_all(text, Loader=loader):
            if isinstance(document, dict) and "logsource" in document and "detection" in document:
                yield document
