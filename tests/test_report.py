"""Reports: parameters keep their types, one HTML file comes out whole or not at all."""

import base64
import gzip
import hashlib
import json
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import nbformat
import plotly.graph_objects as go
import pytest
from made_frames import long_frame
from made_lab import HOSTILE, NOW, lab

from devops_lab import charts
from devops_lab.charts import embedding
from devops_lab.errors import QuestionError, ReportError
from devops_lab.reports import export, parameters, render, report
from devops_lab.reports.kernel import run

DEFAULTS = 'service = ""\nlabels = ["a"]\ncount = 3\nshare = 0.5\nopen_ones = False\nmore = {}\nsince: str = ""'


def book(*sources, tags=()):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    if tags:
        cells[0].metadata["tags"] = list(tags)
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )


def saved(folder, *sources, name="book.ipynb", tags=("parameters",)) -> Path:
    path = folder / name
    nbformat.write(book(*sources, tags=tags), path)
    return path


# ---------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("given", "typed"),
    [
        ({"service": "1e5"}, "1e5"),
        ({"service": "007"}, "007"), ({"service": 7}, "7"), ({"since": date(2026, 1, 2)}, "2026-01-02"),
        ({"labels": "a, b"}, ["a", "b"]), ({"labels": '["x, y"]'}, ["x, y"]), ({"labels": ("c",)}, ["c"]),
        ({"count": "12"}, 12), ({"share": "0.25"}, 0.25), ({"open_ones": "yes"}, True), ({"open_ones": "false"}, False),
        ({"more": '{"a": 1}'}, {"a": 1}), ({"count": None}, 3),
    ],
)  # fmt: skip
def test_a_parameter_keeps_the_type_of_its_default(given, typed):
    (found,) = parameters.typed(book(DEFAULTS, tags=["parameters"]), "book", given).values()
    assert found == typed and type(found) is type(typed)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"servce": "x"}, "book: 'servce' is no parameter (did you mean 'service'?)"),
        ({"zzz": "x"}, "'zzz' is no parameter; there are service, labels"),
        ({"count": "many"}, "parameter count = 'many': should be a whole number"),
        ({"open_ones": "perhaps"}, "should be true or false"),
        ({"service": ["a", "b"]}, "parameter service = ['a', 'b']: should be text"),
        ({"since": True}, "parameter since = True: should be text"),
        ({"github_token": "x"}, "looks like a secret"),
        ({"service": "ghp_" + "a" * 36}, "looks like a secret"),
        ({"service": "https://ada:geheim@example.com/x"}, "looks like a secret"),
    ],
)
def test_a_wrong_parameter_is_named_and_a_secret_is_refused(given, text):
    with pytest.raises(QuestionError, match=re.escape(text)) as problem:
        parameters.typed(book(DEFAULTS, tags=["parameters"]), "book", given)
    assert "ghp_" not in str(problem.value) and "geheim" not in str(problem.value)


def test_a_notebook_without_parameters_says_so():
    with pytest.raises(QuestionError, match="has no cell tagged 'parameters'"):
        parameters.typed(book("1"), "book", {"x": "1"})


# ---------------------------------------------------------------- lookup


def test_notebooks_are_found_by_name_short_name_and_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert render.notebook_path("report_dora").name == "report_dora.ipynb"
    assert render.notebook_path("dora").name == "report_dora.ipynb"
    mine = saved(tmp_path, "1", name="mine.ipynb")
    assert render.notebook_path(str(mine)) == mine
    (tmp_path / "notebooks").mkdir()
    own = saved(tmp_path / "notebooks", "1", name="report_dora.ipynb")
    assert render.notebook_path("dora") == own
    for name in ("nothing", "nothing.ipynb"):
        with pytest.raises(QuestionError, match="there is no notebook"):
            render.notebook_path(name)


# ---------------------------------------------------------------- export


def executed(*outputs):
    whole = book("x")
    whole.cells[0].outputs = list(outputs)
    return whole


def shown(**data):
    return nbformat.v4.new_output("display_data", {key.replace("__", "/"): value for key, value in data.items()})


def figure_output(figure):
    return nbformat.v4.new_output("display_data", {export.PLOTLY: json.loads(figure.to_json())})


def bare(page: str) -> str:
    """A page without plotly.js, which is packed in it."""
    return re.sub(r'(<script type="application/gzip" id="plotly">).*?</script>', "", page)


