"""Lines that two programs write alike go to the one that the file's path names."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from miharu.catalog import load_logsources
from miharu.core.columns import RECORD_PATH
from miharu.parse import Parser
from tests.unit.parse.record_frames import records

REFERENCE = datetime(2025, 6, 15, 12, tzinfo=UTC)
COMBINED = b'192.0.2.10 - - [14/Jun/2025:08:15:02 +0000] "GET /a/b.html HTTP/1.1" 200 612 "-" "Frob/1.0"'
COMMON = b'192.0.2.10 - carol [14/Jun/2025:08:15:02 +0000] "GET /a/b.html HTTP/1.1" 200 612'
TRAEFIK = b'{"level":"info","msg":"frobbing","time":"2025-06-14T08:15:04Z"}'


@pytest.fixture(scope="module")
def parser() -> Parser:
    return Parser(load_logsources(), "UTC")


@pytest.mark.parametrize(
    ("path", "raw", "source"),
    [
        ("/var/log/nginx/access.log", COMBINED, "nginx.access"),
        ("/var/log/httpd/access_log", COMBINED, "apache.access"),
        ("logs.tar.gz!var/log/nginx/site.log.1", COMBINED, "nginx.access"),
        ("/var/log/nginx/access.log", COMBINED + b' "-"', "nginx.access"),
        ("/var/log/apache2/access.log", COMBINED + b' "-"', "apache.access"),
        ("/srv/traefik/access.log", COMMON, "traefik.access"),
        ("/var/log/apache2/access.log", COMMON, "apache.access"),
        ("/srv/traefik/traefik.log", TRAEFIK, "traefik.log"),
        ("/srv/other/own.log", TRAEFIK, "generic.json"),
        ("/var/log/mysql/error.log", b"2025-06-14 08:15:02 0 [Frob] of a new kind", "mysql.error"),
        ("/var/log/other/error.log", b"2025-06-14 08:15:02 0 [Frob] of a new kind", "generic.line"),
    ],
)
def test_the_path_decides(parser: Parser, path: str, raw: bytes, source: str) -> None:
    frame = records([raw], REFERENCE).with_columns(pl.lit(path).alias(RECORD_PATH))
    (fields,) = parser.read("json" if raw.startswith(b"{") else "lines", frame).fields
    assert fields.source == source
