"""One address for each page, found by following links as a person would: what no link leads to is named, too."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from html import unescape
from urllib.parse import urlsplit

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import MapAdapter
from werkzeug.test import TestResponse

from webapp.security import kind

ENOUGH = 3
"""So many addresses of one page are looked at; which does not matter."""
LINK = re.compile(r'\b(?:href|src|action|hx-get|data-frame)="(/[^"]*)"')


@dataclass
class Found:
    """What links lead to: endpoint → the first address of a page, or of something else (a file, a letter, a part); broken links."""

    pages: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)


def crawl(app: Flask, client: FlaskClient, start: str = "/today") -> Found:
    """Follow the links of every page that one who is logged in can reach."""
    adapter = app.url_map.bind("localhost")
    found = Found()
    waiting, known, seen = deque([start]), {start}, Counter[str]()
    while waiting:
        path = waiting.popleft()
        endpoint = _endpoint(adapter, path)
        if endpoint is None or endpoint == "static" or seen[endpoint] == ENOUGH:
            continue
        seen[endpoint] += 1
        with client.get(path) as response:
            text = _sort(found, endpoint, path, response)
        fresh = [link for link in map(_plain, LINK.findall(text)) if link not in known]
        known.update(fresh)
        waiting.extend(dict.fromkeys(fresh))
    return found


def _sort(found: Found, endpoint: str, path: str, response: TestResponse) -> str:
    """Note the answer where it belongs; the text in which to look for more links."""
    if response.status_code >= 400:
        found.broken.append(f"{response.status_code} {path}")
    if response.status_code != 200:
        return ""
    is_letter = (
        "sandbox" in response.headers["Content-Security-Policy"]
    )  # shown in a frame; no script ever runs
    is_page = response.mimetype == "text/html" and "<html" in response.text[:2000]
    if not is_page or "Content-Disposition" in response.headers or is_letter:
        found.files.setdefault(endpoint, path)
        return ""
    found.pages.setdefault(endpoint, path)
    return response.text


def _plain(link: str) -> str:
    return unescape(link).partition("#")[0]


def endpoints(app: Flask, *kinds: str) -> set[str]:
    """Every endpoint that answers GET, of blueprints of these kinds."""
    names = set()
    for rule in app.url_map.iter_rules():
        blueprint = app.blueprints.get(rule.endpoint.rpartition(".")[0])
        if blueprint is not None and kind(blueprint) in kinds and "GET" in (rule.methods or ()):
            names.add(rule.endpoint)
    return names


def _endpoint(adapter: MapAdapter, path: str) -> str | None:
    parts = urlsplit(path)
    try:
        return adapter.match(parts.path, query_args=parts.query)[0]
    except Exception:  # a form's address that takes POST only, or none of ours
        return None