def test_a_page_without_a_chart_has_no_plotly_and_asks_for_nothing():
    page = export.page(executed(shown(text__plain=HOSTILE)), "t")
    assert len(page) < 40_000 and 'id="plotly"' not in page and "<script>alert" not in page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_plotly_is_in_the_page_once_and_the_policy_allows_exactly_its_scripts():
    chart = figure_output(charts.trend(long_frame([48, 50]), "change_lead_time"))
    page = export.page(executed(chart, chart), "t")
    (packed,) = re.findall(r'<script type="application/gzip" id="plotly">(.*?)</script>', page)
    plotly = gzip.decompress(base64.b64decode(packed)).decode()
    assert plotly == embedding.script() and len(page) < 2.5e6
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page).group(1)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; script-src 'sha256-") and "unsafe-eval" not in policy
    scripts = [*re.findall(r"<script>(.*?)</script>", page, re.DOTALL), plotly]
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    assert policy.count("'sha256-") == len(hashes) == 2
    assert all(one in policy for one in hashes)


@pytest.mark.parametrize("word", ["require.min.js", "mathjax", "mermaid", "jquery", "cdn.plot.ly/plotly"])
def test_nothing_of_nbconverts_page_is_left(word):
    page = export.page(executed(figure_output(charts.trend(long_frame([48, 50]), "change_lead_time"))), "t")
    assert word not in bare(page).lower()


def test_chart_data_cannot_leave_their_script_element():
    figure = go.Figure(go.Scatter(x=[1], y=[1], text=["</script><script>alert(1)</script>\u2028"]))
    page = export.page(executed(figure_output(figure)), "t")
    assert "<script>alert" not in page and "\\u003c/script" in page
    data = re.search(r'<script type="application/json" id="chart-1-1">(.*?)</script>', page, re.DOTALL).group(1)
    assert json.loads(data)["data"][0]["text"] == ["</script><script>alert(1)</script>\u2028"]


def test_title_and_subtitle_of_a_chart_become_text_that_wraps():
    page = export.page(executed(figure_output(charts.trend(long_frame([48, 50]), "change_lead_time"))), "t")
    caption = re.search(r"<figcaption><h3>(.*?)</h3><p>(.*?)</p>", page)
    assert "too few weeks for a trend" in caption.group(1) and "per week" in caption.group(2)
    data = json.loads(re.search(r'id="chart-1-1">(.*?)</script>', page, re.DOTALL).group(1))
    assert "title" not in data["layout"] and data["layout"]["height"] == 340 + embedding.TOP
    assert 'role="img" aria-label="' in page


def test_a_figure_with_nothing_in_it_is_its_words_alone():
    empty = long_frame([])
    page = export.page(executed(figure_output(charts.trend(empty, "change_lead_time"))), "t")
    assert "nothing to draw" in page and 'class="plot"' not in page


def test_sections_come_from_headings_and_inputs_stay_out():
    whole = executed(shown(text__html="<p>here</p>"), nbformat.v4.new_output("stream", name="stdout", text="<b>"))
    whole.cells[0].source = "secret_input = 1"
    whole.cells.insert(0, nbformat.v4.new_markdown_cell("## First & <b>best</b>\n\nSome *words*, [a](javascript:x)"))
    whole.cells += [nbformat.v4.new_markdown_cell("## Second"), nbformat.v4.new_markdown_cell("a"), *book("").cells]
    page = export.page(whole, HOSTILE)
    assert "secret_input" not in page
    assert '<section id="first-b-best-b">' in page and "First &amp; &lt;b&gt;best&lt;/b&gt;</h2>" in page
    assert "<em>words</em>" in page and "javascript:x" not in page and "<pre>&lt;b&gt;</pre>" in page
    assert "<title>&lt;script&gt;" in page


def test_images_are_carried_inside():
    page = export.page(executed(shown(image__png="aGk="), shown(**{"image__svg+xml": "<svg/>"})), "t")
    assert 'src="data:image/png;base64,aGk="' in page
    assert f'src="data:image/svg+xml;base64,{base64.b64encode(b"<svg/>").decode()}"' in page


# ---------------------------------------------------------------- running


