-- issue_lead_time
-- Hours from an issue's opening to its closing, for issues closed as completed.
-- An issue that was reopened counts once, from its opening to its last closing; while it is open again it does not
-- count. Closed as not planned or as a duplicate is not completed; closed without a reason (before GitHub knew
-- reasons) is. Where a closed issue says no time (imports do that), its last closing event tells, else its last
-- change. A transferred issue counts where it is now, since it was first opened. Pull requests are no issues.
-- unit: hours | statistic: median | better: lower | once: id
-- reference: https://docs.github.com/en/rest/issues/issues
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
    (epoch_us(d.done_at) - epoch_us(d.created_at)) / 3600000000.0 as value,
    '#' || cast(d.number as varchar) as id,
    d.url,
    d.created_at as started_at,
    d.done_at as ended_at,
    case
        when d.done_at is null then 'still open'
        when d.state_reason = 'not_planned' then 'not planned'
        when d.state_reason = 'duplicate' then 'duplicate'
        when d.done_at < d.created_at then 'clock: closed before it was opened'
    end as excluded,
    d.title
from services s
join dated d on d.repository = s.repository
