"""CrowdSec's hub tests → what its parsers say of each line, beside what we read.

`python -m tests.corpora.crowdsec [folder ...]` prints every miss and the rates.

`parser.assert` states, for each line a parser took, `Evt.Parsed` and `Evt.Meta`. Stages of one line are put together by
the line's message, and found again among the records that our own reader cuts.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import yaml

from miharu.catalog import load_fields, load_logsources
from miharu.normalise import Normaliser
from miharu.parse import Parser
from miharu.sources import expand
from tests.conftest import corpora_folder

CREATED = datetime(2025, 6, 16, tzinfo=UTC)
STATED = re.compile(
    r'^results\["(?P<stage>[^"]+)"\]\["(?P<parser>[^"]+)"\]\[(?P<at>[0-9]+)\]\.(?:Evt\.(?P<part>Parsed|Meta)\["(?P<key>[^"]+)"\]'
    r'|(?P<success>Success)) == (?P<value>".*"|true|false)$'
)
AUTH_FAILED = re.compile(r"fail|LOGIN_ERROR|bad_password|bad_user|bad_mfa|invalid_user|auth_bf")
REFUSED = re.compile(r"refused_conn|bad_keyexchange")
AUTH_PASSED = re.compile(r"success", re.IGNORECASE)
DROPPED = re.compile(r"_drop$|_denied$")
USERS = ("user.name", "user.target.name", "user.effective.name", "user.email", "user.id", "user.full_name")
PEERS = ("source.ip", "source.address", "client.ip", "source.domain")
PATHS = ("url.path", "url.original")
HOSTS = ("host.name", "host.hostname", "observer.name", "observer.hostname")
AGENTS = ("user_agent.original",)
DOMAINS = ("url.domain", "destination.domain", "server.domain", "destination.address")


@dataclass(slots=True)
class Score:
    """Counts by question: how often we agree, and every miss."""

    right: Counter[str] = field(default_factory=Counter)
    asked: Counter[str] = field(default_factory=Counter)
    misses: list[str] = field(default_factory=list)

    def take(self, question: str, place: str, wanted: object, found: object, *, agree: bool) -> None:
        """Count one answer."""
        self.asked[question] += 1
        if agree:
            self.right[question] += 1
        else:
            self.misses.append(f"{question}: {place}: wanted {wanted!r}, found {found!r}")

    def rate(self, question: str) -> float:
        """Return the share of right answers."""
        return self.right[question] / self.asked[question]


@cache
def stages() -> tuple[Parser, Normaliser]:
    """Return the real reader and normaliser over the shipped content."""
    sources = load_logsources()
    return Parser(sources, "UTC"), Normaliser(sources, load_fields(), "UTC")


def read(path: Path) -> list[tuple[str, dict[str, object]]]:
    """Return every record of a file as text with its event, in the file's order."""
    parser, normaliser = stages()
    found: list[tuple[str, dict[str, object]]] = []
    for file in expand([path]):
        for chunk in file.chunks("0" * 32):
            parsed = parser.read(chunk.format, chunk.records)
            batch = normaliser.run(parsed.fields, CREATED).sort("log.offset")
            for row in batch.to_dicts():
                event = {key: value for key, value in row.items() if value is not None}
                found.append((text_of(event), event))
    return found


def text_of(event: Mapping[str, object]) -> str:
    """Return a record as text."""
    raw = event.get("event.original", "")
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)


def folders(root: Path) -> list[Path]:
    """Return the folders of tests that hold a log."""
    return sorted(one for one in root.iterdir() if (one / "config.yaml").is_file() and log_of(one))


def log_of(folder: Path) -> Path | None:
    """Return the log that a test's `config.yaml` names."""
    config = yaml.safe_load((folder / "config.yaml").read_text())
    path = folder / str(config.get("log_file"))
    return path if path.is_file() and path.stat().st_size else None


def statements(text: str) -> dict[tuple[str, int], dict[str, str]]:
    """Return what all parsers say of a line: by its message and how often the same came before."""
    entries: dict[tuple[str, str, int], dict[str, str]] = defaultdict(dict)
    for line in text.splitlines():
        match = STATED.match(line)
        if match is None:
            continue
        entry = entries[match["stage"], match["parser"], int(match["at"])]
        value = match["value"]
        name = match["success"] or f"{match['part']}.{match['key']}"
        entry[name] = ast.literal_eval(value) if value.startswith('"') else value
    lines: dict[tuple[str, int], dict[str, str]] = defaultdict(dict)
    seen: Counter[tuple[str, str, str]] = Counter()
    for (stage, parser, _), entry in sorted(entries.items()):
        message = entry.get("Parsed.message")
        if entry.get("Success") != "true" or not message:
            continue
        before = seen[stage, parser, message]
        seen[stage, parser, message] += 1
        lines[message, before].update(entry, stage=stage)
    return lines


