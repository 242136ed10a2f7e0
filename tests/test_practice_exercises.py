"""Exercises: a student who uses the lab gets all right, typical mistakes their hint, bad files all their problems."""

import tomllib
from datetime import datetime, timedelta
from functools import lru_cache

import pytest

import devops_lab.sync
from devops_lab import config, metrics
from devops_lab.errors import ConfigError
from devops_lab.practice import exercises
from devops_lab.practice.exercises import NO_ANSWER, RIGHT, WRONG, check, questions_toml
from devops_lab.practice.exercises_sheet import sheet
from devops_lab.practice.exercises_truth import Span, span
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make

UNTIL = datetime(2026, 11, 20, 12)
KEYS = (
    "frequency", "lead_time", "fail_rate", "fail_rate_n", "recovery_time", "rework_rate",
    "most_failing", "last_failed", "last_incident", "unlinked",
)  # fmt: skip


@lru_cache(maxsize=4)
def company(seed=1):
    return make(seed, until=UNTIL)


def right(seed=1):
    """The right answers, as one would write them."""
    return {exercise.key: solution.right[0] for exercise, solution in sheet(company(seed))}


def written(answers):
    texts = {key: f'"{value}"' if isinstance(value, str) else repr(float(value)) for key, value in answers.items()}
    return "".join(f"{key} = {text}\n" for key, text in texts.items())


def one(key, value, seed=1):
    """The mark of a file with one answer changed."""
    return next(mark for mark in check(company(seed), written({**right(seed), key: value})) if mark.key == key)


def test_windows_are_whole_days():
    """90 days before 20 November 12:00 end at its midnight and begin on 22 August."""
    assert span(UNTIL, 90) == Span(datetime(2026, 8, 22), datetime(2026, 11, 20))
    assert (
        "from 2026-08-22 until 2026-11-20 (UTC, the last day not included)"
        in exercises.exercises(company())[0].question
    )


def test_the_file_as_it_is_written_has_no_answers():
    text = questions_toml(company())
    content = tomllib.loads(text)
    assert content.pop("company") == company().name
    assert content.pop("until").replace(tzinfo=None) == UNTIL
    assert content == dict.fromkeys(KEYS, "")
    assert max(map(len, text.splitlines())) <= 120
    marks = check(company(), text)
    assert [mark.key for mark in marks] == list(KEYS)
    assert {mark.verdict for mark in marks} == {NO_ANSWER} == {mark.verdict for mark in check(company(), "")}
    assert all(mark.hint and mark.answer is None for mark in marks)


def test_exercises_do_not_hold_their_answers():
    listed = exercises.exercises(company())
    assert [exercise.key for exercise in listed] == list(KEYS)
    solutions = right()
    for exercise in listed:
        value = solutions[exercise.key]
        asked = vars(exercise) if not isinstance(value, str) or exercise.kind == "sha" else {}
        assert str(value) not in map(str, asked.values()), exercise.key


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_right_answers_are_right_and_mistakes_have_hints(seed):
    assert {mark.verdict for mark in check(company(seed), written(right(seed)))} == {RIGHT}
    for exercise, solution in sheet(company(seed)):
        hints = {hint for _, hint in solution.mistakes}
        for value in [value for value, _ in solution.mistakes][:20]:
            mark = one(exercise.key, value, seed)
            if mark.verdict == RIGHT:  # what the mistake would change did not happen here
                assert value in solution.right or value == pytest.approx(solution.right[0], rel=0.0101)
            else:
                assert mark.hint in hints
        assert not any(str(value) in hint.split() for value in solution.right for hint in {*hints, solution.pointer})


@pytest.mark.parametrize(
    ("key", "change", "hint"),
    [
        ("lead_time", lambda value: value / 24, "that is in days; hours are asked"),
        ("fail_rate", lambda value: 100 * value, "that is the number of percent"),
        ("frequency", lambda value: value / 7, "that is per day"),
        ("frequency", lambda value: value * 90 / 7, "that is the count"),
        ("recovery_time", lambda value: value * 60, "that is in minutes"),
        ("rework_rate", lambda value: value + 0.3, "deployment_rework_rate.observations"),
        ("unlinked", lambda value: value + 1000, "`store.failures` has a grade"),
    ],
)
def test_mistakes_have_their_hint(key, change, hint):
    mark = one(key, change(right()[key]))
    assert mark.verdict == WRONG and hint in mark.hint


def test_mistakes_of_counting_have_their_hint():
    """From the truth by hand: all runs of gateway in 90 days, and the mean lead time of checkout."""
    since, end = datetime(2026, 8, 22), datetime(2026, 11, 20)
    runs = [d for d in company().truth.deployments if d.service == "gateway" and since <= d.finished_at < end]
    assert any(run.result != "success" for run in runs)
    assert "did not get to production" in one("frequency", len(runs) / 90 * 7).hint
    changes = [c for c in company().truth.changes if c.service == "checkout" and since <= c.deployed_at < end]
    hours = [(c.deployed_at - c.first_commit_at).total_seconds() / 3600 for c in changes]
    assert one("lead_time", sum(hours) / len(hours)).hint.startswith("that is the mean; the median was asked")
    unsuccessful = next(
        d.sha for d in company().truth.deployments if d.service == "checkout" and d.result == "failure"
        and d.finished_at >= UNTIL - timedelta(days=290)
    )  # fmt: skip
    assert one("last_failed", unsuccessful).verdict == WRONG


