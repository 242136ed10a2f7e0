-- change_fail_rate
-- Share of successful production deployments with at least one failure: an incident or a remedy attributed to them.
-- Numerator and denominator are deployments: three incidents of one deployment make one failed deployment. A run that
-- did not get to production is unsuccessful and not in it. Failures that are duplicates, no change's doing, or
-- attributed to no deployment are listed, not counted. Formerly "change failure rate".
-- unit: share | statistic: share | better: lower
-- reference: https://dora.dev/guides/dora-metrics/
with failed as (
    select distinct service, deployment_id
    from failures
    where excluded is null and deployment_id is not null
)
select
    d.service,
    d.repository,
    coalesce(d.finished_at, d.started_at) as occurred_at,
    case when f.deployment_id is null then 0 else 1 end as value,
    d.id,
    d.url,
    case
        when d.excluded is not null then d.excluded
        when d.result is null then 'not finished'
        when d.result = 'cancelled' then 'cancelled'
        when d.result <> 'success' then 'unsuccessful'
    end as excluded,
    d.ref as title
from deployments d
left join failed f on f.service = d.service and f.deployment_id = d.id
union all
select
    service,
    repository,
    started_at as occurred_at,
    null as value,
    failure_id as id,
    url,
    coalesce(excluded, 'unattributed') as excluded,
    title
from failures
where excluded is not null or deployment_id is null
