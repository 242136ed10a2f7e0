"""A reported deployment's commit: by sha, shortened sha, tag, version or release; what could be two commits is none."""

import pytest
from made_rows import at, by_id, commit, derived, reported, service, sha

from devops_lab.delivery.commit_names import Commits

FILE = {"from": "file", "path": "x.csv"}
A, B = "aaaaaaa1" + "0" * 32, "aaaaaaa2" + "0" * 32


def commits(*tags, releases=(), shas=(A, B), name="checkout"):
    rows = [{"tag": tag, "sha": sha} for tag, sha in tags]
    return Commits(service(FILE, name=name, repository="acme/shop"), shas, rows, releases)


def found(known: Commits, sha=None, tag=None):
    return known.of({"sha": sha, "tag": tag})[0]


def test_a_version_is_its_tag_with_or_without_v():
    """Worked example: v1.2.3 is A and 1.3.0 is B; each may be said the other way."""
    known = commits(("v1.2.3", A), ("1.3.0", B))
    assert [found(known, tag=text) for text in ("v1.2.3", "1.2.3", "V1.2.3", "1.3.0", "v1.3.0")] == [A, A, A, B, B]
    assert [found(known, tag=text) for text in ("1.2", "1.2.30", "v1.2.4", "2.3", "")] == [None] * 5


def test_shas_may_be_shortened_but_not_to_two_commits():
    known = commits()
    assert found(known, sha=A) == A
    assert found(known, sha="AAAAAAA2") == B
    assert found(known, sha="aaaaaaa") is None
    assert found(known, sha="aaaaaa") is None
    assert found(known, sha="bbbbbbb") is None


@pytest.mark.parametrize("tag", ["checkout-1.2.3", "checkout/v1.2.3", "Checkout@1.2.3", "shop_v1.2.3", "release-1.2.3"])
def test_a_version_may_have_its_own_name_before_it(tag):
    assert found(commits((tag, A), ("billing-v1.2.3", B)), tag="1.2.3") == A
    assert found(commits((tag, A)), tag="billing-1.2.3") is None


def test_two_tags_of_one_version_must_name_one_commit():
    assert found(commits(("v1.2.3", A), ("checkout-1.2.3", A)), tag="1.2.3") == A
    two = commits(("v1.2.3", A), ("checkout-1.2.3", B))
    assert found(two, tag="1.2.3") is None
    assert found(two, tag="checkout-1.2.3") == B


def test_pre_releases_are_versions_of_their_own():
    known = commits(("v1.2.3", A), ("v1.2.3-rc.1", B))
    assert (found(known, tag="1.2.3-rc.1"), found(known, tag="1.2.3")) == (B, A)


def test_releases_tell_what_tags_do_not():
    rows = [{"tag": "v2.0.0", "name": "Spring", "target": A}, {"tag": "v2.1.0", "name": "Summer", "target": "main"}]
    known = commits(releases=rows)
    assert (found(known, tag="2.0.0"), found(known, tag="Spring")) == (A, A)
    assert (found(known, tag="2.1.0"), found(known, tag="Summer")) == (None, None)
    assert found(commits(("v2.0.0", B), releases=rows), tag="Spring") == B


def test_what_two_releases_are_called_is_neither():
    rows = [{"tag": tag, "name": "Spring", "target": sha} for tag, sha in (("v1", A), ("v2", B))]
    assert found(commits(releases=rows), tag="Spring") is None


def test_either_column_may_hold_the_others_kind():
    known = commits(("v1.2.3", A), ("1234567", B), shas=(A, B, "1234567" + "f" * 33))
    assert found(known, sha="1.2.3") == A
    assert found(known, tag="aaaaaaa2") == B
    assert found(known, tag="1234567") == B
    assert found(known, sha="1234567") == "1234567" + "f" * 33
    assert found(known, sha="deadbeef", tag="v1.2.3") == A


LINE = [commit("a", "", at(1)), commit("b", "a", at(2)), commit("c", "b", at(3))]


def of_files(*rows, **tables):
    return derived(service(FILE), LINE, reported_deployments=rows, **tables)


def test_a_deployment_by_version_carries_its_changes_and_is_called_by_the_tag():
    rows = [
        reported("1", "a", at(4)),
        reported("2", None, at(5), tag="1.1.0"),
        reported("3", None, at(6), sha=sha("c")[:9]),
    ]
    tags = [{"tag": "v1.1.0", "sha": sha("b"), "tagged_at": at(2)}]
    incident = {"id": "i", "started_at": at(9), "caused_by": "v1.1.0", "source": "file"}
    answer = of_files(*rows, tags=tags, incidents=[incident])
    assert {row["sha"]: row["deployment_id"] for row in answer.changes} == {sha("a"): "1", sha("b"): "2", sha("c"): "3"}
    assert [(row["deployment_id"], row["grade"]) for row in answer.failures] == [("2", "link")]
    assert answer.warnings == []


def test_what_names_no_commit_counts_and_is_named_with_what_is_near():
    tags = [{"tag": "v1.1.0", "sha": sha("b"), "tagged_at": at(2)}]
    rows = [reported("1", "a", at(4)), reported("2", None, at(5), tag="1.1.1"), reported("3", None, at(6))]
    answer = of_files(*rows, tags=tags)
    assert by_id(answer.deployments)["2"]["sha"] is None
    assert len(answer.deployments) == 3
    [said] = answer.warnings
    assert "acme/checkout (1): '2' (1.1.1); nearest tags: v1.1.0; write a sha" in said


def test_deployments_before_the_first_known_commit_are_passed_over():
    assert of_files(reported("old", "gone", at(1, "08:00"))).warnings == []
    [said] = of_files(reported("new", "gone", at(8))).warnings
    assert "'new'" in said


def test_many_unknown_names_are_one_warning():
    rows = [reported(str(number), f"gone{number}", at(5)) for number in range(9)]
    [said] = of_files(*rows).warnings
    assert "(9): '0'" in said
    assert said.count("'") == 2 + 2 * 5
    assert "and 4 more" in said
