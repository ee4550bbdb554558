"""Settings → stages that fit together.

The only place that knows how each stage is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from miharu.catalog import content_root, load_fields, load_sigma_mapping, remembered_logsources
from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.detect import RuleSet, load_rules, read_tuning
from miharu.pipeline.rulebook import rule_paths
from miharu.store import State, Store

if TYPE_CHECKING:
    from miharu.pipeline.reading import Reader


@dataclass(frozen=True, slots=True)
class Lake:
    """The open store and state of one data folder."""

    store: Store
    state: State


def make_reader(settings: Settings) -> Reader:
    """Return a reader over all log sources. Raises ContentError where one has a fault."""
    # Most commands read no logs, and need not wait for what does.
    from miharu.normalise import Normaliser  # noqa: PLC0415
    from miharu.parse import Parser  # noqa: PLC0415
    from miharu.pipeline.reading import Reader  # noqa: PLC0415

    sources = remembered_logsources(settings.data / "cache")
    return Reader(
        Parser(sources, settings.timezone, settings.date_order), Normaliser(sources, load_fields(), settings.timezone)
    )


def load_ruleset(settings: Settings, rules: Sequence[Path] = ()) -> RuleSet:
    """Load the given rules, or all that apply, through the cache of compiled rules.

    Placeholders and pipelines come from the data folder; lists that ship with the rules stand in for those it lacks.
    """
    for path in rules:
        if not path.exists():
            msg = f"{path} does not exist; name a folder, a .yml file, a .zip or a .tar.gz of Sigma rules"
            raise OperatorError(msg)
    paths = list(rules) or rule_paths(settings)
    try:
        tuning = read_tuning(settings.data).over(read_tuning(content_root()))
    except OSError as error:
        msg = f"a placeholder or pipeline cannot be read: {error}; mend the file or its permissions"
        raise OperatorError(msg) from error
    return load_rules(paths, load_sigma_mapping(), settings.data / "cache", tuning)


@contextmanager
def open_lake(settings: Settings, awake: Callable[[], None] | None = None) -> Iterator[Lake]:
    """Open the store (starting its process if none runs) and the state; close both at the end.

    With `awake`, which waits for the store process, the store is connected to when it is first used.
    """
    settings.data.mkdir(parents=True, exist_ok=True)
    with State.open(settings.data) as state, Store.open(settings.data, settings, awake=awake) as store:
        yield Lake(store, state)
