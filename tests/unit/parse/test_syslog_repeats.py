"""Lines that a syslog daemon folded because they repeat mean what the line itself means."""

from __future__ import annotations

import polars as pl

from miharu.parse.syslog import read_syslog

HEAD = "Jun 14 08:15:02 web1 sshd[7]: "
LINE = "Failed password for root from 192.0.2.9 port 4022 ssh2"


def read(*lines: str) -> list[dict[str, object]]:
    found, rest = read_syslog(pl.Series(lines))
    assert rest.is_empty()
    ((_, fields),) = found
    return fields.to_dicts()


def test_a_folded_line_has_the_message_of_the_line():
    plain, folded, once = read(
        HEAD + LINE, f"{HEAD}message repeated 2 times: [ {LINE}]", f"{HEAD}message repeated 1 time: [{LINE}] "
    )
    assert plain["message"] == folded["message"] == once["message"] == LINE
    assert [one["repeated"] for one in (plain, folded, once)] == [None, "2", "1"]


def test_brackets_of_the_line_itself_stay():
    assert read(f"{HEAD}message repeated 3 times: [ a [b] c]")[0]["message"] == "a [b] c"


def test_what_is_no_folded_line_stays():
    cut, other = read(f"{HEAD}message repeated 3 times: [ {LINE}", f"{HEAD}message repeated often")
    assert cut["message"] == LINE
    assert (other["message"], other.get("repeated")) == ("message repeated often", None)
