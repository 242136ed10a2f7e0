import time

from hypothesis import given, settings
from hypothesis import strategies as st

from devops_lab.delivery.graph import Graph


def graph(text: str, carried=None) -> Graph:
    """A graph of lines "child: parent parent"."""
    lines = [line.split(":") for line in text.strip().splitlines()]
    return Graph([child.strip() for child, _ in lines], [parents.strip() for _, parents in lines], carried)


# a - b - M - d        M merges f (f, e branched off at a; e merges nothing)
#  \     /
#   e - f
MERGED = graph("a:\nb: a\ne: a\nf: e\nM: b f\nd: M")


def test_a_deployment_carries_what_no_earlier_one_reached():
    walk = MERGED.walk([("1", "b"), ("2", "e"), ("3", "d")])
    assert walk.carried_by == {"a": "1", "b": "1", "e": "2", "f": "3", "M": "3", "d": "3"}
    assert walk.unknown == []


def test_unknown_shas_reach_nothing_and_are_returned_apart():
    walk = MERGED.walk([("1", "x"), ("2", None), ("3", "b")])
    assert walk.carried_by == {"a": "3", "b": "3"}
    assert walk.unknown == [("1", "x"), ("2", None)]


def test_two_tags_on_one_commit_the_first_carries_all():
    assert set(MERGED.walk([("1", "d"), ("2", "d")]).carried_by.values()) == {"1"}


def test_parallel_release_lines_carry_their_own_fixes():
    # 1.0 = b; the line 1.x goes on with p, q while main goes on with c, d
    lines = graph("a:\nb: a\nc: b\nd: c\np: b\nq: p")
    walk = lines.walk([("1.0", "b"), ("1.1", "p"), ("2.0", "d"), ("1.2", "q")])
    assert walk.carried_by == {"a": "1.0", "b": "1.0", "p": "1.1", "c": "2.0", "d": "2.0", "q": "1.2"}


def test_first_parents_are_the_line_of_work():
    assert MERGED.first_parents("d") == ["d", "M", "b", "a"]
    assert MERGED.mainline("d") == ["a", "b", "M", "d"]
    assert MERGED.first_parents("x") == []
    assert MERGED.first_parents(None) == []
    assert MERGED.parents("M") == ["b", "f"]


def test_parents_that_are_not_there_end_a_line():
    cut = graph("b: a\nM: x b\nd: M")
    assert cut.first_parents("d") == ["d", "M"]
    assert cut.walk([("1", "d")]).carried_by.keys() == {"b", "M", "d"}
    assert cut.brought_in_by(["d"]) == {"M": None, "b": "M", "d": None}


def test_ancestry():
    assert MERGED.is_ancestor("e", "d")
    assert MERGED.is_ancestor("d", "d")
    assert not MERGED.is_ancestor("d", "e")
    assert not MERGED.is_ancestor("b", "f")
    assert not MERGED.is_ancestor("x", "d")
    assert not MERGED.is_ancestor("a", None)


def test_the_innermost_merge_brought_a_commit_in():
    # main: a M d; feature: e S f; S merged the stacked s1
    nested = graph("a:\ne: a\ns1: e\nS: e s1\nf: S\nM: a f\nd: M")
    assert nested.brought_in_by(["d"]) == {"a": None, "M": None, "e": "M", "S": "M", "s1": "S", "f": "M", "d": None}


def test_a_merge_of_main_into_a_feature_brings_nothing():
    # feature e; U merges main (b) into it; M merges the feature
    updated = graph("a:\nb: a\ne: a\nU: e b\nM: b U")
    assert updated.brought_in_by(["M"]) == {"a": None, "b": None, "M": None, "e": "M", "U": "M"}


def test_an_octopus_brings_each_side():
    octopus = graph("a:\nb: a\nc: a\nM: a b c")
    assert octopus.brought_in_by(["M"]) == {"a": None, "M": None, "b": "M", "c": "M"}


