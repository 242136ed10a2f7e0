-- promotion_time
-- Hours from a sha's first success in staging to its first success in production.
-- Staging is GitHub's environment of the name `staging` (capitals do not matter); production is what the service's
-- rule says. What went to production without staging, before it, or only to staging is listed, not counted.
-- unit: hours | statistic: median | better: lower | parameters: staging = 'staging'
-- reference: https://docs.github.com/en/rest/deployments/deployments
with live as (
    select service, repository, sha, min(finished_at) as live_at
    from deployments
    where result = 'success' and excluded is null and sha is not null
    group by service, repository, sha
),
staged as (
    select d.repository, d.sha, min(t.created_at) as staged_at, min(d.url) as url
    from github_deployments d
    join deployment_statuses t on t.repository = d.repository and t.deployment_id = d.id
    where t.state = 'success' and lower(d.environment) = lower($staging) and d.sha is not null
    group by d.repository, d.sha
),
both_ends as (
    select l.service, l.repository, l.sha, g.staged_at, l.live_at, g.url
    from live l
    left join staged g on g.repository = l.repository and g.sha = l.sha
    union all
    select s.service, g.repository, g.sha, g.staged_at, null as live_at, g.url
    from services s
    join staged g on g.repository = s.repository
    left join live l on l.service = s.service and l.sha = g.sha
    where l.sha is null
)
select
    service,
    repository,
    coalesce(live_at, staged_at) as occurred_at,
    (epoch_us(live_at) - epoch_us(staged_at)) / 3600000000.0 as value,
    sha as id,
    url,
    staged_at as started_at,
    live_at as ended_at,
    case
        when live_at is null then 'not in production yet'
        when staged_at is null then 'not seen in staging'
        when live_at < staged_at then 'in production before staging'
    end as excluded,
    sha as title
from both_ends
