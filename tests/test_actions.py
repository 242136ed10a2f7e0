"""Actions: checked and recorded before they are sent, sent once; runs watched, driven and rolled back."""

import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
import requests
from conftest import skip
from made_github import NAME, Driver, driven_organisation, sha
from test_practice_server import github_of

from devops_lab.actions import Actions, RefusedActionError, SentActionError, UnknownOutcomeError, attaching, dispatch
from devops_lab.actions.connection import token_of
from devops_lab.actions.declaration import declared, environments_in
from devops_lab.actions.masking import masked
from devops_lab.actions.permission import Wish, problems
from devops_lab.actions.plan import Plan
from devops_lab.actions.record import key_of
from devops_lab.config import settings
from devops_lab.errors import AccessError, ConfigError, QuestionError, SourceError, StoreError, UserError
from devops_lab.github_api.answers import MissingError
from devops_lab.store import Store

STAGING = {"environment": "staging"}
TOKEN = "practice"
MARKED = b"""
run-name: Deploy ${{ inputs.environment }} ${{ inputs.mark }}
on: {workflow_dispatch: {inputs: {environment: {type: string}, mark: {type: string}}}}
jobs: {deploy: {runs-on: ubuntu-latest, environment: "${{ inputs.environment }}", steps: [{run: make}]}}
"""


def lab(tmp_path, url, rules="", service=""):
    """The settings of a lab whose server is `url`."""
    import tomllib

    text = f'[github]\nurl = "{url}"\n[practice]\nuntil = 2026-01-01\n{rules}\n{service}'
    return settings(tomllib.loads(text), tmp_path / "lab.toml")


class Showing(Driver):
    """Runs whose title shows the mark."""

    def dispatch(self, repository, workflow, ref, sha, inputs, actor):
        number = super().dispatch(repository, workflow, ref, sha, inputs, actor)
        self._put(repository, number, display_title=f"Deploy {inputs.get('mark', '')}")
        return number


@contextmanager
def serving(tmp_path, rules="", service="", marked=False, access=None):
    """A served organisation with pipelines, and a lab's actions on it."""
    world, driver = driven_organisation()
    objects = world.repositories[NAME].objects
    if marked:
        driver = Showing(world.repositories)
        before = objects["files"]
        objects["files"] = lambda at, path: MARKED if path.endswith("deploy.yml") else before(at, path)
    with github_of(world, pipelines=driver, **({"tokens": access} if access else {})) as server:
        waits = []
        made = Actions(lab(tmp_path, server.base, rules, service), sleep=waits.append, patience=3)
        yield SimpleNamespace(
            actions=made, driver=driver, objects=objects, server=server, waits=waits, store=made.store,
            rows=lambda: Store(made.store.path, latest=True).rows("select * from actions order by asked_at"),
        )  # fmt: skip


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path) as found:
        yield found


# ---------------------------------------------------------------------- what a workflow's file says


def test_inputs_are_checked_all_at_once():
    text = """
on: {workflow_dispatch: {inputs: {to: {type: choice, options: [a, b], required: true}, n: {type: number},
  dry: {type: boolean, default: true}, note: {}}}}
jobs: {x: {environment: {name: "${{ inputs.to }}"}},
  y: {environment: "${{ vars.Y }}"}, z: {name: "z ${{ inputs.note }}"}}
"""
    found = declared(text, "x.yml")
    whole, wrong = found.complete({"to": "c", "n": "two", "dry": "maybe", "nte": "1"})
    assert len(wrong) == 4 and "did you mean 'note'" in wrong[0] and "none of a, b" in wrong[1]
    assert found.complete({}) == ({"dry": "true"}, ["input 'to': is required; one of a, b"])
    whole, wrong = found.complete({"to": "a", "n": 2, "dry": False})
    assert (whole, wrong) == ({"to": "a", "n": "2", "dry": "false"}, [])
    assert found.changed(whole) == ("a", "?") and found.shown == {"note"}
    assert declared("on: [push, workflow_dispatch]", "x").inputs == {} == declared("on: workflow_dispatch", "x").inputs
    for bad, said in (("on: push", "no workflow_dispatch"), ("on: [", "cannot be read"), ("7", "no workflow")):
        with pytest.raises(UserError, match=said):
            declared(bad, "x")
    assert environments_in("on: push\njobs: {a: {environment: prod}, b: {environment: '${{ inputs.x }}'}}") == (
        "prod",
        "?",
    )