def score_folder(folder: Path, score: Score) -> None:
    """Add one test's agreement."""
    log = log_of(folder)
    assert log is not None
    events = read(log)
    for text, event in events:
        dataset = str(event["event.dataset"])
        named = not dataset.startswith("generic.")
        if not text.startswith("# "):  # a word of the test's author
            score.take("named", folder.name, text[:300], dataset, agree=named)
    path = folder / "parser.assert"
    stated = statements(path.read_text()) if path.is_file() else {}
    for (message, before), wanted in stated.items():
        if wanted["stage"] == "s00-raw":
            continue
        places = [
            event for text, event in events if message.strip() in text or message.strip() in text.replace("\\", "")
        ]
        if not places:
            score.take("found", folder.name, message[:300], None, agree=False)
            continue
        compare(folder.name, message, wanted, places[min(before, len(places) - 1)], score)


def compare(name: str, message: str, wanted: Mapping[str, str], event: Mapping[str, object], score: Score) -> None:
    """Count the answers to all questions about one line."""
    place = f"{name} [{event['event.dataset']}] {message[:160]}"
    for question, value, fields in questions(wanted):
        found = {key: event[key] for key in fields if key in event}
        agree = any(same(question, one, value) for one in found.values())
        score.take(question, place, value, found, agree=agree)
    kind = wanted.get("Meta.log_type", "")
    action = expected_action(kind)
    if action:
        found = {key: event.get(key) for key in ("event.category", "event.type", "event.outcome", "event.action")}
        score.take("action", place, kind, found, agree=acts(action, event))


def questions(wanted: Mapping[str, str]) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Yield what is asked of a line: question, CrowdSec's answer, our fields for it."""
    users = [wanted.get(f"Meta.{key}") for key in ("username", "user", "target_user")]
    users += [wanted.get(f"Parsed.{key}") for key in ("username", "user")]
    user = next((one for one in users if one and one not in ("-", "unknown")), None)
    rows = (
        ("address", wanted.get("Meta.source_ip"), PEERS),
        ("user", user, USERS),
        ("host", wanted.get("Meta.machine"), HOSTS),
        ("time", wanted.get("Meta.timestamp"), ("@timestamp",)),
        ("http_path", wanted.get("Meta.http_path"), PATHS),
        ("http_verb", wanted.get("Meta.http_verb"), ("http.request.method",)),
        ("http_status", wanted.get("Meta.http_status"), ("http.response.status_code",)),
        ("http_user_agent", wanted.get("Meta.http_user_agent"), AGENTS),
        ("rule", wanted.get("Meta.rule_id"), ("rule.id",)),
        ("fqdn", re.sub(r":[0-9]+$", "", wanted.get("Meta.target_fqdn", "")), DOMAINS),
    )
    for question, value, fields in rows:
        if value and value != "-":
            yield question, value, fields


def same(question: str, ours: object, theirs: str) -> bool:
    """Return whether two values are one; CrowdSec takes this year where a stamp has none, and drops some zones."""
    if isinstance(ours, datetime):
        stamp = datetime.fromisoformat(theirs.replace(" UTC", "").replace(" +0000", "+00:00"))
        stamp = stamp.astimezone(UTC) if stamp.tzinfo else stamp.replace(tzinfo=UTC)
        return abs((ours - stamp).total_seconds()) < 1 or f"{ours:%m%d%H%M%S}" == f"{stamp:%m%d%H%M%S}"
    if question in ("http_verb", "host", "fqdn"):
        return str(ours).casefold() == theirs.casefold()
    # An IPv4 address in IPv6's dress is the same address; one parser keeps the quotes around a name.
    return str(ours) in (theirs, theirs.removeprefix("::ffff:"), theirs.strip("'"))


def expected_action(kind: str) -> str:
    """Return what CrowdSec's `log_type` says that happened, empty where it says only whose line it is."""
    if kind == "http_access-log":
        return "web"
    if DROPPED.search(kind):
        return "denied"
    if REFUSED.search(kind):
        return "refused"
    if AUTH_FAILED.search(kind):
        return "auth_failed"
    return "auth_passed" if AUTH_PASSED.search(kind) and "CART" not in kind and "REGISTER" not in kind else ""


def acts(action: str, event: Mapping[str, object]) -> bool:
    """Return whether an event says that."""
    category, types = event.get("event.category"), event.get("event.type")
    categories = category if isinstance(category, list) else []
    if action == "web":
        return "web" in categories
    if action == "denied":
        return isinstance(types, list) and "denied" in types
    if action == "refused":
        return "network" in categories and event.get("event.outcome") == "failure"
    wanted = "failure" if action == "auth_failed" else "success"
    return "authentication" in categories and event.get("event.outcome") == wanted


def run(root: Path, names: Iterable[str] = ()) -> Score:
    """Return the agreement over all tests, or over those named."""
    chosen = frozenset(names)
    score = Score()
    for folder in folders(root):
        if not chosen or folder.name in chosen:
            score_folder(folder, score)
    return score


def main() -> None:
    """Print the rates and every miss."""
    score = run(corpora_folder() / "crowdsec-hub-tests", sys.argv[1:])
    rates = [f"{key}: {score.rate(key):.4f} of {score.asked[key]}" for key in score.asked]
    sys.stdout.write("\n".join([*score.misses, *rates]) + "\n")


if __name__ == "__main__":
    main()
