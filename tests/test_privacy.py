"""People in the store: hashes, names or nothing; never an e-mail."""

import os
import stat
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops_lab.errors import AccessError
from devops_lab.privacy import EMAIL, KEY_VARIABLE, People, login_of
from devops_lab.privacy import load_key as load
from devops_lab.tables import TABLES

COMMITS, PULL_REQUESTS, EVENTS = TABLES["commits"], TABLES["pull_requests"], TABLES["issue_events"]
HASHED, NAMED, NOBODY = People("pseudonym", b"a key of one laboratory"), People("names", b"k"), People("none", None)
EVERY = pytest.mark.parametrize(
    "people", [HASHED, NAMED, NOBODY, People("names", None)], ids=lambda people: people.policy
)


def subject(people: People, text: str, author: str | None = None) -> str:
    return people.apply(COMMITS, {"author": author, "subject": text})["subject"]


def test_one_person_is_one_hash_whatever_they_sign_with():
    mona = HASHED.name("mona")
    assert mona is not None and mona.startswith("person-") and len(mona) == len("person-") + 12
    for same in ("Mona", " mona ", "123+mona@users.noreply.github.com", "Mona@users.noreply.github.com",
                 "7+mona@users.noreply.git.acme.example"):  # fmt: skip
        assert HASHED.name(same) == mona
    assert HASHED.name("mona2") != mona
    assert People("pseudonym", b"another key").name("mona") != mona
    assert HASHED.name("Mona@Example.org") == HASHED.name("mona@example.org")


def test_policies():
    row = {"author": "mona", "subject": "work", "is_bot": False}
    assert HASHED.apply(COMMITS, row) == {**row, "author": HASHED.name("mona")}
    assert NAMED.apply(COMMITS, row) == row
    assert NOBODY.apply(COMMITS, row) == {**row, "author": None}
    assert row["author"] == "mona"
    event = {"actor": "mona", "assignee": None, "label": "mona", "milestone": "for mona"}
    assert NOBODY.apply(EVENTS, event) == {"actor": None, "assignee": None, "label": "mona", "milestone": "for someone"}


def test_no_email_is_ever_kept():
    assert NAMED.name("mona@example.org") == People("pseudonym", b"k").name("mona@example.org")
    assert People("names", None).name("mona@example.org") is None
    assert NAMED.name("9+mona@users.noreply.github.com") == "mona"
    assert subject(NAMED, "by mona@example.org") == f"by {NAMED.name('mona@example.org')}"
    assert subject(NOBODY, "by <mona@example.org>, or") == "by <[e-mail]>, or"
    assert subject(People("names", None), "by mona@example.org") == "by [e-mail]"


@EVERY
@pytest.mark.parametrize(
    "email",
    ["mona@example.org", "m.o+na_1%x@mail.example.co.uk", "mönä@exämple.org", "o'neil@example.org", "a/b=c@x.io",
     "MONA@EXAMPLE.ORG", "mona@xn--bcher-kva.example", "1@2.de", "mona@bücher.xn--p1ai", "x" * 80 + "@example.org"],
)  # fmt: skip
def test_emails_in_text(people, email):
    for text in (email, f"<{email}>", f"Signed-off-by: Mona <{email}>.", f"mailto:{email}?x", f"({email}),{email}"):
        cleaned = subject(people, text)
        assert "@" not in cleaned and "xample" not in cleaned.casefold()


@EVERY
@pytest.mark.parametrize(
    "text",
    ["Bump lodash@4.17.21", "use actions/checkout@v4", "Bump @babel/core from 7.1 to 8.0", "a @ b", "@", "x@y",
     "@@ -1,2 +3 @@", "go get pkg@latest", "", "retry 3@5s", "name@sha256:abc"],
)  # fmt: skip
def test_what_is_no_person_stays(people, text):
    assert subject(people, text) == text


