"""A panel's page in a process of its own, and somebody who asks it for things; run as a program it is the page."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from contextlib import contextmanager
from pathlib import Path

import nbformat
import psutil
import requests
from websockets.sync.client import connect

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
SECRETS = {"DEVOPS_LAB_ACTIONS_TOKEN": "secret-of-actions-4711", "GITHUB_TOKEN": "secret-of-reading-0815"}
V1 = "v1.kernel.websocket.jupyter.org"


def serve(wish: dict) -> None:
    from devops_lab.config import load
    from devops_lab.panels.serving import serving

    settings = load(wish["lab"])
    page = serving(
        Path(wish["notebook"]), {"lab": wish["lab"]}, settings.panel, port=0, debug=True, kernels=wish["kernels"]
    )
    page.run(lambda: print(json.dumps({"url": page.url, "port": page.gate.port}), flush=True))


class Served:
    """A page that is up: `url` with its key, `base` without; `said` is what its process said so far."""

    def __init__(self, process, told: dict, log: Path) -> None:
        self.process, self.log = process, log
        self.url, self.port = told["url"], told["port"]
        self.base = f"http://127.0.0.1:{self.port}"

    @property
    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def kernels(self) -> list[int]:
        return [one.pid for one in psutil.Process(self.process.pid).children()]


@contextmanager
def served(folder: Path, notebook: Path, away: float = 1.0):
    """Serve a notebook with ``lab.toml`` in `folder`; tokens that must never be seen are in its environment."""
    wish = {"lab": str(folder / "lab.toml"), "notebook": str(notebook), "kernels": {"away": away}}
    log = folder / f"panel-{uuid.uuid4().hex[:6]}.log"
    environment = {**os.environ, **SECRETS, "XDG_CONFIG_HOME": str(folder), "PYTHONWARNINGS": "ignore"}
    with log.open("wb") as said:
        command = [sys.executable, str(Path(__file__).resolve()), json.dumps(wish)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, cwd=folder, env=environment)
    try:
        line = process.stdout.readline()
        assert line, log.read_text()
        yield Served(process, json.loads(line), log)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(30)
        process.stdout.close()


def notebook(path: Path, *cells: str) -> Path:
    """Write a notebook with a parameter `lab` and these cells."""
    made = nbformat.v4.new_notebook()
    made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made.cells = [nbformat.v4.new_code_cell('lab = ""', metadata={"tags": ["parameters"]})]
    made.cells += [nbformat.v4.new_code_cell(cell) for cell in cells]
    nbformat.write(made, path)
    return path


class Client:
    """Somebody with the page's cookies; `headers` go with every request."""

    def __init__(self, base: str, **headers: str) -> None:
        self.base, self.session = base, requests.Session()
        self.session.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        self.session.trust_env = False

    def get(self, path: str = "/", **options) -> requests.Response:
        return self.session.get(self.base + path, timeout=60, allow_redirects=False, **options)

    def post(self, path: str, **options) -> requests.Response:
        return self.session.post(self.base + path, timeout=60, allow_redirects=False, **options)

    def open(self, url: str = "") -> tuple[str, str]:
        """Come in with the key, load the page, and return its kernel and its text."""
        if url:
            assert self.session.get(url, timeout=60).status_code == 200
        page = self.get()
        assert page.status_code == 200, page.text
        return re.search(r'"kernelId": "([^"]+)"', page.text)[1], page.text

    @contextmanager
    def line(self, kernel: str, protocol: str | None = None, **headers: str):
        """A websocket to a kernel, as a browser opens it."""
        sent = {
            "Origin": self.base,
            "Cookie": "; ".join(f"{one.name}={one.value}" for one in self.session.cookies),
            **{name: value for name, value in self.session.headers.items() if name.startswith("X-") or name == "Host"},
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        origin, host = sent.pop("Origin"), sent.pop("Host", "")
        address = f"{self.base.replace('http', 'ws', 1)}/api/kernels/{kernel}/channels?session_id=test"
        options = {"subprotocols": [protocol]} if protocol else {}
        if host:  # the address names the host that is asked for, the socket goes where it goes
            options["sock"] = socket.create_connection(("127.0.0.1", int(self.base.rsplit(":", 1)[1])))
            address = address.replace(self.base.partition("//")[2], host)
        with connect(
            address, origin=origin or None, additional_headers=sent, max_size=None, proxy=None, **options
        ) as line:
            yield line


def message(kind: str, content: dict, channel: str = "shell") -> dict:
    header = {
        "msg_id": uuid.uuid4().hex, "msg_type": kind, "username": "", "session": "test", "version": "5.3",
        "date": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    return {
        "channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": content, "buffers": [],
    }  # fmt: skip


def framed(given: dict) -> bytes:
    """A message as the v1 protocol writes it: a count, offsets, then channel, header, parent, metadata, content."""
    names = ("header", "parent_header", "metadata", "content")
    parts = [given["channel"].encode(), *(json.dumps(given[name]).encode() for name in names)]
    offsets = [8 * (len(parts) + 2)]
    for part in parts:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(parts)


def heard(line, until: str, patience: float = 30) -> list[str]:
    """Everything that comes on a line until a text is in it."""
    found, end = [], time.monotonic() + patience
    while time.monotonic() < end:
        got = line.recv(timeout=patience)
        found.append(got if isinstance(got, str) else got.decode("utf-8", "replace"))
        if until in found[-1]:
            return found
    raise AssertionError(f"{until} did not come: {found}")


@contextmanager
def proxy(port: int, header: str, name: str):
    """A small authenticating proxy: takes the header away from what comes and sets it, sockets too; yields its port."""
    listening = socket.create_server(("127.0.0.1", 0))

    def carry(source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                target.sendall(data)
        except OSError:
            pass
        finally:
            for one in (source, target):
                one.close()

    def answer(client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            data = client.recv(65536)
            if not data:
                return
            head += data
        lines, _, rest = head.partition(b"\r\n\r\n")
        mine = (header.lower().encode(), b"connection")
        kept = [one for one in lines.split(b"\r\n") if not one.lower().startswith(mine)]
        upgraded = b"upgrade: websocket" in lines.lower()
        kept += [f"{header}: {name}".encode(), b"Connection: " + (b"Upgrade" if upgraded else b"close")]
        server = socket.create_connection(("127.0.0.1", port))
        server.sendall(b"\r\n".join(kept) + b"\r\n\r\n" + rest)
        threading.Thread(target=carry, args=(client, server), daemon=True).start()
        carry(server, client)

    def accept() -> None:
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(client,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.close()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