def test_secrets_are_masked_and_keys_tell_requests_apart():
    given = {"api_token": "x", "note": "ghp_0123456789abcdefghij", "own": "a practice-token b", "plain": "1"}
    assert masked(given, "practice-token") == {"api_token": "***", "note": "***", "own": "***", "plain": "1"}
    assert key_of("a", {"x": 1}) == key_of("a", {"x": 1}) != key_of("a", {"x": 2})


# ---------------------------------------------------------------------- rules


RULES = """
[actions]
[[actions.allow]]
who = ["mona"]
workflows = ["deploy.yml"]
refs = ["main", "release/*"]
[[actions.allow]]
environments = ["staging"]
[[actions.freeze]]
days = ["friday"]
after = "16:00"
environments = ["production"]
reason = "weekend"
[[actions.freeze]]
since = 2026-12-24
until = 2026-12-27
"""
MONDAY, FRIDAY = datetime(2026, 11, 23, 17, tzinfo=UTC), datetime(2026, 11, 27, 17, tzinfo=UTC)
CHRISTMAS = datetime(2026, 12, 25, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wish", "now", "said"),
    [
        (("mona", "dispatch", "main", ("production",), "Production"), MONDAY, []),
        (("mona", "dispatch", "main", ("production",), None), MONDAY, ["type its name"]),
        (("mona", "dispatch", "main", ("production",), "staging"), MONDAY, ["not 'staging'"]),
        (("mona", "dispatch", "main", ("?",), None), MONDAY, ["may change production"]),
        (("mona", "dispatch", "feature", ("production",), "production"), MONDAY, ["no rule of"]),
        (("rita", "dispatch", "main", ("staging",), None), MONDAY, []),
        (("rita", "dispatch", "main", ("production",), "production"), FRIDAY, ["no rule of", "weekend"]),
        (("mona", "dispatch", "main", ("production",), None), FRIDAY, ["weekend", "type its name"]),
        (("mona", "rollback", "main", ("production",), "production"), FRIDAY, []),
        (("mona", "cancel", "main", (), None), FRIDAY, []),
        (("rita", "dispatch", "main", ("staging",), None), CHRISTMAS, ["a freeze is on until 2026-12-27"]),
        (("mona", "approve", "main", ("staging",), None), MONDAY, ["started this run"]),
        (("mona", "reject", "main", ("staging",), None), MONDAY, []),
    ],
)  # fmt: skip
def test_rules_forbid_what_they_say(tmp_path, wish, now, said):
    login, verb, ref, environments, confirm = wish
    asked = Wish(login, verb, NAME, "deploy.yml", ref, environments, confirm, {"mona"})
    found = problems(lab(tmp_path, "http://localhost", RULES), asked, now)
    assert len(found) == len(said) and all(words in one for words, one in zip(said, found, strict=True)), found
    closed = problems(lab(tmp_path, "http://localhost", "[actions]\nread_only = true"), asked, now)
    assert len(closed) == 1 and "read-only" in closed[0]


def test_mistakes_of_the_rules_are_told_at_once(tmp_path):
    wrong = """
[actions]
readonly = true
[[actions.freeze]]
reason = "x"
[[actions.freeze]]
days = ["freitag"]
[[actions.freeze]]
days = ["friday"]
after = "4pm"
[[actions.freeze]]
since = 2026-12-24
until = 2026-12-20
[[actions.allow]]
workflow = ["deploy.yml"]
"""
    with pytest.raises(ConfigError) as caught:
        lab(tmp_path, "http://localhost", wrong)
    said = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 6, said
    for words in ("did you mean 'read_only'", "says no time", "freitag", '"16:00"', "before it begins", "'workflows'"):
        assert words in said


