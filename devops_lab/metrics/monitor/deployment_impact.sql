-- deployment_impact
-- Share of successful production deployments after which the service was worse: more errors, or slower answers.
-- The hour after is compared with the hour before, and both with the same hours a week earlier; worse is significant
-- and large (half a percentage point of errors and twice the odds, or 1.3 times as slow), so that no amount of traffic
-- makes a trifle worse. Where there was too little traffic to see a grave fault, nobody can tell: listed, not counted;
-- so is what is not over yet. It says that the service got worse then, not that the deployment was the reason.
-- unit: share | statistic: share | better: lower
-- reference: https://sre.google/workbook/canarying-releases/
select
    d.service,
    d.repository,
    coalesce(d.finished_at, d.started_at) as occurred_at,
    case when i.verdict = 'worse' then 1 else 0 end as value,
    d.id,
    d.url,
    case
        when d.excluded is not null then d.excluded
        when d.result is null then 'not finished'
        when d.result = 'cancelled' then 'cancelled'
        when d.result <> 'success' then 'unsuccessful'
        when i.deployment_id is null then 'no service levels'
        when i.verdict is null then 'not over yet'
        when i.verdict = 'too little traffic' then 'too little traffic'
    end as excluded,
    d.ref as title,
    i.verdict,
    i.measure,
    i.effect,
    i.low,
    i.high,
    i.p_value
from deployments d
left join impacts i on i.service = d.service and i.deployment_id = d.id
