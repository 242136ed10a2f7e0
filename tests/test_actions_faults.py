"""Faults: of a thousand dispatches a fifth fails, before or after its effect; each is started once or is unknown."""

import json
import time
from collections import Counter

import pytest
from made_github import NAME
from test_actions import STAGING, serving

from devops_lab.actions import SentActionError, UnknownOutcomeError
from devops_lab.actions.record import Record
from devops_lab.actions.watching import Watch
from devops_lab.errors import AccessError, SourceError, StoreError
from devops_lab.github_api.answers import Answer

pytestmark = pytest.mark.server
MARKED = b"""
run-name: Deploy ${{ inputs.version }} ${{ inputs.mark }}
on: {workflow_dispatch: {inputs: {version: {type: string}, mark: {type: string}}}}
jobs: {deploy: {runs-on: ubuntu-latest, steps: [{run: make}]}}
"""
PLAIN = MARKED.replace(b", mark: {type: string}", b"").replace(b" ${{ inputs.mark }}", b"")
FAULTS = {"fail_rate": 0.1, "late": 0.05, "drop": 0.05}


class Kept(Record):
    """The record of many actions at once: its rows are written in one go."""

    def __init__(self, store, token):
        super().__init__(store, token)
        self.kept = {}

    def _put(self, row):
        assert self.kept.get(row["id"], {}).get("outcome") in (None, "sending", "unknown")
        self.kept[row["id"]] = dict(row)
        return dict(row)

    def _recent(self, key, within, unsettled):
        return None

    def whole(self, store):
        store.write("actions", self.kept.values(), source="actions")


@pytest.mark.parametrize("seed", [7])
def test_of_a_thousand_dispatches_each_is_started_once_or_said_to_be_unknown(tmp_path, seed):
    """The run shows a mark; the answer names the run; neither, as on a server that is too old for both."""
    shares = {}
    for kind, count in (("mark", 333), ("answer", 333), ("neither", 334)):
        with serving(tmp_path / kind, marked=kind == "mark") as there:
            there.server.control(limit=10**6)
            there.objects["files"] = lambda at, path, kind=kind: MARKED if kind == "mark" else PLAIN
            actions, record = there.actions, Kept(there.store, "practice")
            actions.patience = 1.0
            actions.record, real = record, actions.server.post
            sent = []

            def post(path, body, kind=kind, real=real, sent=sent):
                sent.append(body["inputs"]["version"])
                told = kind == "answer"  # else the server knows nothing of return_run_details
                return real(path, body if told else {**body, "return_run_details": False})

            actions.server.post = post
            actions.login  # noqa: B018 - asked for before the faults begin
            there.server.control(faults={**FAULTS, "seed": seed})
            started, unknown = [], 0
            for number in range(count):
                try:
                    started.append(actions.dispatch(NAME, "deploy.yml", "main", {"version": str(number)}).id)
                except UnknownOutcomeError as problem:
                    unknown += 1
                    assert problem.action in record.kept
            record.whole(there.store)
            outcomes = Counter(row["outcome"] for row in there.rows())
            assert outcomes == Counter({"done": len(started), "unknown": unknown}) and outcomes.total() == count
            versions = [asked[4]["version"] for asked in there.driver.asked]
            assert len(set(versions)) == len(versions), "one was started twice"
            ids = {int(row["run_id"]) for row in there.rows() if row["outcome"] == "done"}
            titles = {raw["id"] for raw in there.objects["runs"]}
            assert len(set(started)) == len(started) and set(started) == ids <= titles
            assert (
                set(sent)
                == {str(number) for number in range(count)}
                == {json.loads(row["inputs"])["version"] for row in there.rows()}
            )
            if kind != "mark":
                assert len(sent) == count, "one was sent again though nobody knew what came of it"
            shares[kind] = (len(started), unknown, count - len(versions))
    assert shares["mark"] == (333, 0, 0)  # exactly once
    done, lost, never = shares["answer"]
    assert done + lost == 333 and 0 < never < lost < 0.3 * 333
    assert shares["neither"][:2] == (0, 334) and shares["neither"][2] > 0


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path) as found:
        yield found


def test_a_502_to_the_dispatch_asks_the_person_and_sends_nothing_again(there):
    real = there.actions.server.post

    def late(path, body):
        real(path, body)
        return Answer(502, text="<title>Unicorn!</title>")

    there.actions.server.post = late
    with pytest.raises(UnknownOutcomeError, match=r"not known whether it was started \(HTTP 502 Unicorn!\)") as caught:
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert len(caught.value.candidates) == len(there.driver.asked) == 1
    with pytest.raises(UnknownOutcomeError, match="is not sent twice") as again:
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert again.value.action == caught.value.action and len(there.driver.asked) == 1
    there.actions.server.post = real
    there.actions.dispatch(NAME, "deploy.yml", "main", STAGING, again=True)  # on purpose
    assert len(there.driver.asked) == 2


