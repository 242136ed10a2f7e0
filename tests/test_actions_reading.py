"""What is read around actions: choices, boards, one's own runs, annotations, artifacts, logs, usual durations."""

from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from made_github import FILES, NAME, sha
from test_actions import STAGING, serving

from devops_lab.actions import Actions, attaching, board, choices, details, texts, usual
from devops_lab.actions.declaration import JobPlan, declared
from devops_lab.actions.watching import Job, Progress
from devops_lab.errors import AccessError, UserError
from devops_lab.store import Store

NOW = datetime(2026, 11, 24, 12)
HOSTILE = "\x1b[31mred\x1b[0m \x1b]0;title\x07\u202eevil\u2066\x00\ttab\x9b2J<b>&"


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path) as found:
        yield found


# ---------------------------------------------------------------------- texts


def test_texts_from_outside_are_one_line_of_what_can_be_seen():
    assert texts.plain_line(HOSTILE) == "red evil    tab<b>&"
    assert texts.plain_line("a\r\nb\x1b[2K\x1b(Bc\x1b") == "abc"
    assert texts.log_line("2026-01-01T00:00:00.0000000Z \x1b[36;1mmake\x1b[0m") == "make"
    assert texts.plain_line("größer – 日本 👍") == "größer – 日本 👍"


# ---------------------------------------------------------------------- choices


@pytest.mark.server
def test_workflows_that_can_be_started_are_listed_with_their_forms(there):
    found = choices.workflows(there.actions.server, NAME)
    assert [(one.file, one.startable) for one in found] == [("bare.yml", True), ("deploy.yml", True)]
    form = found[1].declaration
    assert list(form.inputs) == ["environment", "version", "dry_run", "replicas"]
    assert [(job.key, job.needs) for job in form.jobs] == [
        ("build", ()), ("test", ("build",)), ("deploy", ("test",)), ("lint", ()),
    ]  # fmt: skip
    files = {**FILES, ".github/workflows/off.yml": b"on: workflow_dispatch\njobs: {}\n"}
    there.objects["files"] = lambda at, path: files.get(path)
    last = choices.workflows(there.actions.server, NAME)[-1]
    assert (last.file, last.startable, last.state) == ("off.yml", False, "disabled_manually")
    for name, said in (("acme/none", "not there, or the token"), ("acme", 'no "owner/name"')):
        with pytest.raises(AccessError, match=said):
            choices.workflows(there.actions.server, name)
    assert choices.declaration(there.actions.server, NAME, "deploy.yml", "v1.0.0").inputs == form.inputs
    with pytest.raises(UserError, match="no branch or tag 'gone'"):
        choices.declaration(there.actions.server, NAME, "deploy.yml", "gone")


@pytest.mark.server
def test_branches_and_tags_are_searched(there, monkeypatch):
    main = there.objects["branches"][0]
    names = ["feature/Üben", "a/main-2", "z\x1b[31m", *(f"work-{n:03}" for n in range(250))]
    there.objects["branches"] = [{**main, "name": name, "commit": {**main["commit"]}} for name in names] + [main]
    server = there.actions.server
    found = choices.refs(server, NAME)
    assert (found[0].name, found[0].sha, found[0].whole) == ("main", sha(60), "refs/heads/main") and len(found) == 30
    assert [one.name for one in choices.refs(server, NAME, "MAIN")] == ["main", "a/main-2"]
    tags = choices.refs(server, NAME, "v1", most=300)
    assert [(one.whole, one.kind) for one in tags] == [("refs/tags/v1.1.0", "tag"), ("refs/tags/v1.0.0", "tag")]
    monkeypatch.setattr(choices, "MOST_REFS", 100)
    assert [one.name for one in choices.refs(server, NAME, "work-24", most=3)] == ["work-240", "work-241", "work-242"]
    assert choices.environments(server, NAME) == ["production"]


# ---------------------------------------------------------------------- boards


@pytest.mark.server
def test_the_latest_runs_of_a_workflow(there):
    found = board.recent(there.actions.server, NAME, "deploy.yml", most=4)
    assert len(found) == 4 and found[1].id > found[2].id and found[1].file == "deploy.yml"
    assert found[-1].seconds == 1800 and board.recent(there.actions.server, NAME)[0].workflow == "Deploy"


