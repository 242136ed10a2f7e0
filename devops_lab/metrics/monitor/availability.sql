-- availability
-- Share of events (requests, or checks of a probe) that were good.
-- Good ÷ all over the whole period, never an average of the steps' ratios. A step in which Prometheus knew nothing is
-- not covered; one without traffic is listed, and counts neither way. A step belongs to the period it begins in, though
-- Prometheus tells of it at its end: what ends at midnight was the day before.
-- unit: ratio | statistic: ratio | better: higher
-- reference: https://sre.google/workbook/implementing-slos/
select
    l.service,
    s.repository,
    l.started_at as occurred_at,
    l.started_at,
    l.ended_at,
    l.good as value,
    l.total as denominator,
    cast(l.started_at as varchar) as id,
    null as url,
    case when l.total = 0 then 'no traffic' end as excluded
from service_levels l
join services s on s.service = l.service
where l.ended_at <= cast($as_of as timestamp)
