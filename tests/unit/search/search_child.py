"""A child process that owns a chdb folder with given events: lines of JSON in (SQL) → lines of JSON out (rows).

Every statement goes through the read-only guard, as a user's would. Half of the rows lie in a part without text
index, as parts do until they are merged.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import chdb

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.store.guard import connection_statements, guarded, query_error
from miharu.store.tables import add_columns, create_statements

COLUMNS = {
    "user.name": "Nullable(String)",
    "event.code": "LowCardinality(Nullable(String))",
    "source.ip": "Nullable(String)",
    "destination.port": "Nullable(Int64)",
    "event.risk_score": "Nullable(Float64)",
    "process.pe.signed": "Nullable(Bool)",
    "tags": "Array(String)",
    "log.levels": "Array(Int64)",
}
TYPES = "SELECT name, type FROM system.columns WHERE database = 'miharu' AND table = 'events' ORDER BY position"


def fill(connection: Any, rows: list[dict[str, Any]]) -> None:
    for statement in create_statements("month"):
        connection.query(statement)
    for name, kind in COLUMNS.items():
        connection.query(add_columns("events", {name: kind}))
    half = len(rows) // 2
    names = list(rows[0])
    types = dict(json.loads(connection.query(TYPES, "JSONCompact").bytes())["data"])
    # Microseconds are the only way to write the instants of every year.
    structure = ", ".join(f"`{name}` {'Int64' if name == '@timestamp' else types[name]}" for name in names)
    structure_text = structure.replace("'", "\\'")
    chosen = ", ".join(f"`{name}`" for name in names)
    read = chosen.replace("`@timestamp`", "fromUnixTimestamp64Micro(`@timestamp`, 'UTC')")
    for part, indexed in ((rows[:half], 1), (rows[half:], 0)):
        lines = "\n".join(json.dumps(row) for row in part).replace("\\", "\\\\").replace("'", "\\'")
        connection.query(
            f"INSERT INTO miharu.events ({chosen}) SELECT {read} "
            f"FROM format(JSONEachRow, '{structure_text}', '{lines}') "
            f"SETTINGS materialize_skip_indexes_on_insert = {indexed}"
        )


def main(folder: str) -> None:
    writer = chdb.connect(folder)
    fill(writer, json.loads(sys.stdin.readline()))
    reader = chdb.connect(folder)
    extra = {"output_format_json_quote_64bit_integers": "0"}
    for statement in connection_statements(Settings(), "miharu", extra):
        reader.query(statement)
    types = writer.query(TYPES, "JSONCompact")
    answer({"types": dict(json.loads(types.bytes())["data"])})
    for line in sys.stdin:
        sql = json.loads(line)
        try:
            text = guarded(sql, lambda statement: str(reader.query(statement, "TSVRaw")))
            answer({"rows": json.loads(reader.query(text, "JSONCompact").bytes())["data"]})
        except (QueryError, RuntimeError) as error:
            known = error if isinstance(error, QueryError) else query_error(str(error), sql)
            answer({"error": f"{known} {known.hint} {error}"})


def answer(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
