-- incident_duration
-- Hours from an incident's start until it was resolved.
-- One that is still open is censored at as_of, not left out. What no change caused counts; what repeats another does not.
-- unit: hours | statistic: median | better: lower
-- reference: https://sre.google/sre-book/managing-incidents/
with known as (
    select
        i.*,
        s.repository,
        i.resolved_at is null or i.resolved_at > cast($as_of as timestamp) as is_open
    from incidents i
    join services s on s.service = i.service
),
ended as (
    select
        k.*,
        case when k.is_open then cast($as_of as timestamp) else k.resolved_at end as ended_at
    from known k
)
select
    service,
    repository,
    started_at as occurred_at,
    started_at,
    ended_at,
    (epoch_us(ended_at) - epoch_us(started_at)) / 3600000000.0 as value,
    id,
    url,
    is_open as censored,
    case
        when duplicate_of is not null then 'duplicate'
        when ended_at < started_at then 'resolved before it began'
    end as excluded,
    title,
    severity
from ended
