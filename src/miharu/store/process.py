"""Requests on a local socket → the embedded ClickHouse engine → answers. The only module that imports chdb.

Started with `python -m miharu.store.process` (spawned, never forked: the engine's threads do not survive a fork).
One process per data folder, kept so by a lock on `store.lock` that the kernel gives back when the process dies,
however it dies. A process that finds the lock taken leaves with exit code EXIT_TAKEN.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import chdb
import pyarrow as pa

from miharu.core.errors import QueryError
from miharu.store import guard, tables, wire
from miharu.store.places import EXIT_TAKEN, Places

_CONNECTION_SETTINGS = {
    # Polars panics on text that is not UTF-8: bytes cross the socket as bytes.
    "output_format_arrow_string_as_string": "0",
    "output_format_arrow_low_cardinality_as_dictionary": "0",
    "session_timezone": "'UTC'",
    "max_threads": "2",
}
_INSERT_SETTINGS = {
    # One request is one block and one part: only so does its token stand for all of it.
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_block_size": "100000000",
    "min_insert_block_size_rows": "100000000",
    "min_insert_block_size_bytes": "0",
    # Text indexes are built when parts are merged, once for many inserts; parts not yet merged are scanned.
    "materialize_skip_indexes_on_insert": "0",
    "throw_on_max_partitions_per_insert_block": "0",
}
_FIRST_CLIENT_SECONDS = 60.0
_LAST_WORDS_SECONDS = 10.0


class Engine:
    """The open database and the columns each table has."""

    def __init__(self, places: Places, memory: int, partition: str) -> None:
        self.data = str(places.data)
        self._address = f"{places.store}?max_server_memory_usage={memory}"
        self._columns: dict[str, set[str]] = {}
        self._altering = threading.Lock()
        self.main = chdb.connect(self._address)
        for statement in tables.create_statements(partition):
            self.main.query(statement)
        # Tables made by an earlier version lack what this one added.
        self.main.query(tables.add_columns("findings", tables.FINDING_COLUMNS))
        self.main.query(f"USE {tables.DATABASE}")
        key = str(self.main.query("SELECT partition_key FROM system.tables WHERE name = 'events'", "TSVRaw"))
        self.partition = "day" if "toYYYYMMDD" in key else "month"

    def connect(self) -> Any:
        """Return a connection of its own: one connection serialises its statements."""
        connection = chdb.connect(self._address)
        connection.query(f"USE {tables.DATABASE}")
        connection.query(f"SET {_assignments(_CONNECTION_SETTINGS)}")
        return connection

    def warm_up(self) -> None:
        """Read an Arrow table once."""
        connection = self.connect()
        rows = pa.table({"a": pa.array(["a"], pa.large_string())})
        connection.query("SELECT * FROM Python(rows)")
        del rows
        connection.close()

    def connect_plain(self) -> Any:
        """Return a connection nothing was set on yet."""
        return chdb.connect(self._address)

    def add_columns(self, connection: Any, table: str, columns: dict[str, str]) -> None:
        """Add the columns a table lacks."""
        with self._altering:
            known = self._columns.setdefault(table, set())
            new = {name: kind for name, kind in columns.items() if name not in known}
            if new:
                connection.query(tables.add_columns(table, new))
                known.update(new)


class Conversation:
    """One client's connection: its requests one after the other, on an engine connection of its own."""

    def __init__(self, engine: Engine, connection: socket.socket, stop: Callable[[], None]) -> None:
        self._engine = engine
        self._socket = connection
        self._inbox = wire.Inbox(connection)
        self._stop = stop
        self._sql: Any = None

    def run(self) -> None:
        """Answer until the client ends."""
        try:
            while (request := self._inbox.receive()) is not None:
                header, body = self._answer(request)
                wire.send(self._socket, header, (memoryview(body),))
        except OSError:
            return
        finally:
            self._socket.close()
            self._forget_connection()

    def _answer(self, request: wire.Message) -> tuple[dict[str, Any], bytes]:
        try:
            return self._OPERATIONS[request.header["op"]](self, request.header, request.body)
        except QueryError as error:
            return {"error": "query", "text": str(error), "position": error.position, "hint": error.hint}, b""
        except (chdb.ChdbError, RuntimeError, ValueError, KeyError, TypeError, pa.ArrowException) as error:
            self._forget_connection()
            return {
                "error": "store",
                "text": f"{type(error).__name__}: {error}" if _is_ours(error) else str(error),
            }, b""

    def _hello(self, _header: dict[str, Any], _body: wire.Body) -> tuple[dict[str, Any], bytes]:
        return {"pid": os.getpid(), "data": self._engine.data, "partition": self._engine.partition}, b""

    def _query(self, header: dict[str, Any], body: wire.Body) -> tuple[dict[str, Any], bytes]:
        given = pa.ipc.open_stream(pa.py_buffer(body)).read_all() if len(body) else None
        result = self._connection().query(header["sql"], "ArrowStream", params=header.get("params") or {})
        del given  # the engine reads it by its name, as Python(given)
        return {}, result.bytes()

    def _insert(self, header: dict[str, Any], body: wire.Body) -> tuple[dict[str, Any], bytes]:
        """Insert the rows of one partition of a table."""
        connection = self._connection()
        name = tables.TABLES[tables.TABLES.index(header["table"])]
        if header["add"]:
            self._engine.add_columns(connection, name, header["add"])
        given = pa.ipc.open_stream(pa.py_buffer(body)).read_all()
        columns = ", ".join(tables.quote(column) for column in given.column_names)
        settings = {**_INSERT_SETTINGS, "insert_deduplication_token": _text(header["token"])}
        connection.query(
            f"INSERT INTO {name} ({columns}) SELECT * FROM Python(given) "  # noqa: S608 - quoted names
            f"SETTINGS {_assignments(settings)}"
        )
        return {"rows": given.num_rows}, b""

    def _readonly(self, header: dict[str, Any], _body: wire.Body) -> tuple[dict[str, Any], bytes]:
        """Run a user's SELECT on a connection of its own that can do nothing else."""
        sql = header["sql"]
        connection = self._engine.connect_plain()
        try:
            for statement in header["statements"]:
                connection.query(statement)
            try:
                checked = guard.guarded(sql, lambda text: str(connection.query(text, "TSVRaw")))
                return {}, connection.query(checked, "ArrowStream").bytes()
            except (chdb.ChdbError, RuntimeError) as error:
                raise guard.query_error(str(error), sql) from None
        finally:
            connection.close()

    def _shutdown(self, _header: dict[str, Any], _body: wire.Body) -> tuple[dict[str, Any], bytes]:
        self._stop()
        return {}, b""

    def _forget_connection(self) -> None:
        # What a failed statement had already written would stand before the answer to the next one.
        if self._sql is not None:
            self._sql.close()
            self._sql = None

    def _connection(self) -> Any:
        if self._sql is None:
            self._sql = self._engine.connect()
        return self._sql

    _OPERATIONS = {  # noqa: RUF012 - never changed
        "hello": _hello,
        "query": _query,
        "insert": _insert,
        "readonly": _readonly,
        "shutdown": _shutdown,
    }


