-- saturation
-- Share of its limit that a resource was used to, each time it was looked at, each instance for itself.
-- The 95th percentile is near the worst without being one second's accident. Resources are what lab.toml calls them.
-- unit: share | statistic: p95 | better: lower | parameters: resource = 'cpu'
-- reference: https://sre.google/sre-book/monitoring-distributed-systems/
select
    u.service,
    s.repository,
    u.occurred_at,
    u.used_share as value,
    concat(u.resource, ' ', cast(u.occurred_at as varchar), ' ', u.series) as id,
    null as url,
    u.resource
from resource_usage u
join services s on s.service = u.service
where u.resource = $resource