@pytest.mark.server
def test_the_board_asks_once_a_look_and_shows_who_waits_longest_first(there):
    there.objects["runs"] = [raw for raw in there.objects["runs"] if raw["status"] == "completed"]
    ids = [there.actions.dispatch(NAME, "deploy.yml", "main", {**STAGING, "version": str(n)}).id for n in range(3)]
    there.driver._put(NAME, ids[2], status="waiting", updated_at="2026-01-03T00:00:00Z", display_title=HOSTILE)
    there.driver._put(NAME, ids[0], status="waiting", updated_at="2026-01-02T00:00:00Z")
    server = there.actions.server
    made, before = board.Board(server, [NAME, "acme/none", NAME]), server.client.requests
    found = made.look()
    assert [(one.id, one.status) for one in found.going] == [
        (ids[0], "waiting"), (ids[2], "waiting"), (ids[1], "in_progress"),
    ]  # fmt: skip
    assert found.going[1].title == "red evil    tab<b>&" and "404" in found.troubles["acme/none"]
    assert server.client.requests - before == 2
    real, statuses = server.look, []

    def look(*given, **more):
        answer = real(*given, **more)
        statuses.append(answer.status)
        return answer

    server.look = look
    for _ in range(12):
        assert made.look().going == found.going
    assert server.client.requests - before == 2 * 13
    assert statuses.count(304) == 11 and statuses.count(404) == 12  # once anew: those that wait
    there.driver.end(NAME, ids[1])
    there.server.control(faults={"fail_rate": 1.0})
    assert "50" in made.look().troubles[NAME] and len(made.look().going) == 3  # what was known stays
    there.server.control(faults={})
    assert len(made.look().going) == 2


@pytest.mark.server
def test_one_finds_one_s_run_again(there):
    assert attaching.attach(there.actions) is None
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    anew = Actions(there.actions.settings, Store(there.store.path))  # a new kernel
    assert attaching.attach(anew).id == run.id and [one.run.id for one in attaching.mine(anew, NAME)] == [run.id]
    assert attaching.mine(anew, "acme/other") == []
    alice = Actions(there.actions.settings, there.store, person="alice")
    assert attaching.attach(alice, NAME) is None  # another's
    there.driver.end(NAME, run.id)
    assert attaching.attach(anew, NAME) is None
    elsewhere = there.driver.dispatch(
        NAME, there.objects["workflows"][0], "main", sha(60), {}, {"login": there.actions.login}
    )
    assert attaching.attach(anew, NAME).id == elsewhere
    there.objects["runs"] = [raw for raw in there.objects["runs"] if raw["id"] not in (run.id, elsewhere)]
    assert attaching.attach(anew) is None  # deleted since


# ---------------------------------------------------------------------- details


@pytest.mark.server
def test_annotations_artifacts_and_the_end_of_a_log(there):
    number = next(iter(there.objects["artifacts"]))
    server, run = there.actions.server, there.actions.run(NAME, number)
    job = run.jobs()[0]
    lines = ["##[group]build", "\x1b[31mbad\x1b[0m \u202e", f"##[error]{HOSTILE}", "##[warning]old"]
    text = "".join(f"2026-01-01T00:00:00.0000000Z {line}\n" for line in lines)
    there.objects["logs"] = {job.id: lambda: text}
    assert [(one.level, one.message, one.path, one.line) for one in details.annotations_of(server, NAME, job.id)] == [
        ("failure", "red evil    tab<b>&", "", None), ("warning", "old", "", None),
    ]  # fmt: skip
    assert details.annotations_of(server, NAME, 1) == []
    found = details.artifacts_of(server, NAME, number)
    assert [(one.name, one.size, one.expired) for one in found] == [("old", 120, True), ("junit", 120, False)]
    assert found[0].expires_at > datetime(2026, 1, 1)
    assert details.log_tail(run, job, 3).lines[0] == "bad "
    there.objects["logs"] = {}
    assert "expired" in details.log_tail(run, job).why
    going = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert "when its job is over" in details.log_tail(going, going.jobs()[0]).why
    there.server.control(faults={"fail_rate": 1.0})
    assert "50" in details.log_tail(run, job).why


