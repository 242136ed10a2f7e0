-- issue_throughput
-- Issues closed as completed, a count.
-- An issue counts once, when it was last closed; while it is open again it does not count. Closed as not planned or as
-- a duplicate is not completed; closed without a reason (before GitHub knew reasons) is. Pull requests are no issues.
-- unit: count | statistic: count | better: higher | once: id
-- reference: https://kanbanguides.org/english/
with flips as (
    select
        repository,
        number,
        max(case when event = 'closed' then created_at end) as closed_at,
        max(case when event = 'reopened' then created_at end) as reopened_at
    from issue_events
    where event in ('closed', 'reopened')
    group by repository, number
),
dated as (
    select
        i.repository,
        i.number,
        i.title,
        i.url,
        i.state_reason,
        i.created_at,
        case
            when i.closed_at <= cast($as_of as timestamp) then i.closed_at
            when f.closed_at is not null and (f.reopened_at is null or f.reopened_at < f.closed_at) then f.closed_at
            when f.closed_at is null and i.closed_at is null and i.state = 'closed'
                and i.updated_at <= cast($as_of as timestamp) then i.updated_at
        end as done_at
    from issues i
    left join flips f on f.repository = i.repository and f.number = i.number
)
select
    s.service,
    d.repository,
    coalesce(d.done_at, d.created_at) as occurred_at,
    1 as value,
    '#' || cast(d.number as varchar) as id,
    d.url,
    case
        when d.done_at is null then 'still open'
        when d.state_reason = 'not_planned' then 'not planned'
        when d.state_reason = 'duplicate' then 'duplicate'
    end as excluded,
    d.title
from services s
join dated d on d.repository = s.repository
