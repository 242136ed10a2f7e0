"""What delivery makes of the facts: deployments, changes, failures, impacts, forecasts."""

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
        is_landed boolean        | The default branch has it.
        released_in text <released_at | The first release that contains it, by its tag.
        released_at instant <released_at | When that was published.
        release_excluded text    | Why that does not count: released before records, release unknown.
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
        grade text               | The evidence: correction, link, remedy, window or impact (inferred); null: unattributed.
        started_at instant!      | When it began: the incident's start, or when the remedy was first seen.
        recovered_at instant <recovered_at | Incident resolved or remedy deployed, whichever is first; null while it lasts.
        excluded text            | Why it does not count: duplicate, not a change, …; null where it does.
        title text free          | What it says.
        url text                 | Its page.
        """,
        born="started_at",
        derived=True,
    ),
    table(
        "impacts",
        "One row per successful deployment of a service whose service levels are stored: was it better or worse after?",
        "service deployment_id",
        """
        service text!            | The service.
        repository text!         | "owner/name".
        deployment_id text!      | The deployment.
        finished_at instant!     | When it finished: the window after begins.
        judged_at instant!       | When the window after ends: an hour later, or when the next rollout starts.
        before_start instant!    | The window before begins.
        before_end instant!      | It ends: the rollout starts.
        control_weeks integer <judged_at | How many weeks earlier the control lies; null: no comparable one.
        verdict text <judged_at  | worse, no change seen, better or too little traffic; null: not over yet.
        measure text <judged_at  | Which measure decided: errors or latency.
        effect number <judged_at | That measure's share of bad events: after - before, less the control's difference.
        low number <judged_at    | Its 95 % interval's lower end.
        high number <judged_at   | Its upper end.
        p_value number <judged_at | Its two-sided p-value, adjusted for the number of measures (Holm).
        requests_before number <judged_at | Events before (of the measure with more).
        requests_after number <judged_at | Events after.
        error_before number <judged_at | Share of bad events before.
        error_after number <judged_at | Share of bad events after.
        error_control_before number <judged_at | Share of bad events before, in the control.
        error_control_after number <judged_at | Share of bad events after, in the control.
        error_effect number <judged_at | Difference of the differences.
        error_low number <judged_at | Its 95 % interval's lower end.
        error_high number <judged_at | Its upper end.
        error_p_value number <judged_at | Its p-value, not adjusted.
        latency_bound number <judged_at | The bucket's bound, in seconds, nearest to the slowest tenth before.
        slow_before number <judged_at | Share of requests slower than the bound before.
        slow_after number <judged_at | Share of requests slower than the bound after.
        slow_control_before number <judged_at | Share of requests slower than the bound before, in the control.
        slow_control_after number <judged_at | Share of requests slower than the bound after, in the control.
        slow_effect number <judged_at | Difference of the differences.
        slow_low number <judged_at | Its 95 % interval's lower end.
        slow_high number <judged_at | Its upper end.
        slow_p_value number <judged_at | Its p-value, not adjusted.
        slowdown number <judged_at | How many times as long requests took, by the baseline's shape.
        back_at instant <back_at | For a worse one: when the level was back, or a better deployment took over.
        note text <judged_at     | What a reader should know: cut by the next rollout, no control, …
        url text                 | The deployment's page.
        """,
        born="finished_at",
        derived=True,
    ),
    table(
        "milestone_forecasts",
        "One row per open milestone: when it will be finished, going by its own past days.",
        "repository number",
        """
        repository text!         | "owner/name".
        number integer!          | The milestone's number.
        title text free          | What it is called.
        due_on instant           | When it is due.
        made_at instant!         | When the forecast was made: the last sync of the issues.
        open_issues integer!     | How many of its issues are open.
        closed_issues integer!   | How many were closed in the days looked back on.
        history_days integer!    | How many whole days were looked back on.
        finish_50 instant        | The day by which half of the futures are finished; null: see the reason.
        finish_85 instant        | Likewise 85 %.
        finish_95 instant        | Likewise 95 %.
        on_time number           | The share of futures that are finished by the end of the due day.
        reason text              | Why there is no date; null where there is one.
        url text                 | Its page.
        """,
        born="made_at",
        derived=True,
    ),
)
