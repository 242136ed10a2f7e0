"""Many reports at once: each notebook alone, one that fails takes nothing with it, nothing half-written has a name."""

import json
import os
import re
import resource
import subprocess
import sys
import time
from datetime import date, datetime
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from made_lab import lab

from devops_lab.cli import cli
from devops_lab.config import load
from devops_lab.errors import QuestionError
from devops_lab.reports import batch, calendar, seal
from devops_lab.reports.batch import Ask

MANY_TOML = """
[lab]
store = "lab"
timezone = "Europe/Berlin"
""" + "".join(
    f'[[service]]\nname = "{name}"\nteam = "{team}"\nrepository = "acme/{name}"\n'
    for name, team in (("checkout", "payments"), ("ledger", "payments"), ("web", "shop"))
)

BOOKS = {
    "plain": ["x = 1\nstate = 'mine'", "print(x, 'state' in globals())", "x"],
    "other": [
        "x = 1",
        "print('state' in globals())",
        "import pandas\npandas.options.display.max_rows = 3",
        "await_ = 1",
    ],
    "third": ["x = 1", "import pandas; print(pandas.options.display.max_rows)"],
    "fails": [
        "x = 1",
        "print('one')",
        "print('two')",
        "print('three')",
        "raise RuntimeError('in cell five')",
        "'never'",
    ],
    "dies": ["x = 1", "print('before')", "import os; os._exit(3)"],
    "killed": ["x = 1", "print('before')", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"],
    "shows": [
        "x = 1",
        "import subprocess; subprocess.run(['echo', 'from a program'])\nNone",
        "from IPython.display import HTML, clear_output, display\nprint('gone')\nclear_output()\nprint('stays')",
        "handle = display(HTML('first'), display_id=True)",
        "handle.update(HTML('second'))",
        "import asyncio\nawait asyncio.sleep(0)\n'awaited'",
        "import sys; print('to stderr', file=sys.stderr)",
    ],
    "leaves": ["x = 1", "raise SystemExit('no more')"],
    "done": ["x = 1", "raise SystemExit(0)", "'never'"],
    "asks": ["x = 1", "input('who? ')"],
}


def book(*sources) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells[0].metadata["tags"] = ["parameters"]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """All notebooks at once, on two workers, and two asks that cannot be begun."""
    folder = tmp_path_factory.mktemp("batch")
    for name, sources in BOOKS.items():
        nbformat.write(book(*sources), folder / f"{name}.ipynb")
    asked = {name: Ask(folder / f"{name}.ipynb", folder / "out" / f"{name}.html") for name in BOOKS}
    plain = folder / "plain.ipynb"
    asked["unknown"] = Ask(plain, folder / "out" / "unknown.html", {"y": 1})
    asked["wrong"] = Ask(plain, folder / "out" / "wrong.html", {"x": "many"})
    seen = []
    outcomes = batch.render_all(list(asked.values()), workers=2, progress=lambda *at: seen.append(at))
    return folder / "out", dict(zip(asked, outcomes, strict=True)), seen


def outputs(folder, name) -> list:
    found = nbformat.read(folder / f"{name}.ipynb", 4)
    return [output for cell in found.cells if cell.cell_type == "code" for output in cell.outputs]


def test_outcomes_come_in_the_order_of_the_asks_and_progress_counts_them(done):
    folder, outcomes, seen = done
    good = {name for name, one in outcomes.items() if one.path}
    assert good == {"plain", "other", "third", "shows", "done"}  # papermill: who leaves with 0 is done
    assert all(outcomes[name].path == folder / f"{name}.html" and outcomes[name].error == "" for name in good)
    assert seen == [("reports", count, len(BOOKS)) for count in range(1, len(BOOKS) + 1)]


def test_each_notebook_has_a_state_of_its_own(done):
    folder, *_ = done
    assert outputs(folder, "plain")[0].text == "1 True\n" and outputs(folder, "other")[0].text == "False\n"
    assert outputs(folder, "third")[0].text == "60\n"  # another notebook set it to 3


def test_one_that_raises_in_cell_five_keeps_what_it_did_and_its_error(done):
    folder, outcomes, _ = done
    kept = folder / "fails.partial.ipynb"
    said = f"fails.ipynb, cell 5: RuntimeError: in cell five\nwhat was done so far lies in {kept}"
    assert (outcomes["fails"].error, outcomes["fails"].exit_status) == (said, 1)
    texts = kept.read_text()
    assert all(word in texts for word in ("one", "two", "three", "Traceback")) and "never'" in texts


@pytest.mark.parametrize(("name", "how"), [("dies", "status 3"), ("killed", "signal 9")])
def test_one_whose_process_goes_keeps_what_it_did(done, name, how):
    folder, outcomes, _ = done
    assert outcomes[name].error.startswith(f"{name}.ipynb: the kernel stopped: it ended with {how}; what was done")
    assert nbformat.read(folder / f"{name}.partial.ipynb", 4).cells[1].outputs[0].text == "before\n"


def test_leaving_and_asking_are_failures_that_are_told(done):
    _, outcomes, _ = done
    assert "leaves.ipynb, cell 2: SystemExit" in outcomes["leaves"].error
    assert "asks.ipynb, cell 2: " in outcomes["asks"].error


def test_what_cannot_be_begun_is_told_and_leaves_nothing(done):
    folder, outcomes, _ = done
    assert "'y' is no parameter" in outcomes["unknown"].error and outcomes["unknown"].exit_status == 2
    assert "parameter x = 'many': should be a whole number" in outcomes["wrong"].error
    kinds = {"html", "ipynb", "metrics.json", "seal.json"}
    there = {name: set() for name in outcomes}
    for path in folder.iterdir():
        name, _, kind = path.name.partition(".")
        there[name].add(kind)
    assert all(there[name] == kinds for name in ("plain", "other", "third", "shows", "done"))
    assert all(there[name] == {"partial.ipynb"} for name in ("fails", "dies", "killed", "leaves", "asks"))
    assert not there["unknown"] and not there["wrong"]


def test_outputs_are_those_of_a_kernel(done):
    folder, *_ = done
    found = outputs(folder, "shows")
    assert [one.output_type for one in found] == ["stream", "stream", "display_data", "execute_result", "stream"]
    assert [found[0].text, found[1].text, found[4].text] == ["from a program\n", "stays\n", "to stderr\n"]
    assert found[4].name == "stderr" and found[3].data["text/plain"] == "'awaited'"
    assert found[2].data["text/html"] == "second"


def test_the_notebook_is_papermills(done):
    folder, *_ = done
    said = nbformat.read(folder / "plain.ipynb", 4)
    nbformat.validate(said)
    assert said.metadata.papermill.input_path == "plain.ipynb" and said.metadata.papermill.output_path == "plain.ipynb"
    assert said.cells[1].metadata.papermill.status == "completed" and said.cells[1].execution_count == 2
    assert str(folder) not in (folder / "plain.ipynb").read_text()


def test_an_older_failure_is_forgotten_and_an_older_pdf_goes(tmp_path):
    source, target = tmp_path / "book.ipynb", tmp_path / "out.html"
    for name in ("out.pdf", "out.partial.ipynb"):
        (tmp_path / name).write_text("of before")
    nbformat.write(book("x = 1"), source)
    (outcome,) = batch.render_all([Ask(source, target)])
    assert outcome.path == target and not list(tmp_path.glob("out.p*"))


def test_no_chromium_is_told_and_the_rest_is_there(tmp_path, monkeypatch):
    monkeypatch.setenv("DEVOPS_LAB_CHROMIUM", "no-such-browser")
    nbformat.write(book("x = 1", "x"), tmp_path / "book.ipynb")
    (outcome,) = batch.render_all([Ask(tmp_path / "book.ipynb", tmp_path / "out.html")], formats=["pdf", "md"])
    assert outcome.path and [note.split(":")[0] for note in outcome.notes] == ["no PNG", "no PDF"]
    assert "install it" in outcome.notes[0]
    assert (tmp_path / "out.md").read_text() == "# book\n\n[The whole report](out.html)\n"
    assert set(seal.read(outcome.path).files) == {"out.html", "out.ipynb", "out.md", "out.metrics.json"}
    with pytest.raises(QuestionError, match="there is no format 'docx'"):
        batch.render_all([], formats=["docx"])


def test_a_full_disk_leaves_the_last_report_as_it_was(tmp_path):
    """No file may grow beyond 20 kB, as where the disk is full."""
    nbformat.write(book("x = 1", "print('y' * 50_000)"), tmp_path / "book.ipynb")
    (tmp_path / "out.html").write_text("the last one")
    code = (
        "from pathlib import Path; from devops_lab.reports import batch\n"
        "(one,) = batch.render_all([batch.Ask(Path('book.ipynb'), Path('out.html'))])\n"
        "print(one.path, one.exit_status, one.error)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )  # fmt: skip
    assert ran.stdout.startswith("None 1 the report could not be written to out.html: [Errno 27] File too large")
    assert (tmp_path / "out.html").read_text() == "the last one"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["book.ipynb", "out.html"]


def test_when_the_one_who_asked_is_killed_nothing_goes_on(tmp_path):
    nbformat.write(book("x = 1", "import os, time; open('pid', 'w').write(str(os.getpid()))", "time.sleep(600)"),
                   tmp_path / "book.ipynb")  # fmt: skip
    code = "from devops_lab.reports import report; report('book.ipynb')"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
    child = int((tmp_path / "pid").read_text())
    process.kill()
    process.wait()
    wait_until(lambda: not alive(child))
    assert not list((tmp_path / "reports").glob("book*")) and seal.sealed(tmp_path / "reports") == []


def wait_until(true, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.05)


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


# ---------------------------------------------------------------- what is asked for


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asks")
    (folder / "lab.toml").write_text(MANY_TOML)
    return load(folder / "lab.toml")


def test_one_report_per_service_or_team(settings):
    names = [one.output.name for one in batch.asks("dora", settings, by="service", period="2026-W46")]
    assert names == [f"report_dora-{name}-2026-W46.html" for name in ("checkout", "ledger", "web")]
    teams = batch.asks("dora", settings, by="team", period="2026-q3", given={"edition": "2024"})
    assert [one.parameters["team"] for one in teams] == ["payments", "shop"]
    assert teams[0].period == "2026-Q3" and teams[0].parameters["edition"] == "2024"
    assert (teams[0].parameters["since"], teams[0].parameters["until"]) == ("2026-07-01", "2026-10-01")
    assert not Path(teams[0].parameters["config"]).is_absolute()
    (alone,) = batch.asks("dora", settings, given={"service": "007"})
    assert alone.output.name == "report_dora-007.html" and alone.parameters["service"] == "007"


@pytest.mark.parametrize(
    ("name", "words", "text"),
    [
        ("dora", {"period": "2026-W54"}, "there is no period '2026-W54' in the calendar"),
        ("dora", {"period": "soon"}, "'soon' is no period; write 2026-W46"),
        ("dora", {"period": "last-fortnight"}, "'fortnight' is no kind of period"),
        ("dora", {"period": "2026-10", "given": {"last": "3 weeks"}}, "2026-10 and last = '3 weeks' both say when"),
        (
            "00_start_here",
            {"period": "2026-10"},
            "00_start_here cannot be asked for 2026-10: it has no parameter since",
        ),
        ("00_start_here", {"by": "service"}, "has no parameter service"),
        ("nothing", {}, "there is no notebook 'nothing'"),
    ],
)
def test_what_cannot_be_asked_is_told(settings, name, words, text):
    with pytest.raises(QuestionError, match=re.escape(text)):
        batch.asks(name, settings, **words)


# ---------------------------------------------------------------- the calendar


@pytest.mark.parametrize(
    ("name", "first", "after"),
    [
        ("2026-W46", "2026-11-09", "2026-11-16"), ("2026-w01", "2025-12-29", "2026-01-05"),
        ("2020-W53", "2020-12-28", "2021-01-04"), ("2026-10", "2026-10-01", "2026-11-01"),
        ("2026-12", "2026-12-01", "2027-01-01"), ("2026-Q4", "2026-10-01", "2027-01-01"),
        ("2026", "2026-01-01", "2027-01-01"), ("2026-02-28", "2026-02-28", "2026-03-01"),
    ],
)  # fmt: skip
def test_periods_by_name(name, first, after):
    found = calendar.period(name)
    assert (found.since, found.until, found.name) == (first, after, name.upper())
    assert calendar.following(calendar.before(found)) == found


def test_the_last_complete_period_is_the_time_zones():
    late = datetime(2026, 11, 15, 23, 30)  # Sunday in London, Monday in Berlin
    assert calendar.last_complete("week", late, "Europe/London").name == "2026-W45"
    assert calendar.last_complete("week", late, "Europe/Berlin").name == "2026-W46"
    assert calendar.containing("quarter", date(2026, 3, 31)).name == "2026-Q1"


# ---------------------------------------------------------------- the command


def test_the_command_renders_what_it_can_and_the_gallery(tmp_path, monkeypatch):
    """Of the three services only one was synced."""
    monkeypatch.chdir(tmp_path)
    lab(tmp_path, weeks=8)
    (tmp_path / "lab.toml").write_text(MANY_TOML)
    ran = CliRunner().invoke(cli, ["report", "--all-services", "--for", "2026-W43", "--no-sync"], standalone_mode=False)
    assert ran.exception is None and ran.return_value == 2, ran.output
    assert ran.stdout.split() == ["reports/report_dora-checkout-2026-W43.html"]
    said = r"report_dora-ledger-2026-W43: report_dora\.ipynb, cell \d+: there is no service 'ledger'"
    assert re.search(said, ran.stderr), ran.stderr
    assert ran.stderr.endswith("2 of 3 reports failed\n")
    numbers = json.loads((tmp_path / "reports/report_dora-checkout-2026-W43.metrics.json").read_text())
    assert (numbers["service"], numbers["period"]) == ("checkout", "2026-W43")
    assert [row["metric"] for row in numbers["rows"]][:2] == ["change_lead_time", "deployment_frequency"]
    assert (numbers["window_start"], numbers["window_end"]) == ("2026-10-18T22:00:00Z", "2026-10-25T23:00:00Z")
    index = (tmp_path / "reports/index.html").read_text()
    assert index.count('class="card"') == 1
    made = [path for path in (tmp_path / "reports").iterdir() if "checkout" in path.name or path.name.startswith("i")]
    assert len(made) == 5 and str(tmp_path) not in "".join(path.read_text() for path in made)
