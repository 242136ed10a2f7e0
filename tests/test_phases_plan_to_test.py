"""The pages of planning, coding, building and testing: what stands on them, in which language, and what is missing."""

from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from lab_rows import complete, filled

from devops_lab.errors import QuestionError
from devops_lab.reports import phase_build, phase_code, phase_plan, phase_test, phases
from devops_lab.reports.kernel import run
from devops_lab.reports.phase_texts import PHASES
from devops_lab.store import Store

NOW = datetime(2026, 11, 1)
BEGIN = NOW - timedelta(days=60)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
HERE = "acme/checkout"
HOSTILE = "<script>alert(1)</script>"
FOLDER = Path(__file__).parents[1] / "notebooks"
MINE = {"10_plan": "plan", "11_code": "code", "12_build": "build", "13_test": "test"}
SITE = f"https://github.com/{HERE}"


def issues(tables):
    """Ten issues closed a day after somebody was assigned, one in five days; #11 was begun 50 days ago, #12 never."""
    for number in range(1, 13):
        opened = BEGIN + (number - 1) * 5 * DAY if number < 11 else NOW - 55 * DAY
        closed = opened + 2 * DAY if number < 11 else None
        tables["issues"].append(
            {
                "repository": HERE, "number": number, "title": HOSTILE, "state": "closed" if closed else "open",
                "state_reason": "completed" if closed else None, "created_at": opened, "closed_at": closed,
                "updated_at": closed or opened, "url": f"{SITE}/issues/{number}", "milestone": 1,
            }
        )  # fmt: skip
        events = [("assigned", opened + DAY if number < 11 else NOW - 50 * DAY)] * (number != 12)
        events += [("closed", closed)] * bool(closed)
        tables["issue_events"] += [
            {"repository": HERE, "id": number * 10 + place, "number": number, "event": event, "created_at": when}
            for place, (event, when) in enumerate(events)
        ]
    tables["milestones"].append(
        {
            "repository": HERE, "number": 1, "title": HOSTILE, "state": "open", "created_at": BEGIN,
            "due_on": BEGIN + 30 * DAY, "open_issues": 2, "closed_issues": 10, "url": f"{SITE}/milestone/1",
        }
    )  # fmt: skip


def pulls(tables):
    """Sixteen pull requests: 2 h coding, 8 h until the first review, 1 h of review, 1 h until the merge."""
    for number in range(101, 117):
        first = BEGIN + (number - 101) * 3 * DAY
        tables["pull_requests"].append(
            {
                "repository": HERE, "number": number, "title": HOSTILE, "state": "closed", "draft": False,
                "is_bot": False, "created_at": first + 2 * HOUR, "merged_at": first + 12 * HOUR,
                "closed_at": first + 12 * HOUR, "merge_commit_sha": f"m{number}", "additions": number, "deletions": 0,
                "url": f"{SITE}/pull/{number}",
            }
        )  # fmt: skip
        tables["pull_request_commits"].append(
            {
                "repository": HERE, "number": number, "sha": f"c{number}", "position": 1, "authored_at": first,
                "committed_at": first, "is_bot": False,
            }
        )  # fmt: skip
        tables["pull_request_files"].append(
            {"repository": HERE, "number": number, "path": "a.py", "additions": number, "deletions": 0}
        )
        tables["reviews"] += [
            {
                "repository": HERE, "id": number * 10 + place, "number": number, "state": state, "author": "somebody",
                "is_bot": False, "is_author": False, "submitted_at": first + hours * HOUR,
            }
            for place, (state, hours) in enumerate([("COMMENTED", 10), ("APPROVED", 11)])
        ]  # fmt: skip


