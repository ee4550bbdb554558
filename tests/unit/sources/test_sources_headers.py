"""Which first lines name the columns of a table."""

from __future__ import annotations

import pytest

from miharu.sources.headers import table_header


@pytest.mark.parametrize(
    "line",
    [
        b"a,b,c",
        b'TenantId,"TimeGenerated [UTC]",DeviceVendor',
        b"time;Size [MB];name",
        b"\xef\xbb\xbfa\tb\tc",
    ],
)
def test_a_line_of_names_is_a_header(line: bytes) -> None:
    assert table_header(line) == line


@pytest.mark.parametrize(
    "line",
    [
        b"a,b",
        b"a,b,a",
        b"[core:error] x, [pid 7], y",
        b"one [1], two [2], three [3]",
        b"Jun 14 08:15:02 a, b=c, d",
    ],
)
def test_any_other_line_is_none(line: bytes) -> None:
    assert table_header(line) == b""
