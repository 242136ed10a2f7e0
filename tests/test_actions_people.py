"""Several people behind one token: who asked is whom the proxy named, in rules, record and comments."""

import pytest
from made_github import NAME
from test_actions import STAGING, serving

from devops_lab.actions import Actions, RefusedActionError, dispatch
from devops_lab.errors import AccessError

pytestmark = pytest.mark.server
RULES = """
[[actions.allow]]
who = ["alice@example.org", "bob@example.org"]
"""
ALICE, BOB, EVE = "alice@example.org", "bob@example.org", "eve@example.org"


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path, RULES) as found:
        yield found


def of(there, person):
    """The actions of a person on the shared token."""
    own = there.actions
    return Actions(own.settings, own.store, person=person, sleep=there.waits.append, patience=3)


def test_rules_speak_of_the_person(there):
    alice = of(there, ALICE)
    assert (alice.who, alice.login, there.actions.who) == (ALICE, "student", "student")
    plan = alice.plan(NAME, "deploy.yml", "main", STAGING)
    assert plan.problems == [] and f"as {ALICE} (with student's token)" in plan.said()
    alice.dispatch(NAME, "deploy.yml", "main", STAGING)
    for nobody in (of(there, EVE), there.actions):  # the token's own login is no person of the rule
        with pytest.raises(RefusedActionError, match=f"lets {nobody.who} dispatch"):
            nobody.dispatch(NAME, "deploy.yml", "main", STAGING)
    told = [(row["person"], row["login"], row["outcome"]) for row in there.rows()]
    assert told == [(ALICE, "student", "done"), (EVE, "student", "refused"), (None, "student", "refused")]


def test_a_double_click_is_of_one_person(there):
    first = of(there, ALICE).dispatch(NAME, "deploy.yml", "main", STAGING)
    assert of(there, ALICE).dispatch(NAME, "deploy.yml", "main", STAGING).id == first.id
    assert of(there, BOB).dispatch(NAME, "deploy.yml", "main", STAGING).id != first.id
    assert len(there.driver.asked) == 2


def waiting_run(there, actions):
    """A run that `actions` started and that waits for production."""
    run = actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    pending = there.objects["pending_deployments"]
    there.objects["pending_deployments"] = {**pending, run.id: next(iter(pending.values()))}
    there.driver._put(NAME, run.id, status="waiting")
    return run.id


def test_the_starter_is_a_person_of_the_record(there):
    number = waiting_run(there, of(there, ALICE))
    with pytest.raises(RefusedActionError, match=f"{ALICE.upper()} started this run"):
        of(there, ALICE.upper()).run(NAME, number).approve(confirm="production")
    assert of(there, BOB).run(NAME, number).approve(confirm="production") == ["production"]
    assert there.driver.asked[-1][-1] == f"approved by {BOB}"


def test_where_nobody_recorded_the_person_nobody_behind_the_token_may_approve(there):
    number = waiting_run(there, of(there, ALICE))
    there.driver.end(NAME, number)
    of(there, BOB).run(NAME, number).rerun()  # now two of them started it
    there.driver._put(NAME, number, status="waiting")
    with pytest.raises(RefusedActionError, match=f"{BOB} started this run"):
        of(there, BOB).run(NAME, number).approve(confirm="production")
    other = there.driver.dispatch(NAME, there.objects["workflows"][0], "main", "0" * 40, {}, {"login": "student"})
    pending = there.objects["pending_deployments"]
    there.objects["pending_deployments"] = {**pending, other: next(iter(pending.values()))}
    with pytest.raises(RefusedActionError, match="for whom is not recorded: it may have been bob"):
        of(there, BOB).run(NAME, other).approve(confirm="production")
    with pytest.raises(RefusedActionError, match="for whom is not recorded"):
        of(there, "student").run(NAME, other).approve(confirm="production")
    there.driver._put(NAME, other, actor={"login": "mona"}, triggering_actor={"login": "mona"})
    of(there, BOB).run(NAME, other).approve(comment="looks good", confirm="production")
    assert there.driver.asked[-1][-1] == f"looks good (approved by {BOB})"


@pytest.mark.parametrize("name", ["", "  ", "a\nb", "x" * 400, "a\u202eb"])
def test_a_person_has_a_name(there, name):
    with pytest.raises(AccessError, match="named nobody"):
        of(there, name)


def test_a_notebook_behind_a_proxy_names_its_person(there):
    plan = dispatch(NAME, "deploy.yml", inputs=STAGING, settings=there.actions.settings, person=BOB, dry_run=True)
    assert plan.wish.who == BOB and plan.problems == [] and there.rows() == []
