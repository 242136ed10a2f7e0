import time

import pytest

from devops_lab.sources.messages import IssueText, is_bot, read_issue, read_message

SHA = "0123456789abcdef0123456789abcdef01234567"
OTHER = "fedcba9876543210fedcba9876543210fedcba98"


@pytest.mark.parametrize(
    ("message", "number", "head"),
    [
        ("Merge pull request #12 from acme/fix/login\n\nFix the login", 12, "fix/login"),
        ("Merge pull request #12 from plain", 12, "plain"),
        ("Fix the login (#12)", 12, None),
        ("Fix the login (#12) (#15)", 15, None),
        ("Fix the login (#12) again", None, None),
        ("Fix the login, see #12", None, None),
        ('Revert "Fix the login (#12)"', None, None),
        ('Revert "Fix the login (#12)" (#13)', 13, None),
        ("Merged in feature/x (pull request #7)\n\nx", 7, "feature/x"),
        ("Pull request #7: Feature x\n\nMerge in ACME/shop from feature/x to master", 7, "feature/x"),
        ("Merged PR 7: Feature x", 7, None),
        ("Merge branch 'feature/x' into 'main'\n\nX\n\nSee merge request acme/shop!7", 7, "feature/x"),
        ("Merge branch 'develop'", None, "develop"),
        ("Merge remote-tracking branch 'origin/main' into x", None, "main"),
        ("", None, None),
        (None, None, None),
    ],
)
def test_merges_and_squashes_name_their_pull_request(message, number, head):
    read = read_message(message)
    assert (read.pull_request, read.head_ref) == (number, head)


@pytest.mark.parametrize(
    ("message", "reverts"),
    [
        (f'Revert "x"\n\nThis reverts commit {SHA}.', SHA),
        (f'Revert "x"\n\nThis reverts commit {SHA}, reversing\nchanges made to {OTHER}.', SHA),
        (f"Revert two\n\nThis reverts commit {SHA}.\nThis reverts commit {OTHER}.", f"{SHA} {OTHER}"),
        (f"Revert two\n\nThis reverts commits {SHA[:9]}, {SHA[:8]} and {OTHER}.", f"{SHA[:9]} {SHA[:8]} {OTHER}"),
        (f"Undo\n\nThis reverts merge commit {SHA}", SHA),
        (f"Undo\n\nThis reverts merge {SHA}", SHA),
        (f"Undo a part\n\nThis partially reverts commit {SHA}.", SHA),
        (f"Undo\n\nThis reverts commit {SHA.upper()}.", SHA),
        ("Undo\n\nReverts acme/shop#12", "#12"),
        ("Undo\n\nReverts other/shop#12", None),
        ("Undo\n\nReverts #12 and #14", "#12 #14"),
        ("Revert #12", "#12"),
        ("Revert 0123456", "0123456"),
        ("Revert https://github.com/acme/shop/pull/12", "#12"),
        ("Revert defaced pages", None),
        ("Revert commit abc", None),
        ("This does not revert #12", None),
        (f"Undo\n\n<!-- This reverts commit {SHA} -->", None),
    ],
)
def test_reverts_name_what_they_mend(message, reverts):
    assert read_message(message, "acme/shop").reverts == reverts


@pytest.mark.parametrize(
    ("message", "closes"),
    [
        ("x\n\nFixes #3", "#3"),
        ("x\n\ncloses #3, resolves: #4 and Fixed #5", "#3 #4 #5"),
        ("x\n\nCloses Acme/Shop#3, closes other/shop#4", "#3"),
        ("Fix #3", "#3"),
        ("x\n\nResolved https://github.com/acme/shop/issues/9", "#9"),
        ("prefixes #3, fixing #3, fix the #3", None),
        ("x\n\n<!-- Fixes #3 -->\nnothing <!-- Fixes #4", None),
        ("x\r\n\r\nFixes #3\r\n", "#3"),
    ],
)
def test_closing_words_are_those_of_github(message, closes):
    assert read_message(message, "acme/shop").closes == closes


def test_without_a_repository_every_number_counts():
    assert read_message("x\n\nFixes other/shop#4").closes == "#4"


def test_the_subject_is_the_first_line():
    assert read_message("\n  Fix it  \nand more").subject == "Fix it"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"Caused by: {SHA}", IssueText(SHA, None, None)),
        ("**Caused by:** #12, acme/shop#13", IssueText("#12 #13", None, None)),
        ("Caused-by: https://github.com/acme/shop/pull/12/files", IssueText("#12", None, None)),
        ("- Fixed by: https://github.com/acme/shop/actions/runs/99/attempts/2", IssueText(None, "run:99", None)),
        ("Fixed-By: <https://github.com/acme/shop/deployments/77>.", IssueText(None, "deployment:77", None)),
        ("fixed by: [the fix](https://github.com/acme/shop/commit/0123456)", IssueText(None, "0123456", None)),
        ("Caused by: deployment 4711", IssueText("4711", None, None)),
        ("Caused by: v1.2.3", IssueText("v1.2.3", None, None)),
        ("Caused by: `run:99`", IssueText("run:99", None, None)),
        ("### Caused by\n\n#12\n\n### Fixed by\n\n_No response_", IssueText("#12", None, None)),
        ("### Caused by\n\n### Version 1.2\n\nx", IssueText(None, None, None)),
        ("Caused by: someone@example.com or @bob42 or a bad day", IssueText(None, None, None)),
        ("It was fixed by #12 and caused by #13", IssueText(None, None, None)),
        ("Duplicate of #5", IssueText(None, None, "#5")),
        ("Text\n\nDuplicate of acme/shop#5\nDuplicate of #6", IssueText(None, None, "#5")),
        ("Duplicate of https://github.com/acme/shop/issues/5", IssueText(None, None, "#5")),
        (None, IssueText(None, None, None)),
    ],
)
def test_issues_name_cause_remedy_and_duplicate(body, expected):
    assert read_issue(body, "acme/shop") == expected


@pytest.mark.parametrize(
    "text",
    [
        "<!--" * 50_000,
        "This reverts commits " + f"{SHA}, " * 8_000,
        "fix " * 60_000,
        "fix " + "a" * 200_000,
        "fix " + "a/" * 100_000 + "#1",
        "closes:" + " " * 200_000,
        "\n".join(["Caused by"] * 20_000),
        "Caused by: " + "1" * 200_000,
        "Caused by: " + "https://" * 30_000,
        "Caused by: " + "a/actions/runs" * 20_000,
        "Merge branch '" + "x" * 200_000,
        "(#" * 100_000,
        "reverts " * 40_000,
        "> " * 100_000 + "revert",
    ],
)
def test_hostile_texts_take_linear_time(text):
    started = time.perf_counter()
    read_message(text)
    read_issue(text)
    assert time.perf_counter() - started < 1.5


@pytest.mark.parametrize(
    ("name", "email", "bot"),
    [
        ("dependabot[bot]", "49699333+dependabot[bot]@users.noreply.github.com", True),
        ("prombot", "prometheus-team@googlegroups.com", True),
        ("Renovate", None, True),
        ("Anybody", "bot@renovateapp.com", True),
        ("release-bot", None, True),
        ("Ada Abbot", "ada@example.org", False),
        ("Ada", "ada@robotics.example", False),
        (None, None, False),
    ],
)
def test_bots_are_programs(name, email, bot):
    assert is_bot(name, email) is bot
