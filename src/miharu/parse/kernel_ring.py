"""Lines of dmesg → records of syslog whose program is the kernel.

`[   12.345678] text` counts seconds since the machine booted: when that was it does not say. `dmesg -T` writes the
time of day instead, `dmesg -r` the priority before (printk, <linux/kern_levels.h>).
"""

from __future__ import annotations

from typing import Final

import polars as pl

from miharu.parse.text import TEXT

# Six decimals are the kernel's: Xorg counts with three. A name and a colon, or a word of the boot, must follow where
# the time of day stands, for others begin their lines so too.
RING: Final = (
    r"^(?:<[0-9]{1,3}>)?\[ *[0-9]{1,10}\.[0-9]{6}\]|"
    r"^(?:<[0-9]{1,3}>)?\[[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4}\] "
    r"(?:[A-Za-z][0-9A-Za-z_./#,() -]{0,40}: |Linux version |Out of memory)"
)
_HEAD: Final = (
    r"^(?P<head>(?:<(?P<priority>[0-9]{1,3})>)?"
    r"(?:\[[A-Z][a-z]{2} (?P<timestamp>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} [0-9]{4})\] "
    # journalctl -o short-monotonic
    r"|\[ *[0-9.]+\] (?P<hostname>[0-9A-Za-z][0-9A-Za-z_.-]*) "
    r"(?:kernel|(?P<program>[^\s:\[\]]{1,64})\[(?P<pid>[0-9]{1,10})\]): )?)"
)
_SEVERITIES: Final = 8


def is_ring(text: pl.Series) -> pl.Series:
    """Return which texts are lines of the kernel's ring buffer."""
    return text.str.contains(RING)


def read_ring(records: pl.DataFrame) -> pl.DataFrame:
    """Return the columns of a syslog header; the seconds since the boot stay in the message."""
    text = records.get_column(TEXT)
    head = text.str.extract_groups(_HEAD).struct.unnest()
    message = text.str.slice(head.get_column("head").str.len_chars()).alias("message")
    priority = head.get_column("priority").cast(pl.Int64)
    made = pl.DataFrame(
        [
            head.get_column("timestamp"),
            head.get_column("hostname"),
            head.get_column("program").fill_null("kernel"),
            head.get_column("pid"),
            message,
            priority,
            (priority // _SEVERITIES).alias("facility"),
            (priority % _SEVERITIES).alias("severity"),
        ]
    )
    filled = [series for series in made.get_columns() if series.null_count() < records.height]
    return records.drop(TEXT).hstack(filled)
