"""What is said where GitHub does not let somebody in, shows no repository, or does not answer: the way out of each."""

from __future__ import annotations

from devops_lab.errors import SourceError
from devops_lab.github_api.answers import RefusedError
from devops_lab.github_api.app import Installation


def gave_up(place: str, reason: str, attempts: int, answered: bool) -> str:
    """Return what is said of a request that never had a final answer; `answered`: the server did answer before."""
    way_out = "try again later; what was fetched is kept"
    if "web page" in reason:
        way_out = (
            "GitHub Enterprise Server's API lies at https://HOST/api/v3; a proxy's sign-in page looks like this too"
        )
    elif not answered:
        way_out = "check the address and the network (a proxy is named in HTTPS_PROXY)"
    return f"{place}: {reason}, {attempts} times; {way_out}"


def of_token(host: str, message: str, signed: bool, app: Installation | None) -> str:
    """Return what is said of a 401."""
    said = message or "HTTP 401"
    if app is not None:
        return f"{app} got a token that {host} refuses ({said}); is it suspended?"
    if not signed:
        return f"{host} wants a token ({said}); set GITHUB_TOKEN"
    return (
        f"GITHUB_TOKEN was refused by {host} ({said}): it is wrong, expired, revoked or of another server; make a new "
        "one there under Settings, Developer settings, and set GITHUB_TOKEN to it"
    )


def of_repository(host: str, name: str, problem: SourceError, signed: bool, app: Installation | None) -> str:
    """Return what is said of a repository that is not there, or may not be seen."""
    if isinstance(problem, RefusedError):
        return (
            f"this token may not see the repository {name} ({problem}); it needs access to the repository, and an "
            "organisation with single sign-on must have authorised it"
        )
    if app is not None:
        return (
            f"the repository {name} does not exist on {host}, or the app is not installed there; check its name, and "
            "the repositories on the installation's page"
        )
    if not signed:
        return (
            f"the repository {name} does not exist on {host}, or is private; check its name, and set GITHUB_TOKEN to "
            "see a private one"
        )
    return (
        f"the repository {name} does not exist on {host}, or this token may not see it; check its name, that "
        "GITHUB_TOKEN includes this repository (or the scope repo), and that single sign-on has authorised it"
    )
