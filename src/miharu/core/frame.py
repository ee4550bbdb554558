"""What a listener hands on: records of one sender that arrived together, as they came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from miharu.core.chunk import Format


@dataclass(frozen=True, slots=True)
class Frame:
    """Records of one sender, received together.

    `key` (32 hexadecimal digits) and the ordinal of a record name it for ever: the first record of the frame has
    the ordinal `first`, each following one more. A connection keeps one key and counts on; a request has a key of
    its own. `lengths` holds the length of each record in bytes (little-endian 32-bit numbers), `data` the records
    one after the other with nothing between. `ids` are natural ids, one per record (None where a record has none),
    or None where no record has one. `digest` names a request that its sender may send again ("" for streams).
    `channel` is how it came (`syslog-tcp`, `syslog-udp`, `http-json`, `http-bulk`, `http-hec`), `sender` the
    sender's address, `received` when it came, in UTC.
    """

    key: str
    first: int
    format: Format
    channel: str
    sender: str
    received: datetime
    lengths: bytes
    data: bytes
    ids: tuple[str | None, ...] | None = None
    digest: str = ""

    @property
    def records(self) -> int:
        """Number of records."""
        return len(self.lengths) // 4
