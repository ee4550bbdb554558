"""A form that comes first only because it is found sooner says what the form behind it says."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import polars as pl
import pytest

from miharu.catalog import Form, load_logsources

SOURCES = {source.id: source for source in load_logsources()}
SOONER = {"usual", "whole"}
"""Names of forms that the next one would read too."""
LINES = {
    "cisco.asa": [
        "Built outbound TCP connection 4 for o:203.0.113.16/80 (203.0.113.16/80) to in:10.1.1.9/9 (192.0.2.1/9)",
        "Built inbound [Probe] UDP connection 7 for a:2001:db8::1/53 (2001:db8::1/53)(DOM\\u) to b:x/5 (x/5) (v)",
        "Teardown TCP connection 42 for o:198.51.100.49/443 to i:10.2.2.4/2 duration 1:24:01 bytes 682 TCP FINs",
        "Teardown TCP connection 4 for o:1.1.1.1/4 to i:2.2.2.2/2 duration 1:24:1 bytes 6 TCP Reset-O from in (u)",
        "Teardown UDP connection 9 for o:1.1.1.1/5(LOCAL\\a) to i:2.2.2.2/6 duration 0:00:01 bytes 6 x:RX[3]  ",
    ],
    "panw.panos": [
        "1,2025/06/14 08:15:00,0011,TRAFFIC,end,2049,2025/06/14 08:15:01,192.0.2.1,203.0.113.9,x",
        "1,a,b,C,d",
    ],
}


def sooner_and_behind(source: str) -> list[tuple[Form, Form]]:
    steps = SOURCES[source].read
    forms = [forms for step in steps for forms in (step.default, *step.patterns.values())]
    return [pair for each in dict.fromkeys(forms) for pair in pairwise(each) if pair[0].name in SOONER]


def changed(lines: list[str], count: int) -> list[str]:
    """Return lines of which words were left out, doubled, moved or taken from others."""
    rng = random.Random(11)
    words = [word for line in lines for word in re.findall(r"\w+|\W", line)]
    found = list(lines)
    for _ in range(count):
        parts = re.findall(r"\w+|\W", rng.choice(lines))
        for _ in range(rng.randrange(4)):
            at = rng.randrange(len(parts))
            parts[at : at + rng.randrange(2)] = rng.choice(
                [[], [parts[at]] * 2, [rng.choice(words)], [rng.choice(parts)]]
            )
            parts = parts or ["x"]
        found.append("".join(parts))
    return found


@pytest.mark.parametrize("source", LINES)
def test_the_form_behind_says_the_same(source: str) -> None:
    pairs = sooner_and_behind(source)
    assert pairs
    text = pl.Series("text", changed(LINES[source], 20_000))
    for first, behind in pairs:
        matching = text.filter(text.str.contains(first.pattern))
        assert len(matching) > 100
        assert matching.str.contains(behind.pattern).all()
        sooner = matching.str.extract_groups(first.pattern).struct.unnest()
        whole = matching.str.extract_groups(behind.pattern).struct.unnest()
        assert sooner.equals(whole.select(sooner.columns))
        assert all(series.is_null().all() for series in whole.drop(sooner.columns).get_columns())
