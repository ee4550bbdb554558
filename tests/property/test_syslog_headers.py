"""The usual header of syslog is read as the form of all headers reads it."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from miharu.parse import syslog

STAMPS = ["Jun 14 ", "Jun  1 ", "Jun 1 ", "Sep 14 2025 ", "2025 Jun 14 ", "2025 ", "08:15:02", "8:15:02", ".123", ",5"]
SENDERS = [" ", "  ", ": ", ":", " UTC:", " 2025 ", "fw01 ", "10.0.0.1 ", "1234 ", "2025a ", "::1 ", "FWA: ", "Jun "]
PROGRAMS = [
    "%ASA-6-302013: ",
    "sshd[12]: ",
    "sshd[12] (job)<Info>: ",
    "syslogd 1.4: ",
    "su",
    "[",
    "]",
    "12: ",
    "*",
    "ü",
]
PIECES = st.sampled_from(["<34>", "<166>", "<9999>", *STAMPS, *SENDERS, *PROGRAMS, "\n", "m"])
USUAL = ["<34>", "Jun 14 2025 ", "08:15:02", " ", "fw01", " ", ": ", "%ASA-6-302013", ": ", "text"]
LINES = st.lists(PIECES, max_size=10).map("".join) | st.tuples(
    st.integers(0, len(USUAL) - 1), st.lists(PIECES, max_size=2), st.booleans()
).map(lambda one: "".join([*USUAL[: one[0]], *one[1], *USUAL[one[0] + one[2] :]]))


@settings(max_examples=300)
@given(st.lists(LINES, min_size=20, max_size=60))
def test_the_usual_header_says_what_the_whole_form_says(lines: list[str]) -> None:
    text = pl.Series("text", lines)
    usual = text.str.extract_groups(syslog._USUAL).struct.unnest()
    hits = usual["head"].is_not_null()
    whole = text.filter(hits).str.extract_groups(syslog._STAMPED).struct.unnest()
    assert whole.select(usual.columns).equals(usual.filter(hits))
    assert all(series.is_null().all() for series in whole.drop(usual.columns).get_columns())
