-- deployment_rework_rate
-- Share of successful production deployments that were unplanned: they carry a remedy, are a rollback, or an incident
-- names them as its remedy.
-- What counts as a remedy (hotfix labels and branches, reverts, rollbacks, patch releases) the service's rework rule
-- says; corrections by people come before it.
-- unit: share | statistic: share | better: lower
-- reference: https://dora.dev/guides/dora-metrics/
select
    service,
    repository,
    coalesce(finished_at, started_at) as occurred_at,
    case when unplanned then 1 else 0 end as value,
    id,
    url,
    case
        when excluded is not null then excluded
        when result is null then 'not finished'
        when result = 'cancelled' then 'cancelled'
        when result <> 'success' then 'unsuccessful'
    end as excluded,
    ref as title,
    unplanned_reason as note
from deployments
