-- headroom
-- Share of its limit that was left at the tightest moment: 1 - the period's highest saturation.
-- Of all resources and instances, or of one resource where one is asked for. Below 0 the limit was exceeded.
-- unit: share | statistic: lowest | better: higher | parameters: resource = ''
-- reference: https://sre.google/sre-book/monitoring-distributed-systems/
select
    u.service,
    s.repository,
    u.occurred_at,
    1 - u.used_share as value,
    concat(u.resource, ' ', cast(u.occurred_at as varchar), ' ', u.series) as id,
    null as url,
    u.resource
from resource_usage u
join services s on s.service = u.service
where $resource = '' or u.resource = $resource
