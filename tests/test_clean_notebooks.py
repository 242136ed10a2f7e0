"""No notebook and no made report holds a secret, an absolute path or a foreign host."""

import base64
import gzip
import re
from pathlib import Path
from urllib.parse import urlsplit

import nbformat
import pytest
from click.testing import CliRunner
from made_lab import lab

from devops_lab import metrics
from devops_lab.charts import embedding
from devops_lab.cli import cli
from devops_lab.privacy import KEY_VARIABLE
from devops_lab.reports import report
from devops_lab.reports.parameters import SECRET_VALUE

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
RENDERED = ("report_dora", "12_build")
SECRET = re.compile(
    r"gh[pousr]_\w{20,}|github_pat_\w{20,}|-----BEGIN [A-Z ]*PRIVATE KEY|\bAKIA[0-9A-Z]{16}\b|\bxox[abprs]-[\w-]{10,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.|\bglpat-[\w-]{20}|(?i:bearer|token)\s+(?:practice\b|[\w.-]{24,})"
    r"|hooks\.slack\.com/services/\w+|://[^/\s:@\"'\\]+:[^/\s@\"'\\]+@"
)
PATH = re.compile(
    r"(?<![\w.~/-])(?:/(?:home|root|tmp|Users|work|var|opt|private|mnt)/[\w.-]+|[A-Z]:\\\\?[A-Za-z])|file://"
)
CITED = {urlsplit(metric.reference).hostname for metric in metrics.catalogue() if metric.reference}
LINKS = {"dora.dev", "docs.github.com", "github.com", "example.com"} | CITED  # to click on
XML = {"www.w3.org"}  # names of namespaces, which nobody asks
LOADS = re.compile(
    r"<(?:script|img|iframe|audio|video|source|embed|object|link)\b[^>]*?\b(?:src|href|data)\s*=\s*[\"']?(?!data:|#)([^\"'\s>]+)"
    r"|@import\s+[^;]+|url\(\s*[\"']?(?!data:|#)([^)\"']+)",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"(?:https?|wss?):(?:\\?/){2}[^\s\"'<>)\\\]`,;]+")
TOKENS = {
    "GITHUB_TOKEN": "of-this-machine-0123456789", "DEVOPS_LAB_ACTIONS_TOKEN": "may-start-0123456789",
    KEY_VARIABLE: "a key of one laboratory",
}  # fmt: skip


def said(path):
    """All that a file says: its text without plotly.js, and what lies in it as base64 or packed."""
    text = path.read_text("utf-8").replace(embedding.script(), "")
    parts = [text]
    for found in re.finditer(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{120,}={0,2}", text):
        if len(found.group()) % 4 == 0:
            content = base64.b64decode(found.group())
            content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
            parts.append(content.decode("utf-8", "replace").replace(embedding.script(), ""))
    return "\n".join(parts)


def shown(path):
    """What of a file a browser would show: a page, and the HTML among a notebook's outputs."""
    if path.suffix != ".ipynb":
        return said(path) if path.suffix == ".html" else ""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    return "\n".join(str(output.get("data", {}).get("text/html", "")) for output in outputs)


def problems(text, hosts=frozenset(), secrets=()):
    """What should not be there, each with where it stands."""
    found = [f"secret: {one.group()}" for pattern in (SECRET, SECRET_VALUE) for one in pattern.finditer(text)]
    found += ["secret: one of this machine" for one in secrets if one in text]
    found += [f"absolute path: {text[one.start() : one.end() + 30]}" for one in PATH.finditer(text)]
    for one in ADDRESS.finditer(text):
        host = urlsplit(one.group().replace("\\/", "/")).hostname
        if host not in LINKS | XML | set(hosts):
            found.append(f"foreign host: {one.group()}")
    return found


def loaded(text, folder=None):
    """What a browser would fetch from elsewhere; what lies in `folder`, beside the page, is not elsewhere."""
    found = [(one.group(), next(filter(None, one.groups()), "")) for one in LOADS.finditer(text)]
    return [f"loaded from elsewhere: {said}" for said, at in found if not (folder and at and (folder / at).is_file())]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ghp_" + "a" * 30, "secret"), ("Authorization: Bearer practice", "secret"), ("token " + "x" * 30, "secret"),
        ("https://ada:geheim@example.com/x", "secret"), ("AKIA" + "A" * 16, "secret"),
        ('"config": "/home/ada/lab.toml"', "absolute path"), ("see /tmp/x", "absolute path"),
        ("C:\\Users\\ada", "absolute path"), ('<a href="file:///x">', "absolute path"),
        ('<script src="https://cdn.plot.ly/plotly.js"></script>', "loaded"), ("@import 'https://x.y/z.css';", "loaded"),
        ("background: url(https://fonts.example/a.woff)", "loaded"), ('<img alt="" src="picture.png">', "loaded"),
        ('fetch("https://telemetry.example/x")', "foreign host"), ("https:\\/\\/evil.example\\/x", "foreign host"),
    ],
)  # fmt: skip
def test_what_is_looked_for_is_found(text, kind):
    assert any(one.startswith(kind) for one in problems(text) + loaded(text))


@pytest.mark.parametrize(
    "text",
    [
        "https://dora.dev/guides/dora-metrics/", "https://github.com/acme/checkout/pull/1", "and/or, 3/4, </tmp>",
        '<img src="data:image/png;base64,AAAA">', '<svg xmlns="http://www.w3.org/2000/svg">', "a token of thanks",
        "practice", 'href="#top"', "the path notebooks/12_build.ipynb", "fill: url(#gradient)",
    ],
)  # fmt: skip
def test_what_is_well_is_left_alone(text):
    assert problems(text) + loaded(text) == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_clean(path):
    assert problems(said(path)) + loaded(shown(path)) == []


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with made reports of a lab, on a machine that has tokens."""
    folder = tmp_path_factory.mktemp("made reports")
    lab(folder)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TOKENS.items():
            patch.setenv(name, value)
        patch.chdir(folder)
        for name in RENDERED:
            report(name, config="lab.toml")
        made = CliRunner().invoke(cli, ["report", "report_loop", "--by", "service"], standalone_mode=False)
        assert made.exception is None, made.output
    return folder


def test_a_made_report_and_all_that_lies_beside_it_is_clean(made):
    files = [path for path in (made / "reports").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} >= {".html", ".ipynb", ".json"}
    for path in files:
        text = said(path)
        assert str(made) not in text, path.name
        assert problems(text, secrets=TOKENS.values()) + loaded(shown(path), path.parent) == [], path.name


def test_the_store_beside_it_holds_no_token(made):
    text = "\n".join(path.read_bytes().decode("utf-8", "replace") for path in made.rglob("*") if path.is_file())
    assert not [name for name, value in TOKENS.items() if value in text]
