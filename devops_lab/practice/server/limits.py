"""The practice server's rate limits: so many requests an hour for each person, and not too many at once."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from devops_lab.practice.server.access import Access
from devops_lab.practice.server.answers import Answer, said

SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach out to "
    "GitHub Support for help, please include the request ID."
)
CONTENT = (
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. "
    "Please retry your request again later."
)
MINUTE = 60


@dataclass
class Window:
    """One person's hour: how many requests were charged, and when it ends (epoch seconds)."""

    used: int
    reset: int


class RateLimits:
    """The limits of a server; `hourly` for who has a token, `anonymous` for all others, `window` seconds long.

    `status` is how an exhausted limit is answered, 403 or 429: GitHub does both.  `per_minute` is the secondary limit,
    `content_per_minute` that on what makes content (issues, comments, runs: 80 on GitHub); None for none.
    """

    def __init__(self, clock: Callable[[], float], hourly: int = 5000, anonymous: int = 60) -> None:
        self.clock, self.hourly, self.anonymous = clock, hourly, anonymous
        self.window, self.status, self.per_minute = 3600, 403, None  # type: int, int, int | None
        self.content_per_minute: int | None = None
        self._windows: dict[str | None, Window] = {}
        self._recent: dict[str | None, deque[float]] = defaultdict(deque)
        self._made: dict[str | None, deque[float]] = defaultdict(deque)

    def limit(self, access: Access | None) -> int:
        """Return how many requests an hour are allowed."""
        return self.anonymous if access is None else self.hourly

    def of(self, access: Access | None) -> Window:
        """Return the hour that runs now."""
        key, now = _key(access), self.clock()
        window = self._windows.get(key)
        if window is None or now >= window.reset:
            window = self._windows[key] = Window(0, int(now) + self.window)
        return window

    def forget(self, used: int = 0) -> None:
        """Begin everybody's hour anew, with `used` requests charged already."""
        self._recent.clear()
        self._made.clear()
        for key in {None, _key(Access()), *self._windows}:
            self._windows[key] = Window(used, int(self.clock()) + self.window)

    def refusal(self, access: Access | None) -> Answer | None:
        """Return the answer when a limit is used up, None while it is not."""
        if self.of(access).used >= self.limit(access):
            whose = "your address" if access is None else f"user ID {access.id}"
            return said(self.status, f"API rate limit exceeded for {whose}.", self.headers(access))
        return self._secondary(access, self._recent[_key(access)], self.per_minute, SECONDARY)

    def content_refusal(self, access: Access | None) -> Answer | None:
        """Return the answer when somebody makes content too fast, None while they do not."""
        return self._secondary(access, self._made[_key(access)], self.content_per_minute, CONTENT)

    def _secondary(self, access: Access | None, recent: deque[float], most: int | None, words: str) -> Answer | None:
        if most is None:
            return None
        now = self.clock()
        while recent and recent[0] <= now - MINUTE:
            recent.popleft()
        if len(recent) >= most:
            wait = max(int(recent[0] + MINUTE - now) + 1, 1) if recent else MINUTE
            return said(self.status, words, {**self.headers(access), "Retry-After": str(wait)})
        recent.append(now)
        return None

    def charge(self, access: Access | None) -> None:
        """Count one request."""
        self.of(access).used += 1

    def headers(self, access: Access | None) -> dict[str, str]:
        """Return the headers that tell the limit."""
        state = self.state(access)
        names = ("limit", "remaining", "reset", "used")
        return {f"X-RateLimit-{name.title()}": str(state[name]) for name in names} | {"X-RateLimit-Resource": "core"}

    def state(self, access: Access | None) -> dict[str, Any]:
        """Return the limit as ``/rate_limit`` tells it."""
        window, limit = self.of(access), self.limit(access)
        used = min(window.used, limit)
        return {"limit": limit, "used": used, "remaining": limit - used, "reset": window.reset}


def _key(access: Access | None) -> str | None:
    return None if access is None else access.login
