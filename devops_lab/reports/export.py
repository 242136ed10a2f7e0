"""An executed notebook → one HTML file that asks nothing of the network.

The file holds its style, its script, plotly.js once and packed (where there is a chart), and a content security policy
that allows exactly these two scripts by their hash: whatever else looks like a script, in a title or from a library,
does not run, and nothing can be loaded from anywhere.  Inputs are left out; a table of contents stands beside the text.

Jinja and mistune (nbconvert's own parts) are used without nbconvert's exporter, which would start the page from
addresses of require.js, MathJax and Mermaid and take another second to do so.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import mistune
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from devops_lab import language as languages
from devops_lab.charts import embedding
from devops_lab.reports.page import TEMPLATE, html, joined

PLOTLY = "application/vnd.plotly.v1+json"
HIDDEN = {"injected-parameters", "parameters", "hide"}
_IMAGES = ("image/svg+xml", "image/png", "image/jpeg")
_OUR_STYLE = re.compile(r'<style class="lab">.*?</style>', re.DOTALL)


@dataclass
class Section:
    """One part of the page: its heading, the anchor of it, and the blocks below."""

    title: str
    anchor: str
    blocks: list[Markup] = field(default_factory=list)
    charts: int = 0

    @property
    def body(self) -> Markup:
        """The blocks, one below the other."""
        return joined(self.blocks)


def page(notebook: Any, title: str) -> str:
    """Return the HTML page of an executed notebook."""
    sections = _sections(notebook)
    packed, unpacked_sha = _packed() if any(section.charts for section in sections) else ("", "")
    own = _text("page.js")
    t = languages.of(code if (code := _language(notebook)) in languages.codes() else languages.SOURCE)
    return _template().render(
        title=title,
        language=_language(notebook),
        said={"contents": t("Contents"), "skip": t("Skip to the text")},
        sections=sections,
        contents=[section for section in sections if section.title],
        policy=_policy([sha for sha in (unpacked_sha, _sha(own)) if sha]),
        packed=Markup(packed),
        script=Markup(own),
        styles=Markup(_text("page.css") + _text("pieces.css")),
        colours=Markup(_json(embedding.COLOURS)),
    )


def title(notebook: Any, otherwise: str) -> str:
    """Return the page's title: what its first heading says, else `otherwise`, the notebook's name."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            if "lab-heading" in str(output.get("data", {}).get("text/html", "")):
                return " · ".join(text.splitlines()[:2])
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return str(cell.source).splitlines()[0][2:].strip()
    return otherwise.replace("_", " ")


def rehearse() -> None:
    """Do once what every page needs and no page changes: read and pack plotly.js, and compile the template."""
    _packed()
    _template()


def _language(notebook: Any) -> str:
    """Return the code of the language that the notebook was asked to write in, for the page's ``lang``."""
    given = notebook.metadata.get("papermill", {}).get("parameters", {}).get("language")
    return given if isinstance(given, str) and re.fullmatch(r"[A-Za-z]{2,3}", given) else "en"


@lru_cache(maxsize=1)
def _template() -> Template:
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html.j2")


@lru_cache(maxsize=1)
def _packed() -> tuple[str, str]:
    """Return plotly.js packed (gzip, base64: two fifths of its size), and its hash when it is unpacked again."""
    script = embedding.script()
    return base64.b64encode(gzip.compress(script.encode(), 9, mtime=0)).decode(), _sha(script)


def _policy(hashes: list[str]) -> str:
    allowed = " ".join(f"'sha256-{one}'" for one in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _sha(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


@lru_cache
def _text(name: str) -> str:
    return (TEMPLATE / name).read_text("utf-8")


def _sections(notebook: Any) -> list[Section]:
    """Return the notebook's outputs under its level-two headings; what stands before the first has no heading."""
    sections = [Section("", "top")]
    for cell in notebook.cells:
        if HIDDEN & set(cell.metadata.get("tags", [])):
            continue
        if cell.cell_type == "markdown":
            _take_markdown(sections, cell.source)
        elif cell.cell_type == "code":
            for output in cell.outputs:
                words = output.get("data", {}).get("text/markdown", "")
                if words.startswith("## "):  # a heading that a piece says, in the page's language
                    _take_markdown(sections, words)
                    continue
                _take_output(sections[-1], output, f"chart-{len(sections)}-{sections[-1].charts + 1}")
    return [section for section in sections if section.blocks]


def _take_markdown(sections: list[Section], source: str) -> None:
    first, _, rest = source.strip().partition("\n")
    if first.startswith("## "):
        title = first[3:].strip()
        anchor = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or f"part-{len(sections)}"
        sections.append(Section(title, anchor))
        source = rest
    if source.strip():
        rendered = mistune.create_markdown(escape=True, plugins=["table", "strikethrough"])(source)
        sections[-1].blocks.append(html('<div class="text">{}</div>', Markup(rendered)))


def _take_output(section: Section, output: Any, name: str) -> None:
    if output.output_type == "stream":
        if output.name == "stdout" and output.text.strip():
            section.blocks.append(html("<pre>{}</pre>", output.text))
        return
    data: Mapping[str, Any] = output.get("data", {})
    if PLOTLY in data:
        section.charts += 1
        section.blocks.append(_chart(data[PLOTLY], name))
    elif "text/html" in data:
        section.blocks.append(Markup(_OUR_STYLE.sub("", data["text/html"])))
    elif image := next((kind for kind in _IMAGES if kind in data), None):
        section.blocks.append(_image(image, data[image]))
    elif "text/markdown" in data:
        section.blocks.append(Markup(mistune.create_markdown(escape=True)(data["text/markdown"])))
    elif "text/plain" in data:
        section.blocks.append(html("<pre>{}</pre>", data["text/plain"]))


def _image(kind: str, content: str) -> Markup:
    encoded = base64.b64encode(content.encode()).decode() if kind == "image/svg+xml" else content.replace("\n", "")
    return html('<img class="picture" alt="" src="data:{};base64,{}">', kind, encoded)


def _chart(figure: Mapping[str, Any], name: str) -> Markup:
    """Return a figure as words that wrap, a place to draw, and its data; plotly's own title is taken out."""
    layout = dict(figure.get("layout", {}))
    meta: dict[str, Any] = layout["meta"] if isinstance(layout.get("meta"), dict) else {}
    title, subtitle = meta.get("title", ""), meta.get("subtitle", "")
    height = int(layout.get("height") or 360)
    if title:
        margin = dict(layout.get("margin", {}))
        height -= int(margin.get("t", 0)) - embedding.TOP
        layout = {**layout, "height": height, "margin": {**margin, "t": embedding.TOP}}
        layout.pop("title", None)
    caption = html("<figcaption><h3>{}</h3><p>{}</p></figcaption>", title, subtitle) if title else Markup("")
    if not figure.get("data"):
        return html('<figure class="chart">{}</figure>', caption)
    return html(
        '<figure class="chart">{}<div class="plot" role="img" aria-label="{}" data-figure="{}" style="height:{}px">'
        '<noscript>{}</noscript></div><script type="application/json" id="{}">{}</script></figure>',
        caption,
        meta.get("alt", title),
        name,
        height,
        meta.get("alt", title),
        name,
        Markup(_json({"data": figure.get("data", []), "layout": layout})),
    )


def _json(value: Any) -> str:
    """Return JSON that cannot end the script element it stands in."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return (
        text.replace("<", "\\u003c")
        .replace(">", "\\u003e")
        .replace("&", "\\u0026")
        .replace("\u2028", "\\u2028")
        .replace("\u2029", "\\u2029")
    )
