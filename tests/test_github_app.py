"""A GitHub App signs in: tokens are renewed, also in the middle of a list; what is wrong is said, and no secret is."""

import time
from types import SimpleNamespace

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from made_github import NAME, organisation

from devops_lab import config
from devops_lab.errors import AccessError, ConfigError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import Answer, RefusedError, lacking, left_out, permissions, read
from devops_lab.github_api.app import Installation, installation_of
from devops_lab.practice.server import Options, app
from devops_lab.practice.server.access import Access
from devops_lab.practice.server.application import serve
from devops_lab.practice.server.apps import App
from devops_lab.sources.junit_artifacts import Downloads
from devops_lab.sync import client_of

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
PUBLIC = KEY.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
READER = Access("lab[bot]", 9, permissions={"metadata": "read", "contents": "read", "issues": "read"})


def served(**more):
    known = App(7, PUBLIC.decode(), 70, READER, **more)
    return serve(organisation(), options=Options(apps={7: known}, limit=10**9))


@pytest.mark.server
def test_an_installation_reads_and_its_token_is_renewed_before_it_ends():
    clock = SimpleNamespace(now=time.time())
    with served() as url:
        signed = Installation(url, 7, 70, PEM, clock=lambda: clock.now)
        client = GitHubClient(url, app=signed)
        assert client.repository(NAME)["name"] == "checkout" and client.has_token and signed.renewals == 1
        client.get(f"/repos/{NAME}/commits")
        assert signed.renewals == 1
        clock.now += 3600 - 299
        client.get(f"/repos/{NAME}/commits")
        assert signed.renewals == 2
        assert client.graphql("query { viewer { login } }")["viewer"]["login"] == "lab[bot]"


@pytest.mark.server
def test_a_token_that_ends_in_the_middle_of_a_list_is_replaced_there(monkeypatch):
    application = app(organisation(), Options(apps={7: App(7, PUBLIC.decode(), 70, READER)}, limit=10**9))
    monkeypatch.setattr("devops_lab.practice.server.application.app", lambda *given: application)
    with serve(organisation()) as url:
        signed = Installation(url, 7, 70, PEM)
        client = GitHubClient(url, app=signed, per_page=10)
        shas = []
        for number, page in enumerate(client.pages(f"/repos/{NAME}/commits")):
            shas += [raw["sha"] for raw in page]
            if number in (1, 3):
                application.state.practice.apps.revoke()
        assert len(shas) == len(set(shas)) == 60 and signed.renewals == 3
        application.state.practice.apps.revoke()
        assert client.probe(f"/repos/{NAME}").status == 200


@pytest.mark.server
def test_a_token_that_is_never_taken_ends_in_words():
    with served(lifetime=-1.0) as url:
        signed = Installation(url, 7, 70, PEM)
        with pytest.raises(AccessError, match=r"got a token that 127\.0\.0\.1 refuses") as refused:
            GitHubClient(url, app=signed).repository(NAME)
        assert not [secret for secret in signed._secrets if secret in str(refused.value)]
        assert signed.renewals <= 6, "a few, not for ever"


@pytest.mark.server
@pytest.mark.parametrize(
    ("number", "installation", "key", "said"),
    [
        (8, 70, PEM, "does not know app 8 by this key"),
        (7, 71, PEM, "has no installation 71"),
        (7, 70, "no key", "private key of the GitHub App cannot be read"),
    ],
)
def test_what_is_wrong_is_said_with_the_way_out(number, installation, key, said):
    with served() as url, pytest.raises(AccessError, match=said) as wrong:
        _ = Installation(url, number, installation, key).token
    assert "BEGIN RSA PRIVATE KEY-----\n" not in str(wrong.value)


@pytest.mark.server
def test_no_secret_is_in_a_message_or_a_repr_and_downloads_sign_with_the_token_of_the_moment():
    with served() as url:
        signed = Installation(url, 7, 70, PEM)
        client = GitHubClient(url, app=signed)
        token = client.signature()
        assert token.startswith("ghs_") and token not in repr(client) + repr(signed)
        assert signed.redacted(f"x {token} y") == "x *** y"
        downloads = Downloads(url, client.signature)
        with pytest.raises(Exception, match="gone"):
            downloads.zip(NAME, 1)
        assert downloads._token == token and token not in repr(downloads)


def test_settings_name_the_app_and_never_hold_its_key(tmp_path, monkeypatch):
    path = tmp_path / "lab.toml"
    text = '[github]\napp_id = 7\ninstallation_id = 70\n[[service]]\nname = "a"\nrepository = "b/c"\n'
    path.write_text(text)
    monkeypatch.delenv("GITHUB_APP_PRIVATE_KEY", raising=False)
    with pytest.raises(AccessError, match="variable GITHUB_APP_PRIVATE_KEY is not set"):
        client_of(config.load(path))
    monkeypatch.setenv("GITHUB_APP_PRIVATE_KEY", PEM.replace("\n", "\\n"))
    assert client_of(config.load(path)).has_token
    assert PEM.splitlines()[1] not in repr(config.load(path))
    path.write_text(text.replace("= 70", '= 70\nprivate_key = "file:key.pem"'))
    with pytest.raises(AccessError, match=r"key\.pem cannot be read"):
        installation_of(config.load(path).github, tmp_path)
    (tmp_path / "key.pem").write_text(PEM)
    assert jwt.decode(installation_of(config.load(path).github, tmp_path)._assertion(), PUBLIC, algorithms=["RS256"])
    path.write_text(text.replace("= 70", f'= 70\nprivate_key = """{PEM}"""'))
    with pytest.raises(ConfigError, match=r"never in lab\.toml itself") as wrong:
        config.load(path)
    assert PEM.splitlines()[1] not in str(wrong.value)
    path.write_text(text.replace("installation_id = 70\n", ""))
    with pytest.raises(ConfigError, match="both app_id and installation_id"):
        config.load(path)


def test_a_refusal_names_what_the_token_lacks():
    needs = {"x-accepted-github-permissions": "issues=read; pull_requests=read,contents=read"}
    answer = Answer(403, needs, '{"message": "Resource not accessible by integration"}')
    assert (
        permissions(needs["x-accepted-github-permissions"]) == "issues: read, or pull_requests: read and contents: read"
    )
    with pytest.raises(RefusedError, match="it needs issues: read, or pull_requests: read and contents: read"):
        read(answer, 0.0)
    address = "https://github.com/orgs/acme/sso?authorization_request=A"
    signed = Answer(403, {"x-github-sso": f"required; url={address}"}, '{"message": "Resource protected"}')
    assert lacking(signed) == f"; single sign-on: let the organisation authorise this token at {address}"
    assert left_out(Answer(200, {"x-github-sso": "partial-results; organizations=1,22"})) == {"1", "22"}
    assert left_out(signed) == set()
