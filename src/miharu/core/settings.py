"""Settings: defaults, then a TOML file, then the environment → one frozen object.

Every setting can be given as `MIHARU_<NAME>` or as `<name>` in the file named by `--config` or
`MIHARU_CONFIG`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)


def default_data_dir() -> Path:
    """Return where data lies when nobody says otherwise."""
    return Path.home() / ".local" / "share" / "miharu"


class Settings(BaseSettings):
    """What an operator can set; `docs/reference/settings.md` is made from this class."""

    model_config = SettingsConfigDict(env_prefix="MIHARU_", frozen=True, extra="forbid")

    data: Path = Field(default_factory=default_data_dir, description="Folder of the store and of the state.")
    timezone: str = Field("UTC", description="Time zone of stamps that name none (an IANA name).")
    date_order: Literal["auto", "day_first", "month_first"] = Field(
        "auto", description="How `5/6/2025` is read in exports of Event Viewer: auto, day_first or month_first."
    )
    partition: str = Field("month", pattern="^(month|day)$", description="How the store cuts time: month or day.")
    batch_rows: int = Field(65_536, ge=1, le=1_000_000, description="Records read, judged and stored at once.")
    max_record_bytes: int = Field(
        67_108_864, ge=1024, description="Longest record that is read; a longer one becomes a reject."
    )
    session_gap: timedelta = Field(
        timedelta(hours=1), description="Findings of one rule and entity further apart start a new alert."
    )
    store_memory_bytes: int = Field(1_500_000_000, ge=200_000_000, description="Memory the embedded store may use.")
    query_seconds: float = Field(60.0, gt=0, description="Longest time a user's query may run.")
    query_rows: int = Field(1_000_000, ge=1, description="Most rows a user's query may return.")
    rules: tuple[Path, ...] = Field((), description="Folders or archives of further Sigma rules.")
    api_address: str = Field("127.0.0.1:8600", description="Where `serve` offers the API (host:port).")
    http_address: str = Field(
        "127.0.0.1:8601", description="Where `serve` takes logs over HTTP (host:port; empty: nowhere)."
    )
    syslog_udp_address: str = Field(
        "127.0.0.1:5514", description="Where `serve` takes syslog over UDP (host:port; empty: nowhere)."
    )
    syslog_tcp_address: str = Field(
        "127.0.0.1:5514", description="Where `serve` takes syslog over TCP (host:port; empty: nowhere)."
    )
    spool_bytes: int = Field(
        4_294_967_296, ge=1_048_576, description="Bytes the spool may hold before senders are made to wait."
    )
    spool_segment_bytes: int = Field(33_554_432, ge=65_536, description="Bytes of one file of the spool.")
    spool_free_bytes: int = Field(
        268_435_456, ge=0, description="Bytes the spool leaves free on its disk; below that, senders wait."
    )
    request_bytes: int = Field(
        33_554_432, ge=1024, description="Longest request that is taken over HTTP, also when it is decompressed."
    )
    retry_window: timedelta = Field(
        timedelta(minutes=10), description="A request that comes again unchanged within this time is a retry."
    )
    live_rows: int = Field(
        32_768, ge=1, le=1_000_000, description="Records `serve` judges and stores at once, at most."
    )
    live_seconds: float = Field(0.5, gt=0, le=60, description="Longest time `serve` gathers records before that.")
    watch_itself: bool = Field(True, description="Whether `serve` takes its own log in as logs, too.")
    hunt_back: timedelta = Field(
        timedelta(days=7), ge=timedelta(0), description="How far back a new or changed rule looks by itself (0: not)."
    )
    notify: tuple[dict[str, Any], ...] = Field(
        (), description="Whom to tell of alerts: a list of tables; see docs/how-to/notify.md."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let what is given directly win over the environment, and that over the file."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))
