"""Settings → a store process that starts while whoever needs it is still importing and making everything else.

It takes a second to start, most of it on a processor of its own. Nothing heavy may be imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from miharu.core.settings import Settings
from miharu.store import wake


@contextmanager
def waking_store(settings: Settings) -> Iterator[Callable[[], None]]:
    """Start the store process of the data folder if none runs; give what waits until it answers.

    That raises StoreError where the process cannot start. The process stays at least to the end of the block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="miharu-wake") as aside:
        waking = aside.submit(wake, settings.data, settings)

        def awake() -> None:
            waking.result()

        try:
            yield awake
        finally:
            if waking.exception() is None:
                waking.result().close()