def test_the_token_is_its_own(tmp_path, monkeypatch):
    own = lab(tmp_path, "http://localhost").model_copy(update={"practice": None})
    monkeypatch.delenv("DEVOPS_LAB_ACTIONS_TOKEN", raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_reading")
    with pytest.raises(AccessError, match="GITHUB_TOKEN is set, but it is for reading"):
        token_of(own)
    monkeypatch.setenv("DEVOPS_LAB_ACTIONS_TOKEN", "ghp_acting")
    assert token_of(own) == "ghp_acting" and "acting" not in repr(Actions(own))
    assert token_of(lab(tmp_path, "http://localhost")) == "practice"


# ---------------------------------------------------------------------- dispatches


@pytest.mark.server
def test_a_dispatch_starts_one_run_and_leaves_a_row(there):
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert there.driver.asked[0][:5] == (
        "dispatch", ".github/workflows/deploy.yml", "refs/heads/main", sha(60),
        {"environment": "staging", "version": "latest", "dry_run": "false", "replicas": "2"},
    )  # fmt: skip
    twin = there.actions.dispatch(NAME, "Deploy", "main", STAGING)  # a double click; the workflow by its name
    assert twin.id == run.id and len(there.driver.asked) == 1
    (row,) = there.rows()
    assert (row["login"], row["verb"], row["outcome"], row["run_id"]) == ("student", "dispatch", "done", run.id)
    assert json.loads(row["inputs"])["environment"] == "staging" and row["settled_at"] >= row["asked_at"]
    other = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING, again=True)
    assert other.id != run.id and len(there.rows()) == 2


@pytest.mark.server
def test_clicks_at_once_are_one_run(there):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(there.actions.dispatch(NAME, "deploy.yml", "main", STAGING).id))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4 and len(set(found)) == 1 and len(there.driver.asked) == 1


@pytest.mark.server
def test_refusals_are_told_at_once_recorded_and_not_sent(there):
    with pytest.raises(RefusedActionError) as caught:
        there.actions.dispatch(NAME, "deploy.yml", "main", {"environment": "moon", "replicas": "two", "vers": "1"})
    assert len(caught.value.problems) == 3 and caught.value.exit_status == 2
    for workflow, ref, said in (
        ("push.yml", "main", "no workflow_dispatch"), ("off.yml", "main", "disabled manually"),
        ("deploy.yml", "nowhere", "no branch or tag 'nowhere'"), ("deploy.yml", sha(60), "is a commit"),
        ("gone.yml", "main", "is not there on main"), ("broken.yml", "main", "cannot be read"),
    ):  # fmt: skip
        with pytest.raises(RefusedActionError, match=said):
            there.actions.dispatch(NAME, workflow, ref)
    with pytest.raises(AccessError, match="did you mean deploy"):
        there.actions.dispatch(NAME, "deploi.yml")
    with pytest.raises(RefusedActionError, match="type its name"):
        there.actions.dispatch(NAME, "deploy.yml", "main", {"environment": "production"}, confirm="staging")
    assert there.driver.asked == []
    assert {row["outcome"] for row in there.rows()} == {"refused"} and len(there.rows()) == 9
    assert "did you mean" in there.rows()[-2]["message"]
    with pytest.raises(MissingError):
        there.actions.run(NAME, 1).cancel()
    with pytest.raises(QuestionError):
        there.actions.rollback("moon")
    assert [(row["verb"], row["outcome"], row["login"]) for row in there.rows()[-2:]] == [
        ("cancel", "refused", "student"), ("rollback", "refused", "student"),
    ]  # fmt: skip


