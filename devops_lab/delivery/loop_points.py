"""The points of each deployed change: when its issue was opened, its first review came, its tests ended, and so on.

Each question below selects one row per service and change from the stored and derived tables; they are put side by
side here.  The master dialect is DuckDB's, and every question is asked as the facts were known at ``as_of``.
"""

from __future__ import annotations

from datetime import datetime

import pandas as pd

from devops_lab.delivery.loop_stages import POINTS
from devops_lab.store import Store

KEY = ["service", "change_id"]
TEXTS = (
    "service", "team", "repository", "change_id", "sha", "pull_request", "deployment_id", "title", "url",
    "deployment_url", "issue", "issue_title", "issue_url", "released_in",
)  # fmt: skip
INSTANTS = (*POINTS, "watched_at")
COLUMNS = (*TEXTS, *INSTANTS)

DEPLOYED = """
select c.*, s.team, c.subject as title, d.url as deployment_url, d.started_at as deployment_started_at
from services s
join changes c on c.service = s.service
join deployments d on d.service = c.service and d.id = c.deployment_id
where c.is_result and c.deployed_at is not null and c.excluded is null
"""
ISSUES = """
with quarters as (
    select 0 as part union all select 1 union all select 2 union all select 3
),
spots as (
    select 4 * a.part + b.part + 1 as spot from quarters a cross join quarters b
),
closing as (
    select c.service, c.change_id, c.repository, p.closes
    from changes c
    join pull_requests p on p.repository = c.repository and p.number = c.pull_request
    where c.is_result and p.closes is not null
    union all
    select c.service, c.change_id, c.repository, m.closes
    from changes c
    join commits m on m.repository = c.repository and m.sha = c.sha
    where m.closes is not null
),
linked as (
    select distinct c.service, c.change_id, c.repository, split_part(c.closes, ' ', k.spot) as issue
    from closing c
    cross join spots k
),
signs as (
    select repository, number, min(created_at) as begun_at
    from issue_events
    where event in ('assigned', 'connected') or (event = 'labeled' and lower(label) = lower($started))
    group by repository, number
)
select l.service, l.change_id, l.issue, i.title as issue_title, i.url as issue_url, i.created_at as opened_at,
       g.begun_at
from linked l
join issues i on i.repository = l.repository and '#' || cast(i.number as varchar) = l.issue
left join signs g on g.repository = i.repository and g.number = i.number
"""
REVIEWS = """
with drafts as (
    select
        repository,
        number,
        min(case when event = 'ready_for_review' then created_at end) as ready_at,
        min(case when event = 'convert_to_draft' then created_at end) as drafted_at
    from issue_events
    where event in ('ready_for_review', 'convert_to_draft')
    group by repository, number
),
looked as (
    select
        r.repository,
        r.number,
        min(r.submitted_at) as reviewed_at,
        max(case when r.state = 'APPROVED' then r.submitted_at end) as approved_at
    from reviews r
    join pull_requests p on p.repository = r.repository and p.number = r.number
    where not r.is_bot and not coalesce(r.is_author, false) and r.state <> 'PENDING' and r.submitted_at <= p.merged_at
    group by r.repository, r.number
)
select
    c.service,
    c.change_id,
    case
        when d.ready_at is not null and (d.drafted_at is null or d.ready_at < d.drafted_at) then d.ready_at
        when d.ready_at is null and d.drafted_at is null and p.draft then null
        else p.created_at
    end as ready_at,
    l.reviewed_at,
    l.approved_at
from changes c
join pull_requests p on p.repository = c.repository and p.number = c.pull_request
left join drafts d on d.repository = p.repository and d.number = p.number
left join looked l on l.repository = p.repository and l.number = p.number
where c.is_result
"""
KINDS_OF_JOBS = """
    select
        repository,
        run_id,
        run_attempt,
        started_at,
        case when completed_at <= cast($as_of as timestamp) then completed_at end as completed_at,
        case
            when lower(name) like '%deploy%' or lower(name) like '%release%' or lower(name) like '%publish%'
                or lower(name) like '%promot%' or lower(name) like '%roll%back%' then 'deploy'
            when lower(name) like '%test%' or lower(name) like '%e2e%' or lower(name) like '%spec%' then 'test'
            else 'build'
        end as kind
    from workflow_jobs
    where started_at is not null and coalesce(conclusion, '') <> 'skipped'
"""
JOBS = f"""
with jobs as ({KINDS_OF_JOBS}),
ran as (
    select c.service, c.change_id, j.kind, r.id as run_id, min(j.started_at) as started_at,
           max(j.completed_at) as ended_at
    from changes c
    join workflow_runs r on r.repository = c.repository and r.sha = c.sha
    join jobs j on j.repository = r.repository and j.run_id = r.id and j.run_attempt = r.run_attempt
    where c.is_result and j.started_at <= c.deployed_at and j.kind <> 'deploy'
        and r.event not in ('pull_request', 'pull_request_target', 'schedule')
    group by c.service, c.change_id, j.kind, r.id
),
placed as (
    select *, row_number() over (partition by service, change_id, kind order by started_at, run_id) as place from ran
)
select service, change_id,
       max(case when kind = 'build' then started_at end) as build_started_at,
       max(case when kind = 'build' then ended_at end) as build_ended_at,
       max(case when kind = 'test' then started_at end) as test_started_at,
       max(case when kind = 'test' then ended_at end) as test_ended_at
from placed
where place = 1
group by service, change_id
"""  # noqa: S608 - both parts stand above
WATCHED = """
select c.service, c.change_id, min(v.ended_at) as watched_at
from changes c
join service_levels v on v.service = c.service and v.ended_at > c.deployed_at
    and v.started_at < c.deployed_at + interval 1 hour
where c.is_result
group by c.service, c.change_id
"""
KINDS = f"""
with jobs as ({KINDS_OF_JOBS}),
there as (
    select distinct repository, 'issue' as link from issues
    union all select distinct repository, 'pull request' as link from pull_requests
    union all select distinct repository, 'review' as link from reviews
    union all select distinct repository, kind as link from jobs where kind <> 'deploy'
    union all select distinct repository, 'release' as link from releases
        where not coalesce(draft, false) and not coalesce(prerelease, false)
)
select s.service, t.link from services s join there t on t.repository = s.repository
union all select distinct service, 'service level' as link from service_levels
union all select service, 'deployment' as link from services
"""  # noqa: S608 - likewise


