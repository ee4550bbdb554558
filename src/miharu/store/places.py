"""A data folder → the files and the socket of its store process.

Paths of local sockets are limited to about 100 bytes (`sun_path`, unix(7): 108 on Linux, 104 on macOS). Where the
folder's own path is too long the socket lies in a private folder of the system's temporary place; `store.address`
says where.
"""

from __future__ import annotations

import contextlib
import os
import socket
import tempfile
from pathlib import Path
from typing import Final

EXIT_TAKEN: Final = 75
"""Exit code of a store process that found another one at the same folder (EX_TEMPFAIL of sysexits.h)."""

_MAX_SOCKET_PATH: Final = 100


class Places:
    """Where things lie under a data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data.resolve()
        self.store = self.data / "store"
        self.lock = self.data / "store.lock"
        self.address = self.data / "store.address"
        self.log = self.data / "store.log"

    def connect(self, seconds: float) -> socket.socket:
        """Return a connection to the folder's store process. Raises OSError where none listens."""
        path = str(self.data / self.address.read_text(encoding="utf-8"))
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(seconds)
            connection.connect(path)
        except OSError:
            connection.close()
            raise
        connection.settimeout(None)
        return connection

    def listen(self) -> socket.socket:
        """Return a listening socket and write down its address. Call it only under the lock."""
        self.forget()
        name = "store.socket"
        if len(os.fsencode(self.data / name)) > _MAX_SOCKET_PATH:
            name = str(Path(tempfile.mkdtemp(prefix="miharu-")) / name)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        mask = os.umask(0o177)
        try:
            listener.bind(str(self.data / name))
        finally:
            os.umask(mask)
        listener.listen(64)
        # Renamed into place: a reader sees a whole address or none.
        fresh = self.address.with_suffix(".fresh")
        # A name inside the folder stays right when the folder is moved.
        fresh.write_text(name, encoding="utf-8")
        fresh.replace(self.address)
        return listener

    def forget(self) -> None:
        """Remove the socket of this folder's process, or of one that died. Call it only under the lock."""
        try:
            path = self.data / self.address.read_text(encoding="utf-8")
        except FileNotFoundError:
            path = self.data / "store.socket"
        self.address.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        if path.parent != self.data:
            with contextlib.suppress(OSError):
                path.parent.rmdir()
