"""Who may ask the panel's page for anything: under a known name, from the page itself, with its key or a proxy's word.

Every request passes here before anything else happens, files and websockets too:

- **Host** must be a name the page is known by, so that no other name can be pointed at it (DNS rebinding).
- **Origin** and **Sec-Fetch-Site** must be the page's own.  Another site may link to the page, no more.
- **Who**: the page's key, given once in the address and kept as a signed cookie; or, where `[panel]` names a header,
  the person whom an authenticating proxy at a trusted address put there, and then nothing else.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from dataclasses import dataclass, field

from tornado.httputil import HTTPServerRequest
from tornado.web import create_signed_value, decode_signed_value

from devops_lab.config import Panel

LOCAL = ("127.0.0.1", "localhost", "[::1]")
HELD = "held"  # what the cookie says
LONGEST_NAME = 200
OTHER_SITE = ("cross-site", "same-site")
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class RefusedError(Exception):
    """A request that is not answered: `status`, and in words why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


@dataclass(frozen=True)
class Visitor:
    """Somebody who may see the page: whom the proxy named, or None for whoever holds the page's key."""

    person: str | None = None


@dataclass
class Gate:
    """The gate of the page at `port`; `names` are further hosts it is bound to.

    `key` opens the page where no proxy says who comes; `secret` signs the cookie.  Both are made up anew.
    """

    port: int
    panel: Panel = field(default_factory=Panel)
    names: tuple[str, ...] = ()
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)

    @property
    def shared(self) -> bool:
        """Whether a proxy says who comes."""
        return self.panel.person_header is not None

    @property
    def cookie(self) -> str:
        """The cookie's name; cookies of one host are seen on all its ports, so it holds the port."""
        return f"devops-lab-panel-{self.port}"

    @property
    def hosts(self) -> frozenset[str]:
        """The names the page is known by, as a Host header has them."""
        own = {f"{name}:{self.port}" for name in (*LOCAL, *self.names)} | (set(LOCAL) if self.port == 80 else set())
        return frozenset(own | set(self.panel.hosts))

    def signed(self) -> str:
        """Return the cookie's value for somebody who brought the key."""
        return create_signed_value(self.secret, self.cookie, HELD).decode()

    def brings_key(self, request: HTTPServerRequest) -> bool:
        """Say whether the address of a request holds the right key."""
        given = request.query_arguments.get("token", [b""])[-1]
        return not self.shared and hmac.compare_digest(given, self.key.encode())

    def visitor(self, request: HTTPServerRequest) -> Visitor:
        """Return who asks; RefusedError says why somebody may not."""
        self._known_host(request)
        self._own_site(request)
        if self.shared:
            return Visitor(self._named(request))
        value = request.cookies[self.cookie].value if self.cookie in request.cookies else ""
        if self.brings_key(request) or decode_signed_value(self.secret, self.cookie, value) == HELD.encode():
            return Visitor()
        raise RefusedError(403, "Open the address that devops-lab panel said when it was started: it holds the key.")

    def headers(self, host: str) -> dict[str, str]:
        """Return the headers of every answer to a request for `host`."""
        known = host if host.casefold() in self.hosts else ""
        connect = f"'self' ws://{known} wss://{known}" if known else "'self'"
        policy = "; ".join(f"{name} {value}" for name, value in {**POLICY, "connect-src": connect}.items())
        return {**HEADERS, "Content-Security-Policy": policy}

    # ------------------------------------------------------------------ one question each

    def _known_host(self, request: HTTPServerRequest) -> None:
        if request.host.casefold() not in self.hosts:
            raise RefusedError(
                421, "This page is not known under that name; [panel] hosts in lab.toml lists its names."
            )

    def _own_site(self, request: HTTPServerRequest) -> None:
        origins = request.headers.get_list("Origin")
        known = {f"{scheme}://{host}" for scheme in ("http", "https") for host in self.hosts}
        socket = request.headers.get("Upgrade", "").casefold() == "websocket"
        if any(origin.casefold() not in known for origin in origins) or (socket and len(origins) != 1):
            raise RefusedError(403, "Another site asked; only this page itself may.")
        comes_here = request.method == "GET" and request.path == "/" and not socket
        if comes_here and request.headers.get("Sec-Fetch-Dest", "document") == "document":
            return
        if request.headers.get("Sec-Fetch-Site", "none") in OTHER_SITE or comes_here:
            raise RefusedError(403, "Another site asked; only this page itself may.")

    def _named(self, request: HTTPServerRequest) -> str:
        """Return whom the proxy named; nobody else is believed, and nobody comes without a name."""
        header = self.panel.person_header or ""
        if not self._trusted(request.remote_ip or ""):
            raise RefusedError(403, "This page is reached through its proxy alone: your address is not a trusted one.")
        names = request.headers.get_list(header)
        if len(names) != 1 or not names[0].strip():
            raise RefusedError(403, f"The proxy named nobody: it must set {header} once, and take away what comes.")
        name = names[0].strip()
        if not name.isprintable() or len(name) > LONGEST_NAME:
            raise RefusedError(403, f"The proxy named nobody who can be: {header} is no name.")
        return name

    def _trusted(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:  # a socket of the file system has no address
            return False
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in ipaddress.ip_network(one) for one in self.panel.trusted)