def read(store: Store, as_of: datetime, started: str) -> pd.DataFrame:
    """Return one row per service and deployed change with the columns `COLUMNS`, the latest deployed last.

    The earliest linked issue counts.  Work has begun with the first of: assigned, linked by hand, the label `started`,
    the first commit; without an issue nobody knows more than the first commit.  A commit without a pull request was
    being written until it was there.  Build and test are those of the first run on the change's own sha that has such
    jobs, all attempts together; what ran for the pull request came before the merge and is no part of them.
    """
    rows = store.query(DEPLOYED, as_of=as_of)
    for other in (_issues(store, as_of, started), *(store.query(sql, as_of=as_of) for sql in (REVIEWS, JOBS, WATCHED))):
        rows = rows.merge(other, on=KEY, how="left")
    told = rows["release_excluded"].isna()  # else it was released before records, or nobody knows when
    rows["released_at"] = rows["released_at"].where(told)
    rows["released_in"] = rows["released_in"].where(told, None)
    rows = rows.assign(**{name: None for name in COLUMNS if name not in rows})[list(COLUMNS)]
    for name in INSTANTS:
        rows[name] = rows[name].astype("datetime64[us]")
    rows["begun_at"] = rows[["begun_at", "first_commit_at"]].min(axis=1).where(rows["opened_at"].notna())
    rows["ready_at"] = rows["ready_at"].where(rows["pull_request"].notna(), rows["merged_at"])
    for name in TEXTS:
        rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
    numbers = [None if one is None else int(one) for one in rows["pull_request"]]
    rows["pull_request"] = pd.Series(numbers, index=rows.index, dtype=object)
    return rows.sort_values(["deployed_at", *KEY], kind="stable").reset_index(drop=True)


def kinds(store: Store, as_of: datetime, rows: pd.DataFrame) -> dict[str, set[str]]:
    """Return service → links that its chain can have at all: those of which its repository has any.

    `rows` are all points up to `as_of`: where tags are the releases, they alone say that there are some.
    """
    there = store.query(KINDS, as_of=as_of)
    released = rows.loc[rows["released_at"].notna(), "service"]
    found: dict[str, set[str]] = {service: {"release"} for service in released}
    for service, link in there.itertuples(index=False):
        found.setdefault(service, set()).add(link)
    return found


def _issues(store: Store, as_of: datetime, started: str) -> pd.DataFrame:
    """Return the earliest issue of each change, and the first sign of work on any of its issues."""
    rows = store.query(ISSUES, as_of=as_of, started=started)
    begun = rows.groupby(KEY, as_index=False)["begun_at"].min()
    rows = rows.sort_values(["opened_at", "issue"], kind="stable").drop_duplicates(KEY).drop(columns="begun_at")
    return rows.merge(begun, on=KEY, how="left")
