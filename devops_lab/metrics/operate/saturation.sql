-- saturation
-- Share of its limit that a resource was used to, each time it was looked at, each instance for itself.
-- The 95th percentile is near the worst without being one second's accident. CPU and memory count together, each look
-- at one of them an observation, or one resource alone where it is asked for; resources are what lab.toml calls them.
-- A look on the stroke of midnight belongs to the new day.
-- unit: share | statistic: p95 | better: lower | parameters: resource = ''
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
where $resource = '' or u.resource = $resource
