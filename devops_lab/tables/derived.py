"""What delivery makes of the facts: deployments, changes, failures."""

from devops_lab.tables.shape import Table, table

TABLES: tuple[Table, ...] = (
    table(
        "deployments",
        "One row per rollout of a sha to an environment, however many jobs or regions it took.",
        "service id",
        """
        service text!            | The service.
        repository text!         | "owner/name".
        id text!                 | The rule's own id of the rollout.
        environment text         | The environment; "production" for rules that know no other.
        sha text                 | The commit that was rolled out; null where unknown.
        ref text                 | The branch or tag.
        started_at instant!      | The earliest start.
        finished_at instant <finished_at | When the last part succeeded, or the first failed; null while it runs.
        result text <finished_at | success, failure or cancelled; null while it runs.
        rule text!               | deployments, workflow, releases, tags, merges or file.
        unplanned boolean <finished_at | It carries a remedy, is a rollback, or an incident names it as one.
        unplanned_reason text <finished_at | Why it is unplanned.
        replaces_id text <finished_at | The successful deployment it took over from.
        is_rollback boolean <finished_at | It took the service back to an earlier version.
        excluded text            | Why it does not count; null where it does.
        url text                 | Its page.
        """,
        born="started_at",
        derived=True,
    ),
    table(
        "changes",
        "One row per service and commit, with the first deployment that carries it, or none yet.",
        "service sha",
        """
        service text!            | The service.
        repository text!         | "owner/name".
        sha text!                | The commit.
        change_id text!          | The change it belongs to: "#12" for a pull request, else the sha.
        pull_request integer     | The pull request's number.
        is_result boolean!       | This commit is the change's merged result: what must be deployed for the change to be.
        is_merge boolean!        | It has more than one parent.
        is_bot boolean!          | The change is a bot's.
        subject text free        | The pull request's title, or the commit's subject.
        first_commit_at instant  | The change's first commit by author date.
        committed_at instant!    | This commit's own committer date.
        merged_at instant        | When the change reached its base branch; the commit's date where there is no pull request.
        deployment_id text <deployed_at | The first successful production deployment that carries this commit.
        deployed_at instant <deployed_at | When that deployment finished.
        excluded text            | Why the change does not count; null where it does.
        note text                | What a reader should know: only the squash's author date is known, the clock is wrong, …
        url text                 | The pull request's page, else the commit's.
        """,
        born="committed_at",
        derived=True,
    ),
    table(
        "failures",
        "One row per failure: an incident, or a remedy for something deployed earlier.",
        "service failure_id",
        """
        service text!            | The service.
        repository text          | "owner/name".
        failure_id text!         | "incident:<id>" or "remedy:<id>".
        source_kind text!        | incident or remedy.
        incident_id text         | The incident.
        remedy text              | What kind of remedy: rollback, revert, hotfix, patch_release.
        remedy_id text           | The change or deployment that is the remedy.
        remedy_deployment_id text <recovered_at | The deployment that carries the remedy.
        deployment_id text       | The deployment it is attributed to; null: unattributed.
        grade text               | The evidence: correction, link, remedy or window; null: unattributed.
        started_at instant!      | When it began: the incident's start, or when the remedy was first seen.
        recovered_at instant <recovered_at | Incident resolved or remedy deployed, whichever is first; null while it lasts.
        excluded text            | Why it does not count: duplicate, not a change, …; null where it does.
        title text free          | What it says.
        url text                 | Its page.
        """,
        born="started_at",
        derived=True,
    ),
)
