"""A child process that owns a chdb folder: lines of JSON in (what to do) → lines of JSON out (what came)."""

from __future__ import annotations

import json
import sys
from typing import Any

import chdb

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.store.guard import connection_statements, guarded, query_error

SCHEMA = """
CREATE TABLE miharu.events (`@timestamp` DateTime64(6, 'UTC'), `event.id` String, `event.dataset` String,
  `event.original` String, message Nullable(String), `host.name` Nullable(String), `user.name` Nullable(String),
  `source.ip` Nullable(String), `destination.port` Nullable(Int64), tags Array(String), fields Nullable(String))
ENGINE = MergeTree ORDER BY `@timestamp`;
CREATE TABLE miharu.findings (`finding.id` String, `rule.id` String, `event.id` String)
ENGINE = MergeTree ORDER BY tuple();
CREATE TABLE miharu.rejects (`reject.id` String) ENGINE = MergeTree ORDER BY tuple();
CREATE TABLE miharu.secrets (password String) ENGINE = MergeTree ORDER BY tuple();
INSERT INTO miharu.secrets VALUES ('TOP-SECRET');
INSERT INTO miharu.findings VALUES ('f1', 'r1', '3'), ('f2', 'r2', '4');
INSERT INTO miharu.events SELECT toDateTime64('2026-11-01 00:00:00', 6, 'UTC') + number * 600, toString(number),
  'system.auth',
  concat('sshd failed password for alice number ', toString(number)), concat('Failed password ', toString(number)),
  concat('host', toString(number % 3)), if(number % 2, 'alice', 'bob'), concat('192.0.2.', toString(number % 250)), 22,
  ['a', 'b'], '{"sshd.port": "22", "n": 5}' FROM numbers(1000)
"""


def main(folder: str, settings: dict[str, Any]) -> None:
    writer = chdb.connect(folder)
    writer.query("CREATE DATABASE miharu ENGINE = Atomic")
    for statement in SCHEMA.split(";\n"):
        writer.query(statement)
    reader = chdb.connect(folder)
    for statement in connection_statements(Settings(**settings), "miharu"):
        reader.query(statement)

    def execute(sql: str) -> str:
        return str(reader.query(sql, "TSVRaw"))

    for line in sys.stdin:
        answer: dict[str, Any] = {}
        request = json.loads(line)
        sql = request["sql"]
        try:
            if request.get("raw"):
                answer["text"] = str(writer.query(sql, "TSVRaw"))
            else:
                answer["text"] = execute(guarded(sql, execute))
        except QueryError as error:
            answer = {"error": str(error), "hint": error.hint, "position": error.position, "by": "guard"}
        except RuntimeError as error:
            found = query_error(str(error), sql)
            answer = {
                "error": str(found),
                "hint": found.hint,
                "position": found.position,
                "by": "engine",
                "raw": str(error),
            }
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