# ---------------------------------------------------------------------- usual durations


def test_what_a_run_still_takes_is_the_longest_way_through_its_jobs():
    jobs = (JobPlan("build", "Build"), JobPlan("test", "test ${{ matrix.x }}", ("build",)),
            JobPlan("deploy", "deploy", ("test", "gone")), JobPlan("lint", "lint"))  # fmt: skip
    known = {"Build": 60.0, "test 1": 100.0, "test 2": 120.0, "deploy": 30.0, "lint": 10.0}

    def job(name, status, began=None):
        return Job(1, name, status, None, None if began is None else NOW - timedelta(seconds=began), None)

    build = Progress("in_progress", jobs=(job("Build", "in_progress", 20), job("lint", "completed")))
    assert usual.remaining(build, known, jobs, NOW) == 40 + 120 + 30
    test = (job("Build", "completed"), job("test 1", "in_progress", 90), job("test 2", "in_progress", 50))
    assert usual.remaining(Progress("in_progress", jobs=test), known, jobs, NOW) == 70 + 30
    late = Progress("in_progress", jobs=(job("Build", "in_progress", 61),))
    assert usual.remaining(late, known, jobs, NOW) is None  # longer than usual: nobody knows
    held = Progress("waiting", jobs=(job("deploy", "waiting"),))
    assert usual.remaining(held, known, jobs, NOW) is None
    assert usual.remaining(Progress("queued"), {"Build": 1.0}, jobs, NOW) is None
    assert usual.remaining(Progress("completed"), {}, (), NOW) == 0
    round_trip = (JobPlan("a", "a", ("b",)), JobPlan("b", "b", ("a",)))
    assert usual.remaining(Progress("queued"), {"a": 1.0, "b": 1.0}, round_trip, NOW) > 0


@pytest.mark.parametrize(
    ("name", "key"),
    [("Build", "build"), ("build", "build"), ("test (3.11, ubuntu)", "test"), ("test", "test"), ("Ship / all", "ship"),
     ("run 3 on x", "over"), ("other", None), ("Builder", None)],
)  # fmt: skip
def test_a_run_s_job_is_known_by_its_name(name, key):
    jobs = (JobPlan("build", "Build"), JobPlan("test", "test"), JobPlan("ship", "Ship"),
            JobPlan("over", "run ${{ matrix.n }} on ${{ matrix.os }}"))  # fmt: skip
    found = usual.plan_of(name, jobs)
    assert (found and found.key) == key


def test_usual_is_the_median_of_successes_in_the_store(tmp_path):
    store = Store(tmp_path / "lab")
    assert usual.usual_seconds(store, NAME, "deploy.yml") == {}
    run = SimpleNamespace(repository=NAME, run_attempt=1)
    runs, jobs = [], []
    for n, (seconds, conclusion, path) in enumerate(
        [(10, "success", "deploy"), (20, "success", "deploy"), (90, "success", "deploy"), (999, "failure", "deploy"),
         (5, "success", "other")]
    ):  # fmt: skip
        started = NOW + timedelta(hours=n)
        runs.append({**vars(run), "id": n, "created_at": started, "path": f".github/workflows/{path}.yml"})
        jobs.append({**vars(run), "id": n, "run_id": n, "name": "build", "conclusion": conclusion,
                     "started_at": started, "completed_at": started + timedelta(seconds=seconds)})  # fmt: skip
    store.write("workflow_runs", runs, source="github")
    store.write("workflow_jobs", jobs, source="github")
    latest = Store(tmp_path / "lab", latest=True)
    assert usual.usual_seconds(latest, NAME, "deploy.yml") == {"build": 20.0}
    assert usual.usual_seconds(latest, NAME, "eploy.yml") == {}


def test_needs_are_read_as_text_and_as_a_list():
    found = declared("on: workflow_dispatch\njobs: {a: {}, b: {needs: a, name: B}, c: {needs: [a, b]}, d: 1}", "x")
    assert [(job.key, job.name, job.needs) for job in found.jobs] == [
        ("a", "a", ()), ("b", "B", ("a",)), ("c", "c", ("a", "b")),
    ]  # fmt: skip