def builds(tables):
    """A run of CI a day on main: lint 2 and test 6 minutes; the last one failed and is red still; a test case each."""
    for day in range(59):
        start, red = BEGIN + day * DAY, day == 58
        conclusion = "failure" if red else "success"
        tables["workflow_runs"].append(
            {
                "repository": HERE, "id": day + 1, "run_attempt": 1, "attempts": 1, "workflow": "CI",
                "path": ".github/workflows/ci.yml", "event": "push", "status": "completed", "conclusion": conclusion,
                "branch": "main", "sha": f"s{day}", "created_at": start, "started_at": start,
                "updated_at": start + 7 * MINUTE, "url": f"{SITE}/actions/runs/{day + 1}",
            }
        )  # fmt: skip
        for place, (name, minutes) in enumerate([("lint", 2), (f"test {HOSTILE}", 6)]):
            job = (day + 1) * 10 + place
            since, until = start + MINUTE, start + MINUTE + minutes * MINUTE
            row = {"repository": HERE, "status": "completed", "conclusion": conclusion}
            tables["workflow_jobs"].append(
                row
                | {"id": job, "run_id": day + 1, "run_attempt": 1, "name": name, "sha": f"s{day}", "created_at": start}
                | {"started_at": since, "completed_at": until, "labels": "ubuntu-latest", "runner_group": "x"}
                | {"url": f"{SITE}/job/{job}"}
            )
            tables["workflow_steps"].append(
                row | {"job_id": job, "number": 1, "name": HOSTILE, "started_at": since, "completed_at": until}
            )
        tables["test_runs"].append(
            {
                "repository": HERE, "id": f"artifact:{day}", "name": "junit", "run_id": day + 1, "run_attempt": 1,
                "sha": f"s{day}", "created_at": start, "tests": 2, "failed": 0, "skipped": 0, "flaky": int(day < 3),
                "seconds": 90.0, "url": f"{SITE}/actions/runs/{day + 1}",
            }
        )  # fmt: skip
        for name, seconds in ((HOSTILE, 80.0), ("quick", 10.0)):
            tables["test_cases"].append(
                {
                    "repository": HERE, "test_run": f"artifact:{day}", "suite": "", "classname": "shop", "name": name,
                    "occurrence": 1, "run_id": day + 1, "run_attempt": 1, "sha": f"s{day}", "occurred_at": start,
                    "result": "passed", "flaky": day < 3 and name == HOSTILE, "seconds": seconds,
                }
            )  # fmt: skip


def made(folder, *parts, **services):
    names = (
        "issues", "issue_events", "milestones", "pull_requests", "pull_request_commits", "pull_request_files",
        "reviews", "workflow_runs", "workflow_jobs", "workflow_steps", "test_runs", "test_cases",
    )  # fmt: skip
    tables = {name: [] for name in names}
    for part in parts:
        part(tables)
    tables["services"] = [
        {
            "service": name, "team": team, "repository": HERE if name == "checkout" else f"acme/{name}",
            "deployment_tables": "tags", "change_tables": "commits", "failure_tables": "issues",
        }
        for name, team in (services or {"checkout": "payments"}).items()
    ]  # fmt: skip
    tables["repositories"] = [{"repository": HERE, "default_branch": "main", "url": SITE}]
    writer = filled(Store(folder / "lab", latest=True), {k: v for k, v in complete(tables).items() if v})
    writer.commit_snapshot(NOW)
    return folder / "lab"


@pytest.fixture(autouse=True)
def no_settings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return made(folder, issues, pulls, builds, checkout="payments", other="platform")


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """A store where nothing but services is known and no sync covered anything."""
    folder = tmp_path_factory.mktemp("bare")
    row = {"service": "checkout", "team": None, "repository": HERE, "deployment_tables": "tags"}
    writer = filled(Store(folder / "lab", latest=True), {"services": [row | {"change_tables": "commits"}]})
    writer.commit_snapshot(NOW)
    return folder / "lab"


@pytest.fixture
def asked(whole):
    return phases.ask(str(whole), service="checkout")


# ---------------------------------------------------------------- what all pages share


def test_the_eight_phases_name_metrics_that_exist_each_once():
    names = [name for phase in PHASES.values() for name in phase.metrics]
    assert list(PHASES) == ["plan", "code", "build", "test", "release", "deploy", "operate", "monitor"]
    assert len(names) == len(set(names))


def test_top_and_numbers_of_planning(asked):
    said = phases.top(asked, "plan").text
    assert (
        said.startswith("Plan · checkout\n3 August – 1 November 2026".replace("1 Nov", "31 Oct"))
        or "Plan · checkout" in said
    )
    numbers = phases.numbers(asked, "plan").text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Issue cycle time\n24 hours" in numbers and "from 10 issues" in numbers
    assert "Work in progress\n1\n" in numbers and "too few to say more" in numbers
    assert "Milestone completion\n50 %" in numbers  # #1 to #6 were closed by the due day, of 12


