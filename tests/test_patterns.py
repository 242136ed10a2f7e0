"""GitHub's filter patterns: the cheat sheet's own examples, and what made the lab's rules go wrong."""

import warnings

import pytest

from devops_lab.patterns import expression, job_matches, matches, nearest


@pytest.mark.parametrize(
    ("pattern", "meant", "not_meant"),
    [
        ("feature/*", ["feature/my-branch", "feature/your-branch"], ["feature/beta-a/my-branch", "feature"]),
        ("feature/**", ["feature/beta-a/my-branch", "feature/mona/the/octocat"], ["feature"]),
        ("releases/mona-the-octocat", ["releases/mona-the-octocat"], ["releases/mona"]),
        ("*", ["main", "releases"], ["all/the/branches"]),
        ("**", ["all/the/branches", "every/tag", ""], []),
        ("*feature", ["mona-feature", "feature", "ver-10-feature"], ["feature/x"]),
        ("v2*", ["v2", "v2.0", "v2.9"], ["v1"]),
        ("v[12].[0-9]+.[0-9]+", ["v1.10.1", "v2.0.0"], ["v3.0.0", "v1.10", "v1.10.1-rc.1"]),
        ("*.jsx?", ["page.js", "page.jsx"], ["page.jsxx"]),
        ("**.js", ["index.js", "js/index.js", "src/js/app.js"], ["app.jsx"]),
        ("docs/**/*.md", ["docs/README.md", "docs/mona/hello-world.md", "docs/a/markdown/file.md"], ["README.md"]),
        ("**/docs/**", ["docs/hello.md", "dir/docs/my-file.txt", "space/docs/plan/space.doc"], ["docs"]),
        ("**/*src/**", ["a/src/app.js", "my-src/code/js/app.js"], ["src"]),
        ("**/migrate-*.sql", ["migrate-10909.sql", "db/migrate-v1.0.sql", "db/sept/migrate-v1.sql"], ["migrate.sql"]),
        (r"v\*", ["v*"], ["v1"]),
        (r"c\+?", ["c", "c+"], ["c++"]),
        ("[]x]", ["]", "x"], ["[]x"]),
        ("a.b", ["a.b"], ["axb"]),
    ],
)
def test_the_cheat_sheet(pattern, meant, not_meant):
    assert [name for name in meant + not_meant if matches(name, [pattern])] == meant


def test_the_last_pattern_that_matches_decides():
    assert matches("releases/10", ["releases/**", "!releases/**-alpha"])
    assert not matches("releases/10-alpha", ["releases/**", "!releases/**-alpha"])
    assert matches("releases/10-alpha", ["releases/**", "!releases/**-alpha", "releases/10*"])
    assert not matches("main", ["!develop"])
    assert not matches("main", [])
    assert not matches(None, ["**"])


def test_an_exact_match_always_wins():
    assert matches("deploy [prod]", ["deploy [prod]"])
    assert matches("deploy (c++)", ["deploy (c++)"])
    assert matches("v1", ["v1", "!v*"])


def test_environments_compare_without_case():
    assert matches("Production", ["production"], ignore_case=True)
    assert matches("PROD-EU", ["prod-*"], ignore_case=True)
    assert not matches("Production", ["production"])


@pytest.mark.parametrize("wrong", ["[0-9", "?x", "+", "a**+", "[z-a]", "a/*?"])
def test_what_cannot_be_read_says_so(wrong):
    with pytest.raises(ValueError, match="'"):
        expression(wrong)


def test_sets_are_plain_sets():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [c for c in "a^[&|~\\-b" if matches(c, ["[^[&&||~~\\a]"])] == list("a^[&|~\\")


@pytest.mark.parametrize(
    ("name", "wanted", "meant"),
    [
        ("deploy", ["deploy"], True),
        ("deploy (eu, 3.12)", ["deploy"], True),
        ("deploy (eu (west))", ["deploy"], True),
        ("deploy (eu)", ["deploy (eu)"], True),
        ("deploy (us)", ["deploy (eu)"], False),
        ("release / deploy", ["deploy"], True),
        ("release / deploy (eu)", ["release / deploy"], True),
        ("release (eu) / deploy", ["release / deploy"], True),
        ("build (x) / test", ["build"], False),
        ("deploy / smoke", ["deploy"], False),
        ("deploy-prod (eu)", ["deploy-*", "!deploy-staging"], True),
        ("deploy-staging (eu)", ["deploy-*", "!deploy-staging"], False),
        ("deploy (eu)", ["deploy", "!deploy (eu)"], False),
        ("deploy (us)", ["deploy", "!deploy (eu)"], True),
        (None, ["**"], False),
    ],
)
def test_jobs(name, wanted, meant):
    assert job_matches(name, wanted) is meant


def test_nearest_misses():
    names = ["prod-eu", "prod-us", "staging", "github-pages", None, ""]
    assert nearest(["production"], names) == ["prod-eu", "prod-us", "staging"]
    assert nearest(["Staging"], names)[0] == "staging"
    assert nearest(["deploy-*"], ["Deploy-Prod", "lint"]) == ["Deploy-Prod"]
    assert nearest(["!v0.*"], ["v0.1"]) == []
    assert nearest(["zzz"], names) == []
    assert len(nearest(["prod"], [f"prod-{n}" for n in range(9)])) == 3