def test_rounding_and_short_shas_are_right():
    answers = right()
    assert one("lead_time", round(answers["lead_time"], 1)).verdict == RIGHT
    assert one("lead_time", answers["lead_time"] * 1.02).verdict == WRONG
    assert one("last_failed", answers["last_failed"][:7].upper()).verdict == RIGHT
    assert one("fail_rate_n", int(answers["fail_rate_n"])).verdict == RIGHT
    assert one("fail_rate_n", answers["fail_rate_n"] + 1).verdict == WRONG
    assert one("most_failing", f" {answers['most_failing'].title()} ").verdict == RIGHT


def problems(text):
    with pytest.raises(ConfigError) as caught:
        check(company(), text, "my.toml")
    assert str(caught.value).startswith("my.toml: ")
    return caught.value.problems


def test_all_problems_are_told_at_once():
    found = problems(
        'frequency = "often"\nlead_tme = 3\nfail_rate_n = 2.5\nmost_failing = 3\nlast_failed = "ab"\nnonsense = 1\n'
        "recovery_time = nan\nrework_rate = true\nlast_incident = [1]\nunlinked = 2026-01-01\n"
    )
    assert len(found) == 10
    assert "'lead_tme' is no exercise; did you mean 'lead_time'?" in found
    assert f"'nonsense' is no exercise; there are {', '.join(KEYS)}" in found
    assert "frequency = 'often': write a number without quotes, such as 12.5" in found
    assert "fail_rate_n = 2.5: write a whole number without quotes, such as 12" in found
    assert 'most_failing = 3: write a name in quotes, such as "checkout"' in found
    assert "last_failed = 'ab': write at least 7 characters of a sha in quotes, such as \"0a1b2c3\"" in found


@pytest.mark.parametrize("text", ["lead_time = ", "last_failed = 0a1b2c3d", "= 3", "a = 1\na = 2\n", "\x00"])
def test_bad_toml_says_where(text):
    (problem,) = problems(text)
    assert problem.startswith("is no TOML: ") and ("line" in problem or "at end of document" in problem)


@pytest.mark.parametrize("number", ["inf", "-inf", "1" + "0" * 400, "1e300"])
def test_numbers_without_end_are_no_numbers(number):
    assert "write a number without quotes" in problems(f"lead_time = {number}")[0]


def test_answers_about_another_company_are_not_marked():
    other = questions_toml(company(2))
    assert problems(other) == [
        f"company = 'heron': the practice organisation here is {company().name!r} (another seed?)"
    ]
    assert "each `practice up` makes it anew" in problems("until = 2026-11-19T12:00:00Z\n")[0]
    assert "each `practice up` makes it anew" in problems("until = 3\n")[0]


# ---------------------------------------------------------------- with the lab


def student(store, windows, asked):
    """Answer every question with the lab alone: the windows and the service stand in the questions."""
    quarter, half, long = ({"since": one.since, "until": one.until} for one in windows)
    recovering = next(one.question for one in asked if one.key == "recovery_time").split("`")[1]

    def number(name, service, window):
        return getattr(metrics, name).window(store, service=service, **window).iloc[0]

    fail_rate = number("change_fail_rate", "web", half)
    rates = metrics.change_fail_rate.window(store, by="service", **half).set_index("group_name")["value"]
    last = store.rows(
        "select d.sha, f.incident_id from failures f join deployments d on d.service = f.service and "
        "d.id = f.deployment_id where f.service = 'checkout' and f.incident_id is not null and f.excluded is null "
        "and d.result = 'success' and d.finished_at >= $since and d.finished_at < $until "
        "order by d.finished_at desc limit 1",
        **long,
    )[0]
    unlinked = store.rows(
        "select count(*) as n from failures where service = 'catalog' and incident_id is not null and excluded is null "
        "and coalesce(grade, 'none') <> 'link' and started_at >= $since and started_at < $until",
        **half,
    )[0]["n"]
    return {
        "frequency": number("deployment_frequency", "gateway", quarter)["value"],
        "lead_time": number("change_lead_time", "checkout", quarter)["value"],
        "fail_rate": fail_rate["value"],
        "fail_rate_n": int(fail_rate["n"]),
        "recovery_time": number("failed_deployment_recovery_time", recovering, long)["value"],
        "rework_rate": number("deployment_rework_rate", "checkout", half)["value"],
        "most_failing": rates[["accounts", "checkout", "web"]].idxmax(),
        "last_failed": last["sha"][:10],
        "last_incident": int(last["incident_id"].rpartition("#")[2]),
        "unlinked": unlinked,
    }


@pytest.mark.server
@pytest.mark.parametrize("seed", [2])  # 1 is the company of most other tests
def test_a_student_with_the_lab_gets_all_right(seed, tmp_path, monkeypatch):
    from devops_lab.practice.server import Options, serve
    from devops_lab.store import Store

    monkeypatch.setenv("GITHUB_TOKEN", "practice-token")
    monkeypatch.setattr(devops_lab.sync, "_now", lambda: UNTIL)
    with serve(company(seed), options=Options(limit=1_000_000)) as url:
        (tmp_path / "lab.toml").write_text(lab_toml(company(seed).name, url, dora_alone=True))
        settings = config.load(tmp_path / "lab.toml")
        store = Store(settings.store)
        devops_lab.sync.sync(store, settings, since=UNTIL - timedelta(days=400))
    answers = student(store, [span(UNTIL, days) for days in (90, 182, 300)], exercises.exercises(company(seed)))
    text = questions_toml(company(seed))
    for key, value in answers.items():
        text = text.replace(f'{key} = ""', written({key: value}).strip())
    assert {mark.key: mark.verdict for mark in check(company(seed), text)} == dict.fromkeys(KEYS, RIGHT)
