-- rollback_rate
-- Share of successful production deployments that were rollbacks: they took the service back to an earlier version.
-- The sha differs from the one it replaced, and either was in this environment before or is an ancestor of that one.
-- Deploying the same sha again is no rollback; a revert is a new version and none either.
-- unit: share | statistic: share | better: lower
-- reference: https://dora.dev/guides/dora-metrics/
select
    service,
    repository,
    coalesce(finished_at, started_at) as occurred_at,
    case when is_rollback then 1 else 0 end as value,
    id,
    url,
    case
        when excluded is not null then excluded
        when result is null then 'not finished'
        when result = 'cancelled' then 'cancelled'
        when result <> 'success' then 'unsuccessful'
    end as excluded,
    ref as title
from deployments
