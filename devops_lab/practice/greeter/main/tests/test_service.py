"""The service answers, escapes and counts."""

import asyncio
import unittest
from typing import Any

from greeter.service import application  # type: ignore[import-not-found]


def asked(path: str, query: str = "", app=None) -> tuple[int, str]:  # type: ignore[no-untyped-def]
    """Ask the application in this process; return status and text."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"greeter")],
        "server": ("greeter", 80),
        "client": ("tester", 1),
    }
    asyncio.run((app or application())(scope, receive, send))
    body = b"".join(message.get("body", b"") for message in sent)
    return sent[0]["status"], body.decode()


class GreetingTest(unittest.TestCase):
    """People are greeted."""

    def test_greets_the_world(self) -> None:
        """Without a name."""
        self.assertEqual(asked("/")[0], 200)

    def test_greets_by_name(self) -> None:
        """With a name."""
        status, text = asked("/", "name=Ada")
        self.assertEqual(status, 200)
        self.assertIn("Ada", text)

    def test_escapes_what_it_is_given(self) -> None:
        """A name may be hostile."""
        self.assertNotIn("<b>", asked("/", "name=A<b>")[1])

    def test_unknown_page(self) -> None:
        """What is not there is a 404."""
        self.assertEqual(asked("/nowhere")[0], 404)


class HealthTest(unittest.TestCase):
    """The service tells about itself."""

    def test_says_its_version(self) -> None:
        """Health has a version."""
        status, text = asked("/health")
        self.assertEqual(status, 200)
        self.assertIn('"version":', text)

    def test_counts_requests(self) -> None:
        """A request is one more in Prometheus."""
        app = application()
        asked("/", app=app)
        self.assertIn('http_requests_total{code="200"} 1.0', asked("/metrics", app=app)[1])
