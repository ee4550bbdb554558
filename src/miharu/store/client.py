"""Frames and SQL → the store process → answers as frames.

A `Store` may be used by several threads: queries run in parallel on connections of their own, inserts go one after
the other in the order they were given.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import polars as pl

from miharu.core.errors import QueryError
from miharu.core.settings import Settings
from miharu.store import framing, guard, wire
from miharu.store.errors import StoreError, StoreLostError
from miharu.store.launch import Link, connect
from miharu.store.parameters import literal, parameter
from miharu.store.places import Places
from miharu.store.tables import DATABASE, IDENTITY, TABLES

GRACE_SECONDS: Final = 3.0
_WAITING_INSERTS: Final = 3
_USER_OUTPUT: Final = {
    "output_format_arrow_string_as_string": "0",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "session_timezone": "'UTC'",
}


class Store:
    """The events, findings and rejects of one data folder."""

    def __init__(
        self, places: Places, settings: Settings, grace: float, awake: Callable[[], None] | None = None
    ) -> None:
        self._places = places
        self._awake = awake
        self._settings = settings
        self._grace = grace
        self._idle: list[Link] = []
        self._lock = threading.Lock()
        self._closed = False
        self._known: dict[str, set[str]] = {}
        self._inserting: Link | None = None
        self._inserter = ThreadPoolExecutor(1, thread_name_prefix="miharu-insert")
        self._room = threading.Semaphore(_WAITING_INSERTS)

    @classmethod
    def open(
        cls,
        data: Path,
        settings: Settings,
        grace: float = GRACE_SECONDS,
        *,
        awake: Callable[[], None] | None = None,
    ) -> Self:
        """Connect to the store process of a folder; start one if none runs.

        A process started here ends `grace` seconds after its last client. Raises StoreError where it cannot start.
        With `awake`, which waits for a process that somebody else starts, all that is put off until the first use.
        """
        store = cls(Places(data), settings, grace, awake)
        if awake is None:
            store._give_back(store._take())
        return store

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Wait for inserts under way and disconnect."""
        self._inserter.shutdown(wait=True)
        with self._lock:
            self._closed = True
        self._drop_connections()

    def restart(self) -> None:
        """Connect again after StoreLostError, starting the process if it is gone."""
        self._drop_connections()
        self._give_back(self._take())

    def shutdown(self) -> None:
        """Ask the process to end now, for whoever else uses it too; running requests end first."""
        self._request({"op": "shutdown"})
        self._drop_connections()

    @property
    def process_id(self) -> int:
        """The process that holds the store at this moment."""
        link = self._take()
        self._give_back(link)
        return link.pid

    # -- writing -----------------------------------------------------------------------------------

    def insert(self, table: str, frame: pl.DataFrame, token: str) -> None:
        """Store a frame in `events`, `findings` or `rejects`; when this returns it is on disk.

        Columns the table lacks are added. The same token again stores nothing twice as long as the frame is the
        same (rows and order); `event.created` belongs to that. Raises StoreError, StoreLostError.
        """
        self.insert_later(table, frame, token).result()

    def insert_later(self, table: str, frame: pl.DataFrame, token: str, *, again: bool = False) -> Future[None]:
        """Queue an insert and return at once; inserts keep their order. Waits while too many are queued.

        `again` is for a batch that may be stored in part after a crash: only rows whose ids are not stored go in.
        (The engine writes a token down just before the rows; a process killed between the two would lose them.)
        """
        self._room.acquire()
        try:
            future = self._inserter.submit(self._insert, table, frame, token, again)
        except BaseException:
            self._room.release()
            raise
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _insert(self, table: str, frame: pl.DataFrame, token: str, again: bool) -> None:  # noqa: FBT001 - private
        if table not in TABLES:
            message = f"there is no table {table!r}; the tables are {', '.join(TABLES)}"
            raise StoreError(message)
        if again:
            frame, token = self._missing(table, frame), uuid.uuid4().hex
        if frame.is_empty():
            return
        if self._inserting is None:
            self._inserting = self._take()
        link = self._inserting
        known = self._known_columns(table)
        for shipment in framing.pack(table, frame, token, known, link.partition):
            header = {"op": "insert", "table": table, "token": shipment.token, "add": shipment.add}
            try:
                _exchange(link, header, shipment.body)
            except StoreLostError:
                self._inserting = None
                self._drop_idle()
                raise
            known.update(shipment.add)

    def _known_columns(self, table: str) -> set[str]:
        if table not in self._known:
            self._known[table] = set(self.columns(table))
        return self._known[table]

    def optimize(self) -> None:
        """Merge all parts of each partition, building what was put off; takes a while on much data."""
        for table in TABLES:
            self.query(f"OPTIMIZE TABLE {table} FINAL")

    # -- reading -----------------------------------------------------------------------------------

    def query(
        self, sql: str, params: Mapping[str, Any] | None = None, settings: Mapping[str, str | int | float] | None = None
    ) -> pl.DataFrame:
        """Run trusted SQL; `{name:Type}` in it takes `params[name]`, bound by the engine.

        `settings` are set for this statement only (it may have no SETTINGS of its own then). Text comes as String,
        `event.original` and `reject.raw` as Binary. Raises StoreError with the engine's words.
        """
        return self._query(sql, params, settings, ())

    def _query(
        self,
        sql: str,
        params: Mapping[str, Any] | None,
        settings: Mapping[str, str | int | float] | None,
        body: wire.Pieces,
    ) -> pl.DataFrame:
        header = {"op": "query", "sql": sql + _settings_clause(settings), "params": _bound(params)}
        return framing.unpack(self._request(header, body).body)

    def query_readonly(self, sql: str) -> pl.DataFrame:
        """Run a user's SELECT, which can read the three tables and nothing else. Raises QueryError."""
        statements = guard.connection_statements(self._settings, DATABASE, _USER_OUTPUT)
        return framing.unpack(self._request({"op": "readonly", "sql": sql, "statements": statements}).body)

    def events(self, ids: Sequence[str], times: tuple[datetime, datetime] | None = None) -> pl.DataFrame:
        """Return the events with these ids, all columns, oldest first; `times` (first, last) narrows where to look."""
        if not ids:
            return self.query("SELECT * FROM events LIMIT 0")
        within = (
            "`@timestamp` BETWEEN {first:DateTime64(6, 'UTC')} AND {last:DateTime64(6, 'UTC')} AND " if times else ""
        )
        return self.query(
            f"SELECT * FROM events WHERE {within}`event.id` IN {{ids:Array(String)}} "  # noqa: S608 - bound values
            "ORDER BY `@timestamp`, `event.id` LIMIT 1 BY `event.id`",
            {"ids": list(ids), **(dict(zip(("first", "last"), times, strict=True)) if times else {})},
        )

    def existing(self, ids: pl.DataFrame, other_than: datetime | None = None) -> set[str]:
        """Return which events are stored already; `ids` has event.id, event.dataset and @timestamp (host.name may be).

        Reads only the partitions and ranges of the primary key where such events can lie. Events whose
        `event.created` is `other_than` (those of one batch) do not count.
        """
        if ids.is_empty():
            return set()
        created = "{created:Nullable(DateTime64(6, 'UTC'))}"
        given = ids.select("event.id", "event.dataset", pl.col("@timestamp").cast(pl.Datetime("us", "UTC")))
        times = given["@timestamp"]
        sql = (
            "SELECT DISTINCT `event.id` FROM events WHERE "  # noqa: S608 - bound values
            "`@timestamp` BETWEEN {low:DateTime64(6, 'UTC')} AND {high:DateTime64(6, 'UTC')} AND "
            "`event.dataset` IN {datasets:Array(String)} "
            "AND `@timestamp` IN (SELECT `@timestamp` FROM Python(given)) "
            "AND `event.id` IN (SELECT `event.id` FROM Python(given)) "
            f"AND ({created} IS NULL OR `event.created` != {created})"
        )
        params = {"low": times.min(), "high": times.max(), "datasets": given["event.dataset"].unique().to_list()}
        params["created"] = other_than
        body = framing.stream(given)
        return set(self._query(sql, params, None, body)["event.id"].to_list())

    def known_findings(self, findings: pl.DataFrame) -> pl.DataFrame:
        """Return rule.id and event.id of those findings that are stored, under whichever content of the rule.

        `hidden` says whether each stored finding of that rule and event is hidden by an exception.
        """
        given = findings.select("rule.id", "event.id")
        times = findings["@timestamp"]
        sql = (
            "SELECT `rule.id`, `event.id`, min(`finding.hidden_by` != '') AS hidden FROM findings WHERE "
            "`rule.id` IN {rules:Array(String)} AND "
            "`@timestamp` BETWEEN {low:DateTime64(6, 'UTC')} AND {high:DateTime64(6, 'UTC')} AND "
            "(`rule.id`, `event.id`) IN (SELECT `rule.id`, `event.id` FROM Python(given)) GROUP BY 1, 2"
        )
        params = {"rules": given["rule.id"].unique().to_list(), "low": times.min(), "high": times.max()}
        return self._query(sql, params, None, framing.stream(given)).with_columns(pl.col("hidden").cast(pl.Boolean))

    def reveal(self, findings: pl.DataFrame) -> None:
        """Forget rows of these findings that are hidden by an exception; they are stored again as they are now."""
        given = findings.select("finding.id")
        sql = "DELETE FROM findings WHERE `finding.hidden_by` != '' AND `finding.id` IN {ids:Array(String)}"
        self._query(sql, {"ids": given["finding.id"].to_list()}, None, ())

    def _missing(self, table: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the rows whose ids are not stored."""
        if frame.is_empty():
            return frame
        if table == "events":
            return frame.filter(~pl.col("event.id").is_in(list(self.existing(frame))))
        key = IDENTITY[table]
        sql = f"SELECT DISTINCT `{key}` FROM {table} WHERE `{key}` IN (SELECT `{key}` FROM Python(given))"  # noqa: S608
        stored = self._query(sql, None, None, framing.stream(frame.select(key)))
        return frame.filter(~pl.col(key).is_in(stored[key].to_list()))

    def columns(self, table: str) -> dict[str, str]:
        """Return names and engine types of a table's columns, in order."""
        rows = self.query(
            "SELECT name, type FROM system.columns WHERE database = {db:String} AND table = {table:String} "
            "ORDER BY position",
            {"db": DATABASE, "table": table},
        )
        return dict(rows.rows())

    def column_names(self, table: str) -> list[str]:
        """Return the names of a table's columns, in order."""
        return list(self.columns(table))

    def parts(self) -> pl.DataFrame:
        """Return the live parts: table, partition (`odd_time` for times outside the window), name, rows, bytes."""
        return self.query(
            "SELECT table, if(table = 'events' AND partition = '0', 'odd_time', partition) AS partition, name, rows, "
            "bytes_on_disk AS bytes FROM system.parts WHERE active AND database = {db:String} "
            "ORDER BY table, partition, name",
            {"db": DATABASE},
        )

    def disk_bytes(self) -> int:
        """Return the bytes of all live parts on disk."""
        return int(self.parts()["bytes"].sum())

    # -- connections -------------------------------------------------------------------------------

    def _request(self, header: dict[str, Any], body: wire.Pieces = ()) -> wire.Message:
        link = self._take()
        try:
            answer = _exchange(link, header, body)
        except StoreLostError:
            self._drop_idle()
            raise
        except (StoreError, QueryError):
            self._give_back(link)
            raise
        self._give_back(link)
        return answer

    def _take(self) -> Link:
        with self._lock:
            if self._closed:
                message = "the store is closed; open it again"
                raise StoreError(message)
            if self._idle:
                return self._idle.pop()
        if self._awake is not None:
            self._awake()
        return connect(self._places, self._settings, self._grace)

    def _give_back(self, link: Link) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(link)
                return
        link.socket.close()

    def _drop_idle(self) -> None:
        """Close waiting connections; what ended one of a process has ended all."""
        with self._lock:
            links, self._idle = self._idle, []
        for link in links:
            link.socket.close()

    def _drop_connections(self) -> None:
        self._drop_idle()
        with self._lock:
            inserting, self._inserting = self._inserting, None
            self._known.clear()
        if inserting is not None:
            inserting.socket.close()


def _exchange(link: Link, header: dict[str, Any], body: wire.Pieces) -> wire.Message:
    """Send a request and wait for its answer; a connection that failed is closed."""
    try:
        wire.send(link.socket, header, body)
        answer = wire.receive(link.socket)
    except OSError as error:
        link.socket.close()
        message = f"the store process ended before it answered ({error}); run the command again"
        raise StoreLostError(message) from error
    if answer is None:
        link.socket.close()
        message = "the store process ended before it answered; run the command again"
        raise StoreLostError(message)
    problem = answer.header.get("error")
    if problem == "query":
        raise QueryError(answer.header["text"], answer.header["position"], answer.header["hint"])
    if problem:
        raise StoreError(answer.header["text"])
    return answer


def _bound(params: Mapping[str, Any] | None) -> dict[str, str]:
    return {name: parameter(value) for name, value in (params or {}).items()}


def _settings_clause(settings: Mapping[str, str | int | float] | None) -> str:
    if not settings:
        return ""
    return " SETTINGS " + ", ".join(
        f"{name} = {value}" if not isinstance(value, str) else f"{name} = {literal(value)}"
        for name, value in settings.items()
    )