class Server:
    """Accepts clients until a signal, a request to stop, or the last client has been gone for `grace` seconds."""

    def __init__(self, engine: Engine, listener: socket.socket, grace: float | None) -> None:
        self._engine = engine
        self._listener = listener
        self._grace = grace
        self._threads: dict[threading.Thread, socket.socket] = {}
        self._wake, self._woken = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._stopping = False

    def stop(self, *_: object) -> None:
        """Ask the loop to end; safe in a signal handler and in any thread."""
        self._stopping = True
        self._nudge()

    def serve(self) -> None:
        """Run until it is time to end, then let running requests end."""
        # The kernel may hand a signal to a thread of the engine: the loop must wake up all the same.
        signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._woken, selectors.EVENT_READ)
            alone_since: float | None = time.monotonic() + _FIRST_CLIENT_SECONDS
            while not self._stopping:
                for key, _ in selector.select(self._patience(alone_since)):
                    if key.fileobj is self._listener:
                        self._accept()
                        # Even a client that has gone again by now ends the wait for the first one.
                        alone_since = None
                    else:
                        self._woken.recv(4096)
                if self._threads:
                    alone_since = None
                elif alone_since is None:
                    alone_since = time.monotonic()
                if self._patience(alone_since) == 0:
                    break
        self._end()

    def _patience(self, alone_since: float | None) -> float | None:
        if self._grace is None or alone_since is None:
            return None
        return max(0.0, alone_since + self._grace - time.monotonic())

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        conversation = Conversation(self._engine, peer, self.stop)

        def talk() -> None:
            try:
                conversation.run()
            finally:
                del self._threads[thread]
                self._nudge()

        thread = threading.Thread(target=talk, daemon=True)
        self._threads[thread] = peer
        thread.start()

    def _nudge(self) -> None:
        try:
            self._wake.send(b".")
        except BlockingIOError:  # enough nudges are waiting
            return

    def _end(self) -> None:
        self._listener.close()
        deadline = time.monotonic() + _LAST_WORDS_SECONDS
        for peer in list(self._threads.values()):
            try:
                # The reading half only: an answer under way still goes out.
                peer.shutdown(socket.SHUT_RD)
            except OSError:
                continue
        for thread in list(self._threads):
            thread.join(max(0.0, deadline - time.monotonic()))


def main() -> int:
    """Serve the folder named on the command line; returns the exit code."""
    options = _options()
    places = Places(options.data)
    places.data.mkdir(parents=True, exist_ok=True)
    lock = places.lock.open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return EXIT_TAKEN
    engine = Engine(places, options.memory, options.partition)
    listener = places.listen()
    # The first read of an Arrow table loads libraries for most of a second: best while the client still reads.
    warming = threading.Thread(target=engine.warm_up, daemon=True)
    warming.start()
    server = Server(engine, listener, None if options.stay else options.grace)
    signal.signal(signal.SIGTERM, server.stop)
    signal.signal(signal.SIGINT, server.stop)
    try:
        server.serve()
    finally:
        if _is_at(lock, places.lock):
            places.forget()
        # The engine must not be closed under a statement: a client that comes and goes at once would leave it hanging.
        warming.join(_LAST_WORDS_SECONDS)
        engine.main.close()
    return 0


def _is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is still the one at a path: a folder may be removed under us and made anew by others."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="miharu.store.process")
    parser.add_argument("data", type=Path)
    parser.add_argument("--memory", type=int, required=True)
    parser.add_argument("--partition", choices=("month", "day"), default="month")
    parser.add_argument("--grace", type=float, default=3.0)
    parser.add_argument("--stay", action="store_true")
    return parser.parse_args()


def _assignments(settings: dict[str, str]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in settings.items())


def _text(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _is_ours(error: Exception) -> bool:
    return not isinstance(error, chdb.ChdbError | RuntimeError)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    # Threads of a query that outlived its client's patience must not hold the exit; the tables are safe at any moment.
    os._exit(code)
