"""Security alerts as GitHub's API tells of them."""

from __future__ import annotations

from datetime import datetime

from devops_lab.practice.world.objects import API, Json, iso, past, user
from devops_lab.practice.world.records_plan import Alert
from devops_lab.practice.world.securing import CODE_SCANNING, DEPENDABOT
from devops_lab.practice.world.site import Site

SCORES = {"low": 3.1, "medium": 5.3, "high": 7.5, "critical": 9.8}


class SecurityObjects:
    """Tells of one repository's security alerts at an instant."""

    def __init__(self, site: Site, moment: datetime) -> None:
        self.site, self.moment = site, moment

    def dependabot_alerts(self) -> list[Json]:
        """Return the alerts about dependencies, newest first."""
        return [self._dependency(one) for one in self._known(DEPENDABOT)]

    def code_scanning_alerts(self) -> list[Json]:
        """Return the alerts about code, newest first."""
        return [self._code(one) for one in self._known(CODE_SCANNING)]

    def _known(self, kind: str) -> list[Alert]:
        found = [one for one in self.site.alerts if one.kind == kind and one.created_at <= self.moment]
        return sorted(found, key=lambda one: one.number, reverse=True)

    def _common(self, one: Alert, path: str) -> Json:
        fixed = past(one.fixed_at, self.moment)
        dismissed = one.dismissed if one.dismissed and one.dismissed[0] <= self.moment else None
        ended = fixed or (dismissed[0] if dismissed else None)
        return {
            "number": one.number,
            "state": "fixed" if fixed else "dismissed" if dismissed else "open",
            "url": f"{API}/repos/{self.site.full_name}/{path}/alerts/{one.number}",
            "html_url": self.site.web(f"security/{path}/{one.number}"),
            "created_at": iso(one.created_at),
            "updated_at": iso(ended or one.created_at),
            "fixed_at": iso(fixed),
            "dismissed_at": iso(dismissed[0]) if dismissed else None,
            "dismissed_by": user(dismissed[1]) if dismissed else None,
            "dismissed_reason": dismissed[2] if dismissed else None,
            "dismissed_comment": None,
        }

    def _dependency(self, one: Alert) -> Json:
        package = {"ecosystem": "pip", "name": one.what}
        name = f"GHSA-{self.site.place:04d}-{one.number:04d}-prct"
        vulnerability = {
            "package": package,
            "severity": one.severity,
            "vulnerable_version_range": f"< {one.patch}",
            "first_patched_version": {"identifier": one.patch},
        }
        advisory = {
            "ghsa_id": name,
            "cve_id": None,
            "summary": f"{one.what} trusts what it should not",
            "description": "Made up for practice.",
            "vulnerabilities": [vulnerability],
            "severity": one.severity,
            "cvss": {"score": SCORES[one.severity], "vector_string": None},
            "cwes": [{"cwe_id": "CWE-20", "name": "Improper Input Validation"}],
            "identifiers": [{"type": "GHSA", "value": name}],
            "references": [{"url": f"https://github.example/advisories/{name}"}],
            "published_at": iso(one.created_at),
            "updated_at": iso(one.created_at),
            "withdrawn_at": None,
        }
        return {
            **self._common(one, "dependabot"),
            "dependency": {"package": package, "manifest_path": one.path, "scope": "runtime"},
            "security_advisory": advisory,
            "security_vulnerability": vulnerability,
            "auto_dismissed_at": None,
        }

    def _code(self, one: Alert) -> Json:
        common = self._common(one, "code-scanning")
        tool = {"name": "CodeQL", "guid": None, "version": "2.23.0"}
        text = one.what.partition("/")[2].replace("-", " ")
        place = {"start_line": 17, "end_line": 17, "start_column": 5, "end_column": 32}
        return {
            **common,
            "instances_url": f"{common['url']}/instances",
            "rule": {
                "id": one.what,
                "name": one.what,
                "severity": "error" if one.severity in ("high", "critical") else "warning",
                "security_severity_level": one.severity,
                "description": text.capitalize(),
                "tags": ["security"],
            },
            "tool": tool,
            "most_recent_instance": {
                "ref": "refs/heads/main",
                "analysis_key": ".github/workflows/codeql.yml:analyze",
                "environment": "{}",
                "category": "/language:python",
                "state": common["state"],
                "commit_sha": one.sha,
                "message": {"text": f"This is a case of {text}."},
                "location": {"path": one.path, **place},
                "classifications": [],
            },
        }
