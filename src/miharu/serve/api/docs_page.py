"""The OpenAPI description → one plain page that loads nothing from anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Final

from miharu.serve.api.problems import KINDS

PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
}
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code{font-family:ui-monospace,monospace}table{border-collapse:collapse}"
    "td,th{border:1px solid #8886;padding:.3rem .6rem;text-align:left;vertical-align:top}"
    ":root{color-scheme:light dark}"
)


def docs_page(openapi: dict[str, Any]) -> str:
    """Return the page."""
    title = escape(f"{openapi['info']['title']} {openapi['info']['version']}")
    parts = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>',
        f"<h1>{title}</h1><p>{escape(openapi['info'].get('description', ''))}</p>",
        '<p>The same for programs: <a href="/api/v1/openapi.json">openapi.json</a>.</p>',
    ]
    for path, method, operation in operations(openapi):
        parts += [
            f"<h2><code>{method.upper()} {escape(path)}</code></h2>",
            f"<p>Scope: {escape(scope_of(operation))}</p>",
            *(f"<p>{escape(paragraph)}</p>" for paragraph in operation.get("description", "").split("\n\n")),
            *_parameters(operation),
        ]
    parts.append("<h2>Problems</h2><table><tr><th>kind<th>meaning</tr>")
    parts += [f'<tr id="{kind}"><td>{kind}<td>{escape(text)}</tr>' for kind, text in KINDS.items()]
    return "".join([*parts, "</table></html>"])


def operations(openapi: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield path, method and description of every operation."""
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def scope_of(operation: dict[str, Any]) -> str:
    """Return the scope a token needs for an operation, in words."""
    scopes = [scope for each in operation.get("security", ()) for named in each.values() for scope in named]
    optional = {} in operation.get("security", ())
    return " or ".join([*(["none"] if optional or not scopes else []), *scopes])


def _parameters(operation: dict[str, Any]) -> Iterator[str]:
    parameters = operation.get("parameters", ())
    if parameters:
        yield "<table><tr><th>parameter<th>in<th>meaning</tr>"
        for parameter in parameters:
            name, place = escape(parameter["name"]), escape(parameter["in"])
            yield f"<tr><td><code>{name}</code><td>{place}<td>{escape(parameter.get('description', ''))}</tr>"
        yield "</table>"
