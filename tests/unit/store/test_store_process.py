"""The store's process: one per folder, found by every client, lost by none of its deaths."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from miharu.core.settings import Settings
from miharu.store import Store, StoreError, StoreLostError, framing, tables, wire
from miharu.store.launch import greet
from miharu.store.places import EXIT_TAKEN, Places

CHILD = """
import sys
from pathlib import Path
from miharu.core.settings import Settings
from miharu.store import Store
data = Path(sys.argv[1])
with Store.open(data, Settings(data=data, store_memory_bytes=600_000_000), grace=1.0) as store:
    print(store.process_id, flush=True)
    sys.stdin.readline()
"""
HURRY = 30.0


def open_store(settings: Settings, grace: float = 0.2) -> Store:
    return Store.open(settings.data, settings, grace=grace)


def alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_gone(pid: int) -> None:
    deadline = time.monotonic() + HURRY
    while alive(pid):
        assert time.monotonic() < deadline, "the process is still there"
        time.sleep(0.02)


def count(store: Store) -> int:
    return int(store.query("SELECT count() AS n FROM events")["n"][0])


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)
    wait_gone(pid)


def start_child(data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_death_between_store_and_answer_neither_doubles_nor_loses(settings, make_events, days):
    frame = make_events(days(600))
    with open_store(settings, grace=5) as store:
        link = greet(Places(settings.data))
        shipments = list(framing.pack("events", frame, "t", tables.EVENT_COLUMNS, link.partition))
        for shipment in shipments:
            header = {"op": "insert", "table": "events", "token": shipment.token, "add": shipment.add}
            wire.send(link.socket, header, shipment.body)
            if shipment is not shipments[-1]:
                wire.receive(link.socket)
        while count(store) < 600:  # stored, and its last answer lies unread
            time.sleep(0.01)
        kill(link.pid)
        link.socket.close()
        with pytest.raises(StoreLostError):
            store.query("SELECT 1")
        store.restart()
        assert count(store) == 600
        store.insert("events", frame, "t")
        assert count(store) == 600
        store.insert_later("events", frame, "t", again=True).result()
        assert count(store) == 600


def test_death_in_the_middle_of_an_insert_is_made_good_by_doing_it_again(settings, make_events, days):
    expected = 0
    with open_store(settings, grace=5) as store:
        for attempt in range(4):
            frame = make_events(days(900, 2.0), key=f"{attempt:032x}")
            future = store.insert_later("events", frame, f"t{attempt}")
            enough = expected + 100 * (attempt + 1)
            while count(store) < enough and not future.done():
                time.sleep(0.002)
            kill(store.process_id)
            with contextlib.suppress(StoreLostError):
                future.result()
            store.restart()
            store.insert_later("events", frame, f"t{attempt}", again=attempt % 2 == 0).result()
            expected += 900
            assert count(store) == expected
        assert store.query("SELECT uniqExact(`event.id`) AS n FROM events")["n"][0] == expected


def test_queued_inserts_behind_a_death_fail_and_keep_order(settings, make_events, days):
    frames = [make_events(days(50), key=f"{number:032x}") for number in range(3)]
    with open_store(settings, grace=5) as store:
        store.insert("events", frames[0], "0")
        os.kill(store.process_id, signal.SIGKILL)
        first = store.insert_later("events", frames[1], "1")
        with pytest.raises(StoreLostError, match="run the command again"):
            first.result()
        store.insert("events", frames[1], "1")  # a fresh process answers
        store.insert("events", frames[2], "2")
        assert count(store) == 150


def test_two_starters_at_once_share_one_process(tmp_path):
    data = tmp_path / "data"
    children = [start_child(data) for _ in range(4)]
    try:
        pids = {child.stdout.readline().strip() for child in children}
        assert len(pids) == 1
        assert pids != {""}
    finally:
        for child in children:
            child.communicate("\n", timeout=HURRY)
    assert [child.returncode for child in children] == [0] * 4
    wait_gone(int(pids.pop()))
    assert not (data / "store.address").exists()


def test_a_killed_client_hurts_nobody(settings, make_events, days):
    with open_store(settings) as store:
        child = start_child(settings.data)
        assert int(child.stdout.readline()) == store.process_id
        child.kill()
        child.communicate()
        half = socket.socket(socket.AF_UNIX)
        half.connect(str(settings.data / "store.socket"))
        half.sendall(b"\x20\x00\x00\x00\x00\x01")  # ends in the middle of a message
        half.close()
        store.insert("events", make_events(days(3)), "t")
        assert count(store) == 3


def test_several_clients_write_and_read_at_once(settings, make_events, days):
    def work(number: int) -> int:
        with open_store(settings) as store:
            for turn in range(5):
                store.insert("events", make_events(days(40), key=f"{number:016x}{turn:016x}"), f"{number}.{turn}")
            return store.process_id

    with open_store(settings) as store:
        with ThreadPoolExecutor(4) as pool:
            assert set(pool.map(work, range(4))) == {store.process_id}
        assert count(store) == 800


def test_queries_run_in_parallel(settings):
    with open_store(settings) as store, ThreadPoolExecutor(4) as pool:
        store.query("SELECT 1")
        began = time.monotonic()
        list(pool.map(lambda _: store.query("SELECT sleep(1)"), range(4)))
        assert time.monotonic() - began < 3.5


def test_the_process_ends_after_its_last_client_and_a_signal(settings, make_events, days):
    with open_store(settings) as store:
        first = store.process_id
        store.insert("events", make_events(days(10)), "t")
    wait_gone(first)
    with open_store(settings, grace=60) as store:
        second = store.process_id
        os.kill(second, signal.SIGTERM)
        wait_gone(second)
        store.restart()
        assert count(store) == 10
        store.shutdown()
        with pytest.raises(StoreError, match="closed"):
            store.close() or store.query("SELECT 1")


def test_a_process_whose_folder_was_made_anew_leaves_the_new_ones_socket(settings, make_events, days):
    with open_store(settings, grace=60) as store:
        former = store.process_id
        store.insert("events", make_events(days(1)), "t")
    shutil.rmtree(settings.data)
    with open_store(settings) as store:
        assert count(store) == 0
        assert store.process_id != former
        os.kill(former, signal.SIGTERM)
        wait_gone(former)
        with contextlib.closing(greet(Places(settings.data)).socket):
            assert count(store) == 0


def test_a_second_process_leaves_the_folder_alone(settings):
    with open_store(settings) as store:
        command = [sys.executable, "-m", "miharu.store.process", str(settings.data), "--memory=600000000"]
        assert subprocess.run(command, check=False, timeout=HURRY).returncode == EXIT_TAKEN
        assert store.query("SELECT 1 AS a")["a"].to_list() == [1]


def test_a_deep_folder_gets_its_socket_elsewhere(tmp_path):
    data = tmp_path / ("d" * 60) / ("e" * 60)
    with Store.open(data, Settings(data=data, store_memory_bytes=600_000_000), grace=0.2) as store:
        pid = store.process_id
        place = Path((data / "store.address").read_text())
        assert place.exists()
        assert place.parent != data
        assert place.parent.stat().st_mode & 0o077 == 0
        kill(pid)
        store.restart()
        pid = store.process_id
    wait_gone(pid)
    assert not place.parent.exists()


def test_a_copied_folder_is_a_store_of_its_own(settings, tmp_path):
    with open_store(settings) as store:
        copy = tmp_path / "copy"
        copy.mkdir()
        (copy / "store.address").write_text(str(settings.data / "store.socket"))
        with Store.open(copy, settings, grace=0.2) as other:
            assert other.process_id != store.process_id


def test_a_folder_the_engine_cannot_open_is_reported(settings):
    (settings.data / "store").parent.mkdir(parents=True)
    (settings.data / "store").write_text("not a folder")
    with pytest.raises(StoreError, match=r"could not start.*store\.log"):
        open_store(settings)


def test_memory_is_limited(settings):
    small = settings.model_copy(update={"store_memory_bytes": 300_000_000})
    with open_store(small) as store:
        with pytest.raises(StoreError, match="MEMORY_LIMIT_EXCEEDED"):
            store.query("SELECT groupArray(toString(number)) FROM numbers(50000000)")
        assert store.query("SELECT 1 AS a")["a"].to_list() == [1]


def test_inserts_are_pipelined_in_order(settings, make_events):
    started = threading.Event()
    with open_store(settings) as store:
        times = [datetime(2024, 1, 1, tzinfo=UTC)] * 100
        futures = []
        for number in range(12):
            futures.append(store.insert_later("events", make_events(times, key=f"{number:032x}"), str(number)))
            futures[-1].add_done_callback(lambda _: started.set())
        for future in futures:
            future.result()
        assert started.is_set()
        order = store.query("SELECT `event.id` AS id, `event.ingested` AS at FROM events ORDER BY at")
        firsts = [make_events(times[:1], key=f"{number:032x}")["event.id"][0] for number in range(12)]
        seen = order.filter(pl.col("id").is_in(firsts)).sort("at", maintain_order=True)["id"].to_list()
        assert seen == firsts
