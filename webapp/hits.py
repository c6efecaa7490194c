"""Clicks and opens, answered before Flask: a token read, a line in the journal, a redirect or a pixel.

No database on the way (targets are in memory), no cookie, nothing that may be cached. What is not a good hit
goes on to the pages, which explain it to the person. The hidden link of a letter (docs/decisions.md) leads to the
shop's site, and marks whoever followed it.
"""

import binascii
import logging
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Any
from urllib.parse import parse_qs

from campaigns.config import Config
from campaigns.links import CLICK, HIDDEN_POSITION, OPEN, TOKEN_LENGTH, Links
from campaigns.runtime import Runtime
from campaigns.tracking import HitJournal, Redirects, hits_folder, web_address
from webapp.security import ALWAYS, TRANSPORT

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

PIXEL = binascii.a2b_base64("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7")
"""One transparent point, as GIF."""

_QUIET = [
    *(pair for pair in ALWAYS.items() if pair[0] != "Referrer-Policy"),
    ("Cache-Control", "no-store, no-cache, must-revalidate, private, max-age=0"),
    ("Pragma", "no-cache"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Robots-Tag", "noindex, nofollow"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
]
_PIXEL_HEADERS = [
    ("Content-Type", "image/gif"),
    ("Content-Length", str(len(PIXEL))),
    ("Cross-Origin-Resource-Policy", "cross-origin"),  # it is looked at from webmail, on other hosts
]
_START = len(CLICK)
_END = _START + TOKEN_LENGTH
log = logging.getLogger("liaison.hits")


class Hits:
    """The WSGI callable that stands in front of the application."""

    def __init__(self, runtime: Runtime, behind: Application) -> None:
        self._behind = behind
        self._links: Links = runtime.links
        self._redirects = Redirects(runtime.database, runtime.links)
        self._journal = HitJournal(hits_folder(runtime.config), runtime.clock)
        self._network = Networks(runtime.config)
        self._site = web_address(runtime.config.shop.site) or runtime.links.base_url
        self._headers = [*_QUIET, TRANSPORT] if runtime.config.security.cookie_secure else _QUIET
        try:
            self._redirects.read_ahead()
        except Exception:
            log.warning(
                "The links of recent letters could not be read ahead; each is read at its first click."
            )

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        method = environ["REQUEST_METHOD"]
        if method in ("GET", "HEAD"):
            if path.startswith(OPEN):
                return self._open(path, method, environ, start_response)
            if path.startswith(CLICK):
                target = self._click(path, method, environ)
                if target is not None:
                    headers = [("Location", target), ("Content-Length", "0"), *self._headers]
                    start_response("302 Found", headers)
                    return ()
        return self._behind(environ, start_response)

    def _open(
        self, path: str, method: str, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        """The pixel, whatever the token: a broken picture in a mail helps nobody."""
        said = self._links.read(path[_START:_END]) if path[_END:] in ("", ".gif") else None
        if said is not None:
            self._note("o", said.message_id, said.mailing_id, "", method, environ)
        start_response("200 OK", [*_PIXEL_HEADERS, *self._headers])
        return (PIXEL,) if method == "GET" else ()

    def _click(self, path: str, method: str, environ: dict[str, Any]) -> str | None:
        """The address to go on to, noted; None if the link is not one of ours or cannot be read now."""
        token, where = path[_START:_END], path[_END + 1 :]
        said = self._links.read(token)
        if said is None or path[_END : _END + 1] != "/" or not (where.isascii() and where.isdigit()):
            return None
        if len(where) > 4:
            return None
        position = int(where)
        if position == HIDDEN_POSITION:
            self._note("c", said.message_id, said.mailing_id, "", method, environ, "hidden")
            return self._site
        query = environ.get("QUERY_STRING")
        try:
            if query and "s=" in query and "to=" in query:
                target = self._sealed(token, position, query)
            else:
                target = self._redirects.target(said.mailing_id, position)
        except Exception:
            log.warning("The links of mailing %s could not be read.", said.mailing_id, exc_info=True)
            environ["liaison.busy"] = True  # the page then says "in a minute", not "never"
            return None
        if target is not None:
            self._note("c", said.message_id, said.mailing_id, position, method, environ)
        return target

    def _sealed(self, token: str, position: int, query: str) -> str | None:
        try:
            given = parse_qs(query, max_num_fields=20)
        except ValueError:
            return None
        return self._redirects.sealed(token, position, given.get("to", [""])[0], given.get("s", [""])[0])

    def _note(
        self,
        kind: str,
        message_id: int,
        mailing_id: int,
        position: int | str,
        method: str,
        environ: dict[str, Any],
        sign: str = "",
    ) -> None:
        agent = environ.get("HTTP_USER_AGENT", "")
        network = self._network.of(environ)
        said = f"{sign} {signs(environ)}".strip()
        if not self._journal.append(kind, message_id, mailing_id, position, method, network, said, agent):
            log.error("A hit could not be written to the journal.")


def signs(environ: dict[str, Any]) -> str:
    """What the headers tell of a machine, in words: prefetch, no_language."""
    words = "" if environ.get("HTTP_ACCEPT_LANGUAGE") else "no_language"
    purpose = environ.get("HTTP_SEC_PURPOSE") or environ.get("HTTP_PURPOSE") or environ.get("HTTP_X_MOZ")
    if purpose or environ.get("HTTP_X_PURPOSE"):
        return f"prefetch {words}".rstrip()
    return words


class Networks:
    """Makes of a request's address the prefix that is kept, and only that."""

    def __init__(self, config: Config) -> None:
        self._proxies = config.web.trusted_proxies
        self._bits = {4: config.tracking.network_bits_v4, 6: config.tracking.network_bits_v6}
        self._remembered: dict[str, str] = {}

    def of(self, environ: dict[str, Any]) -> str:
        """`192.0.2.0/24`; "" if there is no address or none that can be read."""
        address = environ.get("REMOTE_ADDR") or ""
        if self._proxies:
            # Each trusted proxy has added the address it saw at the right; what stands further left anybody may write.
            passed = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
            if len(passed) >= self._proxies:
                address = passed[-self._proxies].strip()
        known = self._remembered.get(address)
        if known is None:
            known = self._prefix(address)
            if len(self._remembered) > 10_000:
                self._remembered.clear()
            self._remembered[address] = known
        return known

    def _prefix(self, address: str) -> str:
        try:
            read = ip_address(address.partition("%")[0].strip("[]"))
        except ValueError:
            return ""
        mapped = getattr(read, "ipv4_mapped", None)
        if isinstance(mapped, IPv4Address):
            read = mapped
        return str(ip_network((read, self._bits[read.version]), strict=False))