def test_the_same_in_indonesian(whole):
    asked = phases.ask(str(whole), service="checkout", language="id")
    assert phases.top(asked, "plan").text.startswith("Perencanaan · checkout")
    numbers = phases.numbers(asked, "plan").text.replace("\N{NO-BREAK SPACE}", " ")
    assert "Waktu siklus issue\n24 jam" in numbers and "dari 10 issue" in numbers
    assert phases.heading(asked, "The numbers").text == "Angka-angkanya"


def test_a_heading_is_markdown(asked):
    assert phases.heading(asked, "The numbers")._repr_mimebundle_()["text/markdown"] == "## The numbers"


def test_what_is_not_there_is_named(whole):
    with pytest.raises(QuestionError, match="language = 'xx'"):
        phases.ask(str(whole), language="xx")
    with pytest.raises(QuestionError, match="no phase 'planning'"):
        phases.phase_of("planning")


def test_the_period_fits_the_window(whole):
    def every(last):
        return phases.every(phases.ask(str(whole), last=last))

    assert [every(last) for last in ("7 days", "30 days", "90 days", "365 days")] == ["day", "day", "week", "week"]
    assert phases.every(phases.ask(str(whole), every="month")) == "month"


# ---------------------------------------------------------------- the four pages


def test_planning_shows_the_old_issue(asked):
    assert len(phase_plan.issues(asked)) == 12
    table = phase_plan.oldest(asked)
    assert "#11" in table.text and "50" in table.text and f"{SITE}/issues/11" in table.html
    first = phase_plan.steps(asked)[0]
    assert first.link == "#11" and first.url == f"{SITE}/issues/11"
    assert phase_plan.age_of_work(asked).layout.meta["title"].startswith("1 of 1 issues under way")
    assert "50\N{NO-BREAK SPACE}% of 12" in phase_plan.milestones(asked).text
    assert "no forecast" in phase_plan.forecast(asked).layout.meta["subtitle"].replace("There is ", "")


def test_the_four_parts_of_coding_add_up(asked):
    rows = phase_code.whole(asked)
    assert len(rows) == 16 and (rows[list(phase_code._COLUMNS)].sum(axis=1) == rows["value"]).all()
    bars = phase_code.waterfall(asked).data
    assert [(bar.base[0], bar.x[0]) for bar in bars] == [(0, 2), (2, 8), (10, 1), (11, 1)]
    assert "takes 67" in phase_code.waterfall(asked).layout.meta["title"]
    assert "no clear relation" in phase_code.size_against_review(asked).layout.meta["title"]
    assert not phase_code.review_load(asked).data  # one reviewer is not shown
    assert phase_code.steps(asked)[0].sentence.startswith("Waiting for a first review takes 67")


def test_building_shows_jobs_steps_and_red(asked):
    jobs = phase_build.slowest_jobs(asked)
    assert list(jobs.data[0].x) == pytest.approx([2 / 60, 6 / 60])
    assert "75\N{NO-BREAK SPACE}%" in phase_build.slowest_steps(asked).text
    assert "turned red 1 time" in phase_build.red_times(asked).layout.meta["title"]
    assert "red on the default branch for 2 days" in phase_build.steps(asked)[0].sentence.replace(
        "\N{NO-BREAK SPACE}", " "
    )
    assert phase_build.durations(asked).layout.meta["title"].startswith("Half of the builds take up to 7")
    assert "within 60 seconds" in phase_build.queues(asked).layout.meta["title"].replace("\N{NO-BREAK SPACE}", " ") or (
        "within 1 minute" in phase_build.queues(asked).layout.meta["title"].replace("\N{NO-BREAK SPACE}", " ")
    )


