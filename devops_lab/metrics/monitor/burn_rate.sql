-- burn_rate
-- How many times faster than allowed the error budget is spent at the period's end: (bad ÷ all) ÷ (1 - objective).
-- 1 spends the budget in exactly the objective's time. The SRE workbook pages at 14.4 over an hour and 6 over six
-- hours, and opens a ticket at 1 over three days.
-- unit: ratio | statistic: ratio | better: lower | kind: state
-- parameters: span = '1h' or '6h' or '3d'
-- reference: https://sre.google/workbook/alerting-on-slos/
select
    l.service,
    max(s.repository) as repository,
    p.period_start,
    p.period_end as occurred_at,
    min(l.started_at) as started_at,
    max(l.ended_at) as ended_at,
    sum(l.total - l.good) as value,
    sum((1 - l.objective) * l.total) as denominator,
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
    on l.ended_at <= p.period_end
    and epoch_us(l.ended_at) > epoch_us(p.period_end)
        - case $span when '1h' then 3600000000 when '6h' then 21600000000 else 259200000000 end
join services s on s.service = l.service
group by l.service, p.period_start, p.period_end