def test_the_rows_own_people_mentions_and_owners():
    mona, bob = HASHED.name("mona"), HASHED.name("bob")
    assert subject(HASHED, "Merge pull request #12 from bob/fix-1") == f"Merge pull request #12 from {bob}/fix-1"
    assert subject(HASHED, "thanks @bob, @Mona!") == f"thanks @{bob}, @{mona}!"
    assert subject(HASHED, "MONA's fix (mona-2 unlike monalisa)", "mona") == f"{mona}'s fix (mona-2 unlike monalisa)"
    assert subject(NOBODY, "from bob/x by @mona") == "from someone/x by @someone"
    assert subject(NAMED, "from bob/x by @mona", "mona") == "from bob/x by @mona"
    pulled = {"repository": "acme/shop", "subject": "Merge branch 'x' of https://github.com/bob/shop into y"}
    assert HASHED.apply(COMMITS, pulled)["subject"] == f"Merge branch 'x' of https://github.com/{bob}/shop into y"
    own = {**pulled, "subject": "Merge branch 'x' of github.com:acme/shop"}
    assert HASHED.apply(COMMITS, own) == own
    branch = HASHED.apply(PULL_REQUESTS, {"author": "mona", "head_ref": "mona/hotfix", "title": None})
    assert branch["head_ref"] == f"{mona}/hotfix"
    assert subject(HASHED, "by Mona Lisa", "Mona Lisa") == f"by {HASHED.name('Mona Lisa')}"


def test_bots_are_no_people():
    assert HASHED.name("dependabot[bot]") == NOBODY.name("dependabot[bot]") == "dependabot[bot]"
    assert subject(HASHED, "Bump x by dependabot[bot]", "dependabot") == "Bump x by dependabot[bot]"


@given(
    st.sampled_from([HASHED, NAMED, NOBODY]),
    st.text(alphabet=st.sampled_from("ab1.@+-_/ <>\"'()[]:%é#\n"), max_size=60),
    st.none() | st.text(alphabet="abé@. -[]", max_size=8),
)
def test_applying_it_twice_is_applying_it_once_and_no_email_is_left(people, text, author):
    row = {"author": author, "subject": text}
    once = people.apply(COMMITS, row)
    assert people.apply(COMMITS, {**once, "author": once["author"]}) == once
    assert not EMAIL.search(once["subject"])
    assert once["author"] is None or "@" not in once["author"]


def test_hostile_text_is_read_in_linear_time():
    for text in (
        "a" * 200_000,
        "a@" * 100_000,
        "@a" * 100_000,
        "from a" * 50_000,
        "a." * 100_000 + "@",
        "x@" + "a." * 100_000,
    ):
        assert isinstance(subject(HASHED, text, "a.a"), str)


def test_logins_of_addresses():
    assert login_of("123+mona@users.noreply.github.com") == "mona"
    assert login_of("mona@users.noreply.github.com") == "mona"
    assert login_of("49699333+dependabot[bot]@users.noreply.github.com") == "dependabot[bot]"
    assert login_of("mona@example.org") is None
    assert login_of(None) is None


# ---------------------------------------------------------------------- the key


def test_pseudonyms_need_a_key_and_no_repr_shows_it():
    with pytest.raises(AccessError, match=KEY_VARIABLE):
        People("pseudonym", None)
    assert "laboratory" not in repr(HASHED)


def test_the_key_is_made_once_for_this_user_only(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    key = load()
    file = tmp_path / "settings" / "devops-lab" / "privacy.key"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(key) == 64 and load() == key
    assert [path.name for path in file.parent.iterdir()] == ["privacy.key"]
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert load() != key
    assert (tmp_path / "home" / ".config" / "devops-lab" / "privacy.key").exists()
    assert load(tmp_path / "elsewhere") == load(tmp_path / "elsewhere") != key


def test_the_environment_wins_and_writes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "  from the vault\n")
    assert load(tmp_path) == b"from the vault"
    assert not list(tmp_path.iterdir())


def test_processes_that_start_together_agree(tmp_path):
    keys: list[bytes] = []
    threads = [threading.Thread(target=lambda: keys.append(load(tmp_path))) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 16 and len(set(keys)) == 1


def test_a_key_that_cannot_be_read_or_made(tmp_path):
    (tmp_path / "privacy.key").write_text("\n")
    with pytest.raises(AccessError, match=r"privacy\.key is empty"):
        load(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(AccessError, match=f"cannot be read or made.*set {KEY_VARIABLE}"):
        load(tmp_path / "file")
    assert KEY_VARIABLE not in os.environ
