-- slo_attainment
-- Good ÷ all events over the 28 days that end with the period: compare it with the objective.
-- Each row carries the objective of lab.toml. A service without traffic in 28 days is listed, and counts neither way.
-- unit: ratio | statistic: ratio | better: higher | kind: state
-- reference: https://sre.google/workbook/implementing-slos/
select
    l.service,
    max(s.repository) as repository,
    p.period_start,
    p.period_end as occurred_at,
    min(l.started_at) as started_at,
    max(l.ended_at) as ended_at,
    sum(l.good) as value,
    sum(l.total) as denominator,
    l.service as id,
    null as url,
    case
        when sum(l.total) = 0 then 'no traffic'
        when max(l.objective) is null then 'no objective'
    end as excluded,
    sum(l.good) as good,
    sum(l.total) as total,
    max(l.objective) as objective
from periods p
join service_levels l
    on l.ended_at <= p.period_end and epoch_us(l.ended_at) > epoch_us(p.period_end) - 28 * 86400000000
join services s on s.service = l.service
group by l.service, p.period_start, p.period_end