@pytest.mark.server
def test_a_dry_run_sends_and_records_nothing(there):
    plan = there.actions.plan(NAME, "deploy.yml", "refs/heads/main", {"environment": "production", "version": "2"})
    assert isinstance(plan, Plan) and "environment = production" in plan.said()
    made = dispatch(NAME, "bare.yml", settings=there.actions.settings, store=there.store, dry_run=True)
    assert isinstance(made, Plan) and made.problems == []
    assert there.driver.asked == [] and there.rows() == []


@pytest.mark.server
def test_what_cannot_be_recorded_is_not_sent(there, monkeypatch):
    def full(*arguments, **more):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(StoreError, match="so it is not sent"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert there.driver.asked == []


@pytest.mark.server
def test_a_token_that_may_not_is_told_what_it_needs(tmp_path):
    from devops_lab.practice.server.access import Access

    reading = Access(permissions={"actions": "read", "contents": "read"})
    with serving(tmp_path, access={"practice": reading}) as there:
        with pytest.raises(AccessError, match="actions=write"):
            there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
        (row,) = there.rows()
        assert row["outcome"] == "failed" and there.driver.asked == []


@pytest.mark.server
def test_a_started_run_is_named_though_its_outcome_cannot_be_recorded(there, monkeypatch):
    real = Store.write

    def full(store, name, rows, **more):
        if rows[0]["outcome"] == "done":
            raise OSError(28, "No space left on device")
        return real(store, name, rows, **more)

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(StoreError, match=r"was started .* cannot be recorded"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert len(there.driver.asked) == 1 and there.rows()[0]["outcome"] == "sending"


# ---------------------------------------------------------------------- servers that lack the answer, and faults


def faulty(actions, monkeypatch, effects):
    """Let the next dispatches fail: "before" nothing happens, "after" the effect is there, "old" is a 204."""
    real, left = actions.server.post, list(effects)
    from devops_lab.github_api.answers import Answer

    def post(path, body=None):
        kind = left.pop(0) if path.endswith("/dispatches") and left else "well"
        if kind == "before":
            return Answer(502, text="<title>Unicorn!</title>")
        if kind == "old":
            assert real(path, {**body, "return_run_details": False}).status == 204
            return Answer(204)
        answer = real(path, body)
        return Answer(0, problem="Connection aborted") if kind == "after" else answer

    monkeypatch.setattr(actions.server, "post", post)


@pytest.mark.server
def test_an_old_server_s_run_is_never_guessed_and_the_person_may_tell(there, monkeypatch):
    faulty(there.actions, monkeypatch, ["old"])
    with pytest.raises(UnknownOutcomeError, match="which run it is cannot be told; it may be") as caught:
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    number = there.objects["runs"][0]["id"]
    assert len(caught.value.candidates) == 1 and attaching.mine(there.actions)[0].unknown
    with pytest.raises(MissingError):
        attaching.told(there.actions, caught.value.action, 1)
    assert attaching.told(there.actions, caught.value.action, number).id == number
    assert there.rows()[-1]["outcome"] == "done" and "student says: it is run" in there.rows()[-1]["message"]
    with pytest.raises(QuestionError, match="no action"):
        attaching.told(there.actions, caught.value.action, None)
    assert attaching.attach(there.actions).id == number
    real = there.driver.dispatch
    monkeypatch.setattr(there.driver, "dispatch", lambda *given: (real(*given), real(*given))[0])  # somebody else's too
    faulty(there.actions, monkeypatch, ["old"])
    with pytest.raises(UnknownOutcomeError, match="which run it is cannot be told") as caught:
        there.actions.dispatch(NAME, "deploy.yml", "main", {**STAGING, "version": "2"})
    assert attaching.told(there.actions, caught.value.action, None) is None
    assert there.rows()[-1]["outcome"] == "failed"
    assert len(caught.value.candidates) == 2


@pytest.mark.server
@pytest.mark.parametrize("kind", ["before", "after"])
def test_without_a_mark_a_fault_is_unknown_and_nothing_is_sent_again(there, monkeypatch, kind):
    faulty(there.actions, monkeypatch, [kind])
    for _ in range(2):  # a retry is not sent either
        with pytest.raises(UnknownOutcomeError):
            there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert len(there.driver.asked) == (kind == "after")
    (row,) = there.rows()
    assert row["outcome"] == "unknown" and row["run_id"] is None


@pytest.mark.server
def test_with_a_mark_each_dispatch_starts_exactly_once(tmp_path, monkeypatch):
    with serving(tmp_path, marked=True) as there:
        kinds = ["well", "before", "after", "old", "well", "after", "before", "well"]
        faulty(there.actions, monkeypatch, kinds)
        ids = []
        for number in range(6):
            ids.append(there.actions.dispatch(NAME, "deploy.yml", "main", {"environment": f"e{number}"}).id)
        assert len(set(ids)) == len(there.driver.asked) == 6
        assert [row["outcome"] for row in there.rows()] == ["done"] * 6
        assert all(row["mark"] for row in there.rows())


# ---------------------------------------------------------------------- runs


@pytest.mark.server
def test_a_run_is_watched_to_its_end_with_one_request_a_tick(there):
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    from devops_lab.actions.watching import Watch

    pauses, seen = [], []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 12:
            there.driver.end(NAME, run.id)

    before = there.actions.server.client.requests
    for progress in Watch(there.actions.server, run.path, pause=pause).changes():
        seen.append((progress.status, len(progress.jobs), progress.conclusion))
    assert seen[0] == ("in_progress", 0, None) and seen[1] == ("in_progress", 5, None)
    assert seen[-1] == ("completed", 5, "success")
    assert there.actions.server.client.requests - before == len(pauses) + 1
    assert max(pauses) == 15 and min(pauses) <= 1


@pytest.mark.server
def test_watching_outlives_the_network_and_tells_of_a_deleted_run(there):
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    from devops_lab.actions.watching import Watch

    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        there.server.control(faults={"fail_rate": 1.0 if 2 <= len(pauses) < 5 else 0.0})
        if len(pauses) == 7:
            there.objects["runs"] = [raw for raw in there.objects["runs"] if raw["id"] != run.id]

    troubles = set()
    with pytest.raises(SourceError, match="deleted"):
        for progress in Watch(there.actions.server, run.path, pause=pause).changes():
            troubles.add(progress.trouble[:8])
    assert any(text.startswith("HTTP 50") for text in troubles) and "" in troubles


@pytest.mark.server
def test_cancel_rerun_and_logs(there, tmp_path):
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    run.cancel()
    assert there.driver.asked[-1] == ("cancel", run.id) and run.watch().conclusion == "cancelled"
    run.rerun(failed_only=True)
    assert there.driver.asked[-1][:2] == ("rerun", run.id) and there.driver.asked[-1][2]
    with pytest.raises(SentActionError, match="already running"):
        run.rerun()
    assert [row["verb"] for row in there.rows()] == ["dispatch", "cancel", "rerun_failed", "rerun"]
    assert [row["outcome"] for row in there.rows()][-1] == "failed"
    job = run.jobs()[0]
    there.objects["logs"] = {job.id: lambda: "".join(f"2026-01-01T00:00:00.0000000Z {n}\n" for n in range(5000))}
    there.driver.end(NAME, run.id)
    tail = run.logs(job.name, tail=2, to=tmp_path / "log.txt")
    assert [line.split()[1] for line in tail] == ["4998", "4999"]
    assert len((tmp_path / "log.txt").read_text().splitlines()) == 5000
    assert not (tmp_path / "log.txt.partial").exists()
    with pytest.raises(MissingError, match="expired"):
        run.logs(run.jobs()[1].id)
    with pytest.raises(QuestionError, match="jobs: build"):
        run.logs("nothing")


@pytest.mark.server
def test_approving_and_rejecting(tmp_path):
    with serving(tmp_path) as there:
        waiting = next(iter(there.objects["pending_deployments"]))
        run = there.actions.run(NAME, waiting)
        assert list(run.waiting()) == ["production"]
        with pytest.raises(RefusedActionError, match="type its name"):
            run.approve()
        with pytest.raises(RefusedActionError, match="staging does not wait"):
            run.reject(["staging"])
        there.driver._put(NAME, waiting, triggering_actor={"login": "student"})
        with pytest.raises(RefusedActionError, match="starter may not approve"):
            run.approve(confirm="production")
        there.driver._put(NAME, waiting, triggering_actor={"login": "mona"})
        assert run.approve(["Production"], "go", confirm="production") == ["production"]
        assert there.driver.asked == [("review", waiting, [80], True, "go")]
        assert [row["outcome"] for row in there.rows()] == ["refused", "refused", "refused", "done"]


@pytest.mark.server
def test_a_rollback_starts_the_version_that_was_good_before(tmp_path):
    service = f'[[service]]\nname = "checkout"\nrepository = "{NAME}"\n'
    service += 'deployment = { from = "workflow", workflow = "deploy.yml" }'
    with serving(tmp_path, service=service) as there:
        at = datetime(2026, 1, 1)
        rows = [
            {"service": "checkout", "repository": NAME, "id": name, "environment": "production", "sha": sha(number),
             "started_at": at.replace(hour=hour), "finished_at": at.replace(hour=hour), "result": "success",
             "rule": "workflow"}
            for name, number, hour in (("a", 10, 1), ("b", 30, 2), ("c", 40, 3))
        ]  # fmt: skip
        there.store.write("deployments", rows, source="delivery")
        failure = {"service": "checkout", "failure_id": "incident:1", "source_kind": "incident", "deployment_id": "b"}
        there.store.write("failures", [{**failure, "started_at": at}], source="delivery")
        tags = [  # the second was put on the same commit later: it is not what was deployed then
            {"repository": NAME, "tag": tag, "sha": sha(10), "annotated": True, "tagged_at": at.replace(hour=hour)}
            for tag, hour in (("v1.0.0", 0), ("v1.0.1", 2))
        ]
        there.store.write("tags", tags, source="git")
        there.store.commit_snapshot(at)
        there.actions.store.refresh()
        back = there.actions.back("checkout")
        assert (back.ref, back.inputs, back.sha, back.from_sha) == (
            "v1.0.0",
            {"environment": "production"},
            sha(10),
            sha(40),
        )
        with pytest.raises(RefusedActionError, match="type its name"):
            there.actions.rollback("checkout")
        there.actions.rollback("checkout", confirm="production")
        assert there.driver.asked[-1][2:4] == ("refs/tags/v1.0.0", sha(10))
        assert there.rows()[-1]["verb"] == "rollback"
        with pytest.raises(QuestionError, match="no successful deployment"):
            there.actions.back("checkout", "moon")


@pytest.mark.server
def test_real_pipelines_are_driven(tmp_path):
    from devops_lab.practice import pipelines

    if pipelines.missing():
        skip(str(pipelines.missing()))
    with pipelines.Pipelines(tmp_path / "live", "larch", traffic=0, protected=()) as live:
        world = SimpleNamespace(repositories={live.repository.full_name: live.repository})
        with github_of(world, pipelines=live) as server:
            actions = Actions(lab(tmp_path, server.base))
            run = actions.dispatch(live.repository.full_name, "deliver.yml", "main", STAGING)
            told = []
            end = run.watch(timeout=60, on_change=told.append, slowest=1)
            assert (end.conclusion, [job.conclusion for job in end.jobs]) == ("success", ["success"] * len(end.jobs))
            assert len(told) >= 3 and any(step.conclusion for job in end.jobs for step in job.steps)
            assert run.logs("Build", tail=None)
            assert requests.get(f"http://127.0.0.1:{live.port('staging')}/", timeout=5).ok