def test_later_lines_add_only_what_is_new():
    lines = graph("a:\nb: a\nc: b\np: b\nq: p\nR: p q")
    assert lines.brought_in_by(["c", "R", "x"]) == {"a": None, "b": None, "c": None, "p": None, "R": None, "q": "R"}


def test_carried_edges_count_for_walks_but_not_as_first_parents():
    squashed = graph("a:\ne: a\nf: e\nP: a\nd: P", {"P": ["f", "x", "P"]})
    assert squashed.walk([("1", "P")]).carried_by.keys() == {"a", "e", "f", "P"}
    assert squashed.first_parents("d") == ["d", "P", "a"]
    assert squashed.brought_in_by(["d"]) == {"a": None, "P": None, "e": "P", "f": "P", "d": None}
    assert squashed.is_ancestor("e", "d")


def test_a_circle_of_wrong_facts_ends():
    circle = graph("a: c\nb: a\nc: b", {"a": ["b"]})
    assert circle.walk([("1", "c")]).carried_by.keys() == {"a", "b", "c"}
    assert circle.first_parents("c") == ["c", "b", "a"]
    assert circle.brought_in_by(["c"]).keys() == {"a", "b", "c"}
    circle.is_ancestor("a", "c")


def test_long_histories_need_no_recursion_and_linear_time():
    count = 200_000
    shas = [f"{number:x}" for number in range(count)]
    parents = ["", "0", *(f"{shas[number - 1]} {shas[number - 2]}" for number in range(2, count))]
    started = time.perf_counter()
    deep = Graph(shas, parents)
    assert len(deep.walk([("1", shas[-1])]).carried_by) == count
    assert len(deep.brought_in_by([shas[-1]])) == count
    assert deep.is_ancestor(shas[0], shas[-1])
    assert time.perf_counter() - started < 5


@st.composite
def histories(draw):
    """(parents by number, deployed numbers): a random history in which parents come before their children."""
    size = draw(st.integers(1, 14))
    parents = [
        draw(st.lists(st.integers(0, number - 1), max_size=3, unique=True)) if number else [] for number in range(size)
    ]
    deployed = draw(st.lists(st.integers(0, size), max_size=6))
    order = draw(st.permutations(range(size)))
    return parents, deployed, order


def ancestors(parents, number):
    found = {number}
    for parent in parents[number]:
        found |= ancestors(parents, parent)
    return found


@settings(max_examples=300, deadline=None)
@given(histories())
def test_walks_equal_ancestry_in_whatever_order_the_rows_come(history):
    parents, deployed, order = history
    made = Graph([str(number) for number in order], [" ".join(map(str, parents[number])) for number in order])
    expected, unknown = {}, []
    for place, number in enumerate(deployed):
        if number == len(parents):
            unknown.append((f"d{place}", str(number)))
        else:
            for one in ancestors(parents, number):
                expected.setdefault(str(one), f"d{place}")
    walk = made.walk((f"d{place}", str(number)) for place, number in enumerate(deployed))
    assert walk.carried_by == expected
    assert walk.unknown == unknown
    for low in range(len(parents)):
        for high in range(len(parents)):
            assert made.is_ancestor(str(low), str(high)) == (low in ancestors(parents, high))


@settings(max_examples=300, deadline=None)
@given(histories())
def test_whoever_brought_a_commit_in_carries_it_and_row_order_does_not_matter(history):
    parents, deployed, order = history
    tips = [str(number) for number in deployed if number < len(parents)]
    texts = [" ".join(map(str, one)) for one in parents]
    numbers = range(len(parents))
    brought = Graph([str(number) for number in numbers], texts).brought_in_by(tips)
    assert brought == Graph([str(number) for number in order], [texts[number] for number in order]).brought_in_by(tips)
    assert brought.keys() == {str(one) for tip in tips for one in ancestors(parents, int(tip))}
    places = {sha: place for place, sha in enumerate(brought)}
    for sha, merge in brought.items():
        if merge is not None:
            assert int(sha) in ancestors(parents, int(merge)) - {int(merge)}
            assert len(parents[int(merge)]) > 1
            assert places[merge] < places[sha]
