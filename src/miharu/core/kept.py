"""What was made once ↔ files that keep it, named by what it was made from.

A file holds a checksum and MessagePack of plain data: a damaged one is not read but made again. It is written beside
its place and moved there, so that a reader never sees half of it.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import xxhash

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Kept:
    """Files of one kind in `folder`; the `most` that were used last stay."""

    folder: Path
    kind: str
    most: int

    def read(self, key: str, kind: type[T]) -> T | None:
        """Return what is kept under `key`; None where nothing is or it is damaged or no `kind`."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except OSError:
            return None
        body = data[len(self._head(b"")) :]
        if not data.startswith(self._head(body)):
            return None
        try:
            value = msgspec.msgpack.decode(body, type=kind)
        except (msgspec.DecodeError, msgspec.ValidationError):
            return None
        with suppress(OSError):
            os.utime(path)
        return value

    def write(self, key: str, value: object) -> None:
        """Keep `value`. A folder that cannot be written is left as it is: only time is lost."""
        body = msgspec.msgpack.encode(value)
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self.folder, prefix=f".{self.kind}-", delete=False) as file:
                file.write(self._head(body) + body)
                file.flush()
                os.fsync(file.fileno())
            Path(file.name).replace(self._path(key))
            self._forget_old()

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.{self.kind}"

    def _head(self, body: bytes) -> bytes:
        return f"miharu {self.kind}\n".encode() + xxhash.xxh3_128_digest(body)

    def _forget_old(self) -> None:
        files = sorted(self.folder.glob(f"*.{self.kind}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in files[self.most :]:
            path.unlink(missing_ok=True)