def test_testing_shows_flaky_and_slow(asked):
    (flaky,) = phase_test.flaky_tests(asked)
    assert (flaky["flaky"], flaky["commits"], flaky["sha"]) == (3, 59, "s2")
    assert f"{SITE}/commit/s2" in phase_test.flaky(asked).html
    assert "take 100" in phase_test.slowest_cases(asked).layout.meta["title"]
    assert "100\N{NO-BREAK SPACE}%" in phase_test.pass_rate(asked).layout.meta["title"]
    assert [step.link for step in phase_test.steps(asked)] == ["the last commit", "its slowest run"]
    assert "1.5 minutes" in phase_test.durations(asked).layout.meta["title"].replace("\N{NO-BREAK SPACE}", " ")


def pieces(asked):
    return [
        *(phases.numbers(asked, phase) for phase in MINE.values()),
        *(phases.next_steps(asked, phase) for phase in MINE.values()),
        phase_plan.oldest(asked), phase_plan.milestones(asked), phase_plan.forecasts(asked), phase_code.slowest(asked),
        phase_build.slowest_steps(asked), phase_test.flaky(asked),
    ]  # fmt: skip


def figures(asked):
    return [
        phase_plan.cumulative_flow(asked), phase_plan.age_of_work(asked), phase_plan.forecast(asked),
        phase_code.waterfall(asked),
        phase_code.size_against_review(asked), phase_code.review_load(asked), phase_build.durations(asked),
        phase_build.queues(asked), phase_build.red_times(asked), phase_build.slowest_jobs(asked),
        phase_test.pass_rate(asked), phase_test.slowest_cases(asked), phase_test.durations(asked),
    ]  # fmt: skip


@pytest.mark.parametrize("language", ["en", "id"])
def test_nothing_hostile_gets_through(whole, language):
    asked = phases.ask(str(whole), language=language)
    for piece in pieces(asked):
        assert HOSTILE not in piece.html
    for figure in figures(asked):
        assert HOSTILE not in figure.to_json().replace("\\u003c", "<").replace("\\u003e", ">")


@pytest.mark.parametrize("language", ["en", "id"])
def test_without_facts_every_piece_says_so(bare, language):
    asked = phases.ask(str(bare), language=language)
    for piece in pieces(asked):
        assert piece is phases.NOTHING or piece.text
        assert "Traceback" not in piece.text
    for figure in figures(asked):
        assert not figure.data and figure.layout.meta["title"] and figure.layout.meta["subtitle"]


def test_what_was_never_asked_for_is_not_said_to_be_nothing(bare):
    asked = phases.ask(str(bare))
    assert phase_build.red_times(asked).layout.meta["title"] == "Time to green: no number"
    assert phase_plan.cumulative_flow(asked).layout.meta["subtitle"].startswith("no sync has covered this time")
    assert phases.next_steps(asked, "plan").text.startswith("Nothing is known about this phase in this window: no sync")


def test_a_clone_alone_says_what_it_does_not_know(tmp_path):
    row = {"service": "demo", "team": None, "repository": "demo", "deployment_tables": "tags"}
    writer = filled(Store(tmp_path / "lab", latest=True), {"services": [row | {"change_tables": "commits"}]})
    writer.commit_snapshot(NOW)
    assert "a clone alone knows commits and tags" in phases.numbers(phases.ask(str(tmp_path / "lab")), "code").text


# ---------------------------------------------------------------- the notebooks


@pytest.mark.parametrize("name", MINE)
def test_first_cell_holds_the_parameters(name):
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    first, *rest = notebook.cells
    assert first.metadata.tags == ["parameters"] and 'language = "en"' in first.source
    assert all(cell.cell_type == "code" and not cell.outputs for cell in notebook.cells)
    assert all(cell.metadata.jupyter.source_hidden for cell in rest)


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("10_plan", {"service": "checkout"}), ("11_code", {"team": "payments"}), ("12_build", {}),
        ("13_test", {"service": "checkout", "language": "id"}),
    ],
)  # fmt: skip
def test_they_run(name, given, whole, tmp_path):
    done = run(
        FOLDER / f"{name}.ipynb", tmp_path / "out.ipynb", {"store": str(whole), "config": "lab.toml", **given},
        kept=tmp_path / "kept.ipynb",
    )  # fmt: skip
    outputs = [output for cell in done.cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert any("lab-tile" in output.get("data", {}).get("text/html", "") for output in outputs)