def test_where_the_mark_cannot_be_looked_for_nothing_is_sent_again(tmp_path):
    with serving(tmp_path, marked=True) as there:
        real, sent = there.actions.server.post, []

        def dropped(path, body):
            sent.append(real(path, body))
            there.server.control(faults={"fail_rate": 1.0})  # and gone is the server
            return Answer(0, problem="Connection aborted")

        there.actions.server.post = dropped
        with pytest.raises(UnknownOutcomeError, match="Connection aborted"):
            there.actions.dispatch(NAME, "deploy.yml", "main", {"environment": "staging"})
        assert len(sent) == 1


def test_a_server_that_is_not_there_started_nothing(there):
    there.actions.server.post = lambda path, body: Answer(0, problem="refused", sent=False)
    with pytest.raises(SourceError, match="not reached, so nothing was started"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert there.rows()[-1]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (Answer(403, {"retry-after": "60"}, '{"message": "You have exceeded a secondary rate limit"}'), SentActionError,
         "again in 6[0-9] s"),
        (Answer(403, {}, '{"message": "Must have admin rights to Repository."}'), AccessError, "the scope repo"),
        (Answer(401, {}, '{"message": "Bad credentials"}'), AccessError, "wrong, expired, revoked"),
        (Answer(307, {"location": "elsewhere"}), SentActionError, "has moved, so nothing was started"),
        (Answer(422, {}, '{"message": "No ref found for: gone"}'), SentActionError, "No ref found for: gone"),
    ],
)  # fmt: skip
def test_what_the_server_refuses_is_said_plainly(there, answer, kind, said):
    there.actions.server.post = lambda path, body: answer
    with pytest.raises(kind, match=said):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    row = there.rows()[-1]
    assert row["outcome"] == "failed" and row["settled_at"] is not None and there.driver.asked == []


def test_the_network_is_gone_for_a_minute_and_watching_goes_on_by_itself(there):
    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    now, real, told = [0.0], there.actions.server.look, []

    def look(path, held=None, **parameters):
        if 5 <= now[0] < 65:
            return Answer(0, problem="Network is unreachable", sent=False)
        return real(path, held, **parameters)

    def pause(seconds):
        now[0] += seconds
        if now[0] > 90:
            there.driver.end(NAME, run.id)

    there.actions.server.look = look
    for progress in Watch(there.actions.server, run.path, pause=pause).changes():
        told.append((progress.trouble, progress.status, len(progress.jobs)))
    assert ("Network is unreachable", "in_progress", 5) in told  # what was known stays
    assert told[-1] == ("", "completed", 5)
    assert [trouble for trouble, *_ in told].count("Network is unreachable") == 1  # said once


def test_a_ref_that_goes_between_the_check_and_the_dispatch_is_told(there):
    real = there.actions.server.post

    def post(path, body):
        there.objects["branches"] = []
        return real(path, body)

    there.actions.server.post = post
    with pytest.raises(SentActionError, match="No ref found"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)


def test_a_record_in_a_folder_that_cannot_be_written_stops_everything(there, monkeypatch):
    from filelock import FileLock

    def readonly(lock):
        raise PermissionError(13, "Permission denied", lock.lock_file)

    monkeypatch.setattr(FileLock, "_acquire", readonly)
    with pytest.raises(StoreError, match=r"cannot be recorded, so it is not sent.*Permission denied"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert there.driver.asked == []


def test_the_same_click_from_another_process_is_the_same_run(there):
    """Another process knows of the first by the store alone."""
    from devops_lab.actions import Actions
    from devops_lab.store import Store

    run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    other = Actions(there.actions.settings, Store(there.store.path), sleep=there.waits.append)
    assert other.dispatch(NAME, "deploy.yml", "main", STAGING).id == run.id and len(there.driver.asked) == 1


def test_a_click_whose_process_died_is_waited_for_and_then_unknown(there):
    real = there.actions.server.post

    def killed(path, body):
        raise KeyboardInterrupt

    there.actions.server.post = killed
    with pytest.raises(KeyboardInterrupt):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    there.actions.server.post = real
    assert there.rows()[-1]["outcome"] == "sending"
    with pytest.raises(UnknownOutcomeError, match="its answer has not come yet"):
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert sum(there.waits) > 20 and there.driver.asked == []


def test_a_cancel_of_which_nobody_knows_may_be_asked_for_again_soon(tmp_path):
    with serving(tmp_path, "[actions]\nagain_within = 1") as there:
        run = there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
        real = there.actions.server.post
        there.actions.server.post = lambda path, body=None: Answer(0, problem="Connection aborted")
        with pytest.raises(UnknownOutcomeError, match="not known whether it was done"):
            run.cancel()
        there.actions.server.post = real
        time.sleep(1.1)
        run.cancel()
        assert [row["outcome"] for row in there.rows()] == ["done", "unknown", "done"]
