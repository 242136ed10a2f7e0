-- incident_count
-- Incidents, whatever caused them; one that repeats another is listed, not counted.
-- What no change caused (a provider's outage) counts here, though it does not in change_fail_rate.
-- unit: count | statistic: count | better: lower
-- reference: https://sre.google/sre-book/managing-incidents/
select
    i.service,
    s.repository,
    i.started_at as occurred_at,
    i.started_at,
    case when i.resolved_at <= cast($as_of as timestamp) then i.resolved_at end as ended_at,
    1 as value,
    i.id,
    i.url,
    case when i.duplicate_of is not null then 'duplicate' end as excluded,
    i.title,
    i.severity
from incidents i
join services s on s.service = i.service
