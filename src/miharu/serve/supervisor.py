"""Settings → the whole system: its parts started in order, watched, started again, and ended in order.

The store's process is kept by a connection of the supervisor's own; it is started again by whoever misses it first.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import structlog

from miharu.core.errors import OperatorError
from miharu.core.settings import Settings
from miharu.core.vitals import Vitals
from miharu.pipeline import forget_vitals, read_vitals, write_vitals
from miharu.serve.children import Child
from miharu.serve.journal import Journal
from miharu.serve.living import vitals_now
from miharu.serve.locks import only_supervisor, wait_for_former_parts
from miharu.serve.logs import EcsLine
from miharu.store import State, Store, StoreError

_BEAT_SECONDS: Final = 0.2
_VITALS_SECONDS: Final = 1.0
_READY_SECONDS: Final = 60.0
_LAST_WORDS_SECONDS: Final = 5.0
_PATIENCE: Final = {"intake": 15.0, "worker": 30.0, "api": 10.0, "courier": 20.0}
"""Seconds a part may take to end what it has begun."""

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    """Where the running system can be reached: part → its addresses by name."""

    addresses: dict[str, str]


class Supervisor:
    """Runs the system of one data folder.

    `show` gets every line of the parts' logs as (level, part, message); `ready` is called once all parts run.
    """

    def __init__(
        self, settings: Settings, show: Callable[[str, str, str], None], ready: Callable[[Running], None]
    ) -> None:
        self._settings = settings
        self._ready = ready
        self._stop = threading.Event()
        self._journal = Journal(settings.data / "logs", show)
        names = ["intake", "worker", "api", *(["courier"] if settings.notify else [])]
        self._children = {name: Child(name, settings, self._journal.take) for name in names}
        self._ran: set[str] = set()
        self._late = False
        self._store_trouble = ""
        self._store_pid = 0
        self._store_losses = 0

    def stop(self, *_: object) -> None:
        """Ask the system to end; safe in a signal handler."""
        self._stop.set()

    def run(self) -> None:
        """Run until `stop` is called or a signal comes. Raises OperatorError where another one runs here."""
        with only_supervisor(self._settings), self._speaking():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self.stop)
            State.open(self._settings.data).close()
            wait_for_former_parts(self._settings, max(_PATIENCE.values()) * 2, self._stop.is_set)
            forget_vitals(self._settings.data)
            # A store that hangs must not hold us, too.
            keeper = threading.Thread(target=self._keep_store, name="miharu-store-keeper", daemon=True)
            echo = threading.Thread(target=self._echo, name="miharu-own-log")
            keeper.start()
            echo.start()
            try:
                self._watch()
            finally:
                self._stop.set()
                self._end()
                echo.join()
                keeper.join(_LAST_WORDS_SECONDS)
                forget_vitals(self._settings.data)
                self._journal.close()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        """Let what this process logs go the way of the parts' lines."""
        line = EcsLine("supervisor")
        before = structlog.get_config()
        structlog.configure(
            processors=[line],
            logger_factory=lambda *_: _Mouth(self._journal),
            wrapper_class=structlog.make_filtering_bound_logger("info"),
        )
        try:
            yield
        finally:
            structlog.configure(**before)

    def _watch(self) -> None:
        began, told, written = time.monotonic(), False, 0.0
        while not self._stop.is_set():
            for child in self._children.values():
                self._check_refusal(child)
                child.look()
            self._stop.wait(_BEAT_SECONDS)
            now = time.monotonic()
            if now - written >= _VITALS_SECONDS:
                written = now
                self._write_vitals()
            if not told:
                told = self._tell_when_ready(now - began)

    def _check_refusal(self, child: Child) -> None:
        """End everything where a part that never ran says what an operator has to do first."""
        if child.name in self._ran or child.exit_code is None:
            return
        vitals = read_vitals(self._settings.data).get(child.name)
        if vitals is not None and vitals.pid == child.last_pid and vitals.state == "stopped" and vitals.trouble:
            raise OperatorError(vitals.trouble)

    def _tell_when_ready(self, waited: float) -> bool:
        vitals = read_vitals(self._settings.data)
        self._ran |= {name for name, each in vitals.items() if each.state in {"running", "trouble"}}
        late = [name for name in self._children if name not in self._ran]
        if not late:
            self._ready(Running(_addresses(vitals)))
            return True
        if waited > _READY_SECONDS and not self._late:
            _log.error("parts are late", action="part-late", parts=late)
            self._late = True
        return False

    def _write_vitals(self) -> None:
        starts = {f"{name}_starts": child.starts for name, child in self._children.items()}
        write_vitals(self._settings.data, replace(vitals_now("supervisor", "running"), counters=starts))
        trouble = self._store_trouble
        write_vitals(
            self._settings.data,
            replace(
                vitals_now("store", "trouble" if trouble else "running", trouble),
                pid=self._store_pid,
                counters={"losses": self._store_losses},
            ),
        )

    def _keep_store(self) -> None:
        """Hold a connection to the store, and take it up again when it breaks."""
        store: Store | None = None
        while not self._stop.is_set():
            try:
                if store is None:
                    store = Store.open(self._settings.data, self._settings)
                store.query("SELECT 1")
                self._store_pid = store.process_id
                if self._store_trouble:
                    _log.info("store is back", action="store-back")
                self._store_trouble = ""
            except StoreError as error:
                if not self._store_trouble:
                    self._store_losses += 1
                    _log.warning("store lost", action="store-lost", error=str(error))
                self._store_trouble = str(error)
                if store is not None:
                    store.close()
                store = None
            self._stop.wait(_VITALS_SECONDS)
        # The parts need the store until they have ended: `_end` runs beside us and waits for them.
        while any(child.pid is not None for child in self._children.values()):
            time.sleep(_BEAT_SECONDS / 4)
        if store is not None:
            store.close()

    def _echo(self) -> None:
        """Give our own log to the intake, to be watched like any other."""
        while not self._stop.is_set():
            lines = self._journal.for_intake(_VITALS_SECONDS)
            if lines and self._settings.watch_itself:
                self._children["intake"].tell(lines)

    def _end(self) -> None:
        """End the listeners first, then who works off what they took, then who answers questions."""
        for name in ("intake", "worker", "courier", "api"):
            child = self._children.get(name)
            if child is None:
                continue
            child.ask_to_end()
            if not child.wait(_PATIENCE[name]):
                _log.warning("part did not end in time and was killed", action="part-killed", part=name)


class _Mouth:
    """A logger whose every method writes the line it is given to the journal."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __getattr__(self, _name: str) -> Callable[[str], None]:
        return lambda line: self._journal.take("supervisor", line.encode())


def _addresses(vitals: dict[str, Vitals]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in vitals.values():
        given: Any = part.details.get("addresses", {})
        found.update(given)
        if "address" in part.details:
            found[part.part] = str(part.details["address"])
    return found