def test_the_kernel_is_this_interpreter_and_the_folder_the_callers(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "no kernels here"))
    source = saved(tmp_path, "x = ''", "import os, sys; print(sys.executable); print(os.getcwd()); print(repr(x))")
    seen = []
    done = run(source, tmp_path / "out.ipynb", {"x": "007"}, kept=tmp_path / "k", progress=lambda *at: seen.append(at))
    assert done.cells[-1].outputs[0].text.split() == [sys.executable, str(tmp_path), "'007'"]
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_failed_cell_is_named_and_what_was_done_so_far_is_kept(tmp_path):
    source = saved(tmp_path, "x = 1", "print('so far')", "1 / 0")
    target = tmp_path / "out" / "report.html"
    with pytest.raises(ReportError) as problem:
        render.render(source, target)
    kept = tmp_path / "out" / "report.partial.ipynb"
    assert str(problem.value) == (
        f"book.ipynb, cell 3: ZeroDivisionError: division by zero\nwhat was done so far lies in {kept}"
    )
    assert problem.value.exit_status == 1
    assert "so far" in kept.read_text() and list(target.parent.iterdir()) == [kept]


def test_a_failure_leaves_the_last_report_as_it_was(tmp_path):
    target = tmp_path / "report.html"
    target.write_text("the last one")
    with pytest.raises(ReportError):
        render.render(saved(tmp_path, "x = 1", "1 / 0"), target)
    assert target.read_text() == "the last one"


def test_a_users_mistake_in_a_cell_is_a_users_mistake(tmp_path):
    source = saved(tmp_path, "x = 1", "from devops_lab.errors import QuestionError; raise QuestionError('a\\nb')")
    with pytest.raises(ReportError, match="cell 2: a\nb\nwhat was done") as problem:
        render.render(source, tmp_path / "report.html")
    assert problem.value.exit_status == 2


def test_a_kernel_that_dies_is_told(tmp_path):
    source = saved(tmp_path, "print('first')", "import os; os._exit(3)")
    with pytest.raises(ReportError, match=r"book\.ipynb: the kernel stopped"):
        render.render(source, tmp_path / "report.html")
    assert "first" in (tmp_path / "report.partial.ipynb").read_text()
    assert not (tmp_path / "report.html").exists()


def test_no_notebook_and_no_place_to_write_are_named(tmp_path):
    (tmp_path / "x.ipynb").write_text("{")
    with pytest.raises(QuestionError, match=r"x\.ipynb is no notebook"):
        render.render(tmp_path / "x.ipynb", tmp_path / "y.html")
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="could not be written to"):
        render.render(saved(tmp_path, "x = 1"), tmp_path / "file" / "y.html")


# ---------------------------------------------------------------- the DORA report


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a folder")
    lab(folder)
    here = Path.cwd()
    os.chdir(folder)
    try:
        return folder, report("report_dora", service="checkout", last="26 weeks")
    finally:
        os.chdir(here)


def test_the_file_is_named_after_report_and_service(written):
    folder, path = written
    assert path == Path("reports/report_dora-checkout.html")
    assert sorted(one.name for one in (folder / "reports").iterdir()) == [
        f"report_dora-checkout.{kind}" for kind in ("html", "ipynb", "metrics.json", "seal.json")
    ]


@pytest.fixture(scope="module")
def html(written):
    folder, path = written
    return (folder / path).read_text("utf-8")


def test_its_sections(html):
    assert re.findall(r"<h2>(.*?)</h2>", html) == [
        "What happened", "Over time", "How long changes take", "Deployments and failures", "The slowest changes",
        "What is left out, and why", "Corrections by people", "What the sync covered", "How we know",
    ]  # fmt: skip
    assert html.count('class="lab-tile') == 5 + 1 and html.count('<figure class="chart">') == 7
    assert "<title>checkout · DORA metrics</title>" in html


def test_its_text_from_outside_is_inert(html):
    body = bare(html)
    assert "alert(1)" in body  # it is there, as text
    assert "<script>alert" not in body and "<img src=x" not in body and 'href="javascript' not in body


def test_no_mail_and_no_path_of_this_machine(html):
    body = bare(html)
    assert not re.search(r"[\w.]+@[\w.]+\.\w{2,}", body)
    assert str(Path.home()) not in body and "/tmp/" not in body


def test_its_window_ends_where_knowledge_ends(html):
    assert f"as known on {NOW:%Y-%m-%d}" in html


def test_several_reports_of_one_name_at_once(tmp_path):
    lab(tmp_path, weeks=8)
    code = "from devops_lab.reports import report; print(report('report_dora'))"
    started = [
        subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in started:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
        assert out.decode().strip() == "reports/report_dora.html" and err == b""
    kinds = ("html", "ipynb", "metrics.json", "seal.json")
    assert sorted(path.name for path in (tmp_path / "reports").iterdir()) == [f"report_dora.{one}" for one in kinds]
