"""Python's garbage collector → out of the way while batches stream through."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_RARELY = 500_000


@contextmanager
def rare_collections() -> Iterator[None]:
    """Let the collector look rarely, and never again at what is there already.

    A loaded rule set is hundreds of thousands of objects that stay; walking them again and again took a tenth of an
    import's time. What a batch makes holds no cycles and is freed by counting.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


def frozen_again() -> None:
    """Let go of what was replaced and leave what stays out of the collector's way."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
