-- deployment_success_rate
-- Share of production deployments that succeeded, among those that succeeded or failed.
-- A deployment that several jobs or regions make up failed if one of them did. Cancelled ones are neither. It says
-- whether the rollout got there, not whether what it brought was good: that is change_fail_rate. Where releases, tags
-- or merges count as deployments no failure can be seen, and a share of 100 % would say nothing: listed, not counted.
-- unit: share | statistic: share | better: higher
-- reference: https://docs.github.com/en/rest/deployments/statuses
select
    service,
    repository,
    coalesce(finished_at, started_at) as occurred_at,
    case when result = 'success' then 1 else 0 end as value,
    id,
    url,
    case
        when excluded is not null then excluded
        when result is null then 'not finished'
        when result = 'cancelled' then 'cancelled'
        when rule in ('releases', 'tags', 'merges') then 'its rule sees no failures'
    end as excluded,
    ref as title
from deployments
