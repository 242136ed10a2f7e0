-- failed_deployment_recovery_time
-- Hours from the end of a failed deployment until the last of its failures recovered: the incident resolved, or the
-- remedy deployed, whichever is first.
-- The clock starts at the deployment, not at the incident: the time nobody noticed is part of it. A failed deployment
-- belongs to the period in which it was deployed; one that has not recovered is censored at as_of, neither left out nor
-- called recovered; one that recovered before its rollout ended (a canary) took no time. Failures attributed to no
-- deployment that counts are listed, not counted. Formerly "time to restore service" and "mean time to recovery".
-- unit: hours | statistic: median | better: lower
-- reference: https://dora.dev/guides/dora-metrics/
with counted as (
    select service, repository, id, url, ref, finished_at
    from deployments
    where result = 'success' and excluded is null
),
failed as (
    select
        d.service,
        d.id,
        max(f.recovered_at) as recovered_at,
        sum(case when f.recovered_at is null then 1 else 0 end) as still_open
    from counted d
    join failures f on f.service = d.service and f.deployment_id = d.id
    where f.excluded is null
    group by d.service, d.id
),
ended as (
    select
        d.*,
        f.still_open > 0 as censored,
        case
            when f.still_open > 0 then cast($as_of as timestamp)
            when f.recovered_at < d.finished_at then d.finished_at
            else f.recovered_at
        end as ended_at
    from counted d
    join failed f on f.service = d.service and f.id = d.id
)
select
    service,
    repository,
    finished_at as occurred_at,
    (epoch_us(ended_at) - epoch_us(finished_at)) / 3600000000.0 as value,
    id,
    url,
    finished_at as started_at,
    ended_at,
    censored,
    null as excluded,
    ref as title
from ended
union all
select
    f.service,
    f.repository,
    f.started_at as occurred_at,
    null as value,
    f.failure_id as id,
    f.url,
    null as started_at,
    null as ended_at,
    false as censored,
    case
        when f.excluded is not null then f.excluded
        when f.deployment_id is null then 'unattributed'
        else 'its deployment does not count'
    end as excluded,
    f.title
from failures f
left join counted d on d.service = f.service and d.id = f.deployment_id
where f.excluded is not null or d.id is null
