"""The state of a data folder: what was imported, what is under way, which alerts there are; every change a transaction.

SQLite (`state.db`, write-ahead log, every commit synced to disk) unless a PostgreSQL address is given.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from miharu.core.alert import Alert
from miharu.core.clock import Clock, system_clock
from miharu.store import alerts, hunts, ledger, live, outbox, schema, tokens
from miharu.store.alerts import AlertFilter
from miharu.store.errors import StateError
from miharu.store.hunts import HuntDesk
from miharu.store.ledger import Batch, Counts, Fingerprint, KnownContent, Segment
from miharu.store.live import LiveBatch
from miharu.store.outbox import Delivery, Notice, OutboxCount, Terms
from miharu.store.overlays import OverlayDesk
from miharu.store.tokens import Token

_BUSY_MILLISECONDS: Final = 30_000


class Transaction:
    """Changes that become true together, when the `with` block of `State.transaction` ends well."""

    def __init__(self, connection: Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock

    def lookup(self, heads: Mapping[int, str]) -> list[KnownContent]:
        """Return known contents that a new one may equal or continue (same head), smallest first."""
        return ledger.lookup(self._connection, heads)

    def register(self, file_key: str, path: str, scan: Fingerprint) -> None:
        """Write down a content of a file; of one that is known already, where it was seen last."""
        ledger.register(self._connection, file_key, path, scan, self._clock())

    def finish_batch(self, token: str, rows: Sequence[Counts]) -> None:
        """Mark a batch stored and move its files on; `rows`: one per segment. Raises StateError if not pending."""
        ledger.finish_batch(self._connection, token, rows)

    def finish_live(self, worker: str, token: str) -> None:
        """Mark a batch of a live worker stored and move its place. Raises StateError where it is not pending."""
        live.finish(self._connection, worker, token)

    def finish_hunt(self, hunt_id: str, counts: tuple[int, int, int]) -> None:
        """Mark the next piece of a hunt done; `counts` are the events, findings and alerts it gave."""
        hunts.finish(self._connection, hunt_id, counts, self._clock())

    def live_alerts(self, keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], list[Alert]]:
        """Return the alerts of each (rule id, entity) that no other took the place of, by their start."""
        return alerts.live_alerts(self._connection, keys)

    def upsert_alerts(self, changed: Iterable[Alert]) -> None:
        """Write alerts; one whose id is there is replaced, save when it was made."""
        alerts.upsert_alerts(self._connection, changed, self._clock())

    def enqueue(self, notices: Iterable[Notice]) -> None:
        """Queue notices to be sent; one that was queued before, sent or not, is left as it is."""
        outbox.enqueue(self._connection, notices, self._clock())


class State:
    """The transactional state of one data folder; safe to use from several threads and processes."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self.overlays = OverlayDesk(self._connection, self._reading, clock)
        self.hunts = HuntDesk(self._connection, self._reading, clock)

    @classmethod
    def open(cls, data: Path, url: str | None = None, clock: Clock = system_clock) -> Self:
        """Open the state of a data folder, or of a database by URL; its tables are made or brought up to date.

        Raises StateError where it cannot be opened.
        """
        data.mkdir(parents=True, exist_ok=True)
        place = url or f"sqlite:///{data.resolve() / 'state.db'}"
        try:
            engine = create_engine(place)
            if engine.dialect.name == "sqlite":
                event.listen(engine, "connect", _prepare_sqlite)
                event.listen(engine, "begin", _begin_sqlite)
            schema.bring_up_to_date(engine)
        except ArgumentError as error:
            message = "the address of the state database is not one; write postgresql+psycopg://user@host/database"
            raise StateError(message) from error
        except DBAPIError as error:
            message = f"the state database {place if url is None else 'given'} cannot be opened: {error.orig}"
            raise StateError(message) from error
        return cls(engine, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Give a transaction: committed, durably, at the end of the block; undone where the block raises."""
        with self._connection() as connection:
            yield Transaction(connection, self._clock)

    # -- ledger ------------------------------------------------------------------------------------

    def lookup(self, heads: Mapping[int, str]) -> list[KnownContent]:
        """Return known contents that a new one may equal or continue (same head), smallest first."""
        with self._connection() as connection:
            return ledger.lookup(connection, heads)

    def register(self, file_key: str, path: str, scan: Fingerprint) -> None:
        """Write down a content of a file; of one that is known already, where it was seen last."""
        with self._connection() as connection:
            ledger.register(connection, file_key, path, scan, self._clock())

    def counts(self, contents: Collection[tuple[str, int]]) -> dict[tuple[str, int], Counts]:
        """Return how many rows each content, named by file key and size, gave."""
        with self._connection() as connection:
            return ledger.counts(connection, contents)

    def paths(self, file_keys: Collection[str]) -> dict[str, str]:
        """Return where the longest content of each file was seen last."""
        with self._connection() as connection:
            return ledger.paths(connection, file_keys)

    def begin_batch(self, segments: Sequence[Segment]) -> Batch:
        """Write a batch down, durably, before anything of it is stored.

        Raises StateError where a segment is stored or under way already (two imports of one file at once).
        """
        with self._connection() as connection:
            return ledger.begin_batch(connection, segments, self._clock())

    def finish_batch(self, token: str, rows: Sequence[Counts]) -> None:
        """Mark a batch stored in a transaction of its own; see `Transaction.finish_batch`."""
        with self._connection() as connection:
            ledger.finish_batch(connection, token, rows)

    def pending_batches(self) -> list[Batch]:
        """Return batches begun and not finished, oldest first: to be read and inserted again, token and all."""
        with self._connection() as connection:
            return ledger.pending_batches(connection)

    # -- live workers ------------------------------------------------------------------------------

    def live_position(self, worker: str) -> live.Place:
        """Return where in the spool a worker reads on: behind everything that is stored or under way."""
        with self._connection() as connection:
            return live.position(connection, worker)

    def live_stored(self, worker: str) -> live.Place:
        """Return the place in the spool before which everything is stored."""
        with self._connection() as connection:
            return live.stored(connection, worker)

    def begin_live(self, worker: str, begin: live.Place, end: live.Place, created: datetime) -> LiveBatch:
        """Write a batch down, durably, before anything of it is stored."""
        with self._connection() as connection:
            return live.begin(connection, worker, (begin, end), created)

    def pending_live(self, worker: str) -> list[LiveBatch]:
        """Return a worker's batches begun and not finished, oldest first."""
        with self._connection() as connection:
            return live.pending(connection, worker)

    # -- alerts ------------------------------------------------------------------------------------

    def upsert_alerts(self, changed: Iterable[Alert]) -> None:
        """Write alerts in a transaction of their own."""
        with self.transaction() as transaction:
            transaction.upsert_alerts(changed)

    def alerts_for(self, rule_id: str, entity: str) -> list[Alert]:
        """Return the alerts of one rule and entity that no other took the place of, by their start."""
        with self.transaction() as transaction:
            return transaction.live_alerts([(rule_id, entity)])[rule_id, entity]

    def list_alerts(
        self,
        *,
        state: str | None = None,
        rule_id: str | None = None,
        level: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int | None = None,
    ) -> list[Alert]:
        """Return alerts that pass every filter given, the latest first; `level` is the least severe one wanted."""
        with self._reading() as connection:
            return alerts.list_alerts(
                connection, state=state, rule_id=rule_id, level=level, since=since, until=until, limit=limit
            )

    def alert(self, start: str) -> Alert | None:
        """Return the alert whose id is `start` or alone begins with it. Raises OperatorError where several do."""
        with self._reading() as connection:
            return alerts.alert(connection, start)

    def page_alerts(self, wanted: AlertFilter, after: tuple[datetime, str] | None, limit: int) -> list[Alert]:
        """Return alerts that pass a filter, the latest first, from behind the one whose (last, id) is `after`."""
        with self._reading() as connection:
            return alerts.page_alerts(connection, wanted, after, limit)

    def set_alert_state(self, alert_id: str, state: str) -> Alert | None:
        """Open or close an alert and return it as it is then; None where no alert has this id.

        Raises OperatorError where another alert took its place.
        """
        with self._connection() as connection:
            return alerts.set_alert_state(connection, alert_id, state, self._clock())

    def alerts_since(self, revision: int, limit: int) -> list[tuple[int, Alert]]:
        """Return up to `limit` alerts changed after `revision`, in the order of change, each with its own revision."""
        with self._reading() as connection:
            return alerts.alerts_since(connection, revision, limit)

    def last_revision(self) -> int:
        """Return the revision of the latest change of any alert; 0 where there is none."""
        with self._reading() as connection:
            return alerts.last_revision(connection)

    # -- tokens ------------------------------------------------------------------------------------

    def create_token(self, name: str, scopes: Collection[str], expires: datetime | None = None) -> str:
        """Make a token and return its secret, which nothing can show again; `scopes`: see `miharu.store.SCOPES`.

        Raises OperatorError where a live token has the name, a scope is unknown or missing, or it would be expired.
        """
        with self._connection() as connection:
            return tokens.create_token(connection, name, scopes, expires, self._clock())

    def token(self, secret: str) -> Token | None:
        """Return the live token with this secret, or None."""
        with self._reading() as connection:
            return tokens.token(connection, secret, self._clock())

    def list_tokens(self) -> list[Token]:
        """Return all tokens there were, by name and age."""
        with self._reading() as connection:
            return tokens.list_tokens(connection)

    def revoke_token(self, name: str) -> None:
        """End the live token of this name. Raises OperatorError where there is none."""
        with self._connection() as connection:
            tokens.revoke_token(connection, name, self._clock())

    # -- outbox ------------------------------------------------------------------------------------

    def due_targets(self, now: datetime) -> list[str]:
        """Return the names of targets that a message might be sent to now."""
        with self._reading() as connection:
            return outbox.due(connection, now)

    def take_delivery(self, target: str, now: datetime, terms: Terms) -> Delivery | None:
        """Take the next message to a target, so that nobody else does until the lease ends; None: not now."""
        with self._connection() as connection:
            return outbox.take(connection, target, now, terms)

    def renew_leases(self, holder: str, until: datetime) -> None:
        """Move the end of every lease of a holder."""
        with self._connection() as connection:
            outbox.renew(connection, holder, until)

    def settle_delivery(self, delivery: str, holder: str, now: datetime) -> None:
        """Mark a delivery sent, if it is still its holder's."""
        with self._connection() as connection:
            outbox.settle(connection, delivery, holder, now)

    def put_back_delivery(self, delivery: str, holder: str, error: str, later: datetime | str) -> None:
        """Keep a delivery for `later`, or end it in the state `later` (failed, dead), if it is still its holder's."""
        with self._connection() as connection:
            outbox.put_back(connection, delivery, holder, error, later)

    def revive_notices(self, target: str | None = None) -> int:
        """Queue again what failed or was given up, of one target or of all; return how many notices."""
        with self._connection() as connection:
            return outbox.revive(connection, target, self._clock())

    def forget_sent_notices(self, before: datetime) -> None:
        """Remove notices that were sent before an instant."""
        with self._connection() as connection:
            outbox.forget_sent(connection, before)

    def outbox_counts(self) -> list[OutboxCount]:
        """Return what the outbox holds, by target and state."""
        with self._reading() as connection:
            return outbox.counts(connection)

    # -- connections -------------------------------------------------------------------------------

    @contextmanager
    def _connection(self, **options: bool) -> Iterator[Connection]:
        try:
            with self._engine.execution_options(**options).begin() as connection:
                yield connection
        except DatabaseError as error:
            message = f"the state database refused: {error.orig}"
            raise StateError(message) from error

    def _reading(self) -> AbstractContextManager[Connection]:
        """Give a connection that only reads, and so never waits for a writer."""
        return self._connection(**{schema.READING: True})


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver's own transactions would begin too late to keep two writers apart.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get(schema.READING)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
