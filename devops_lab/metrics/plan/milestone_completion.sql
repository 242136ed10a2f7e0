-- milestone_completion
-- Issues of a milestone that were closed by its due date ÷ its issues, over the milestones that were due.
-- The whole due day counts (in UTC). Closing counts whatever its reason, as on GitHub's own bar; what was reopened and
-- is not closed again does not. A milestone's issues are those that are in it now: GitHub keeps no list of those that
-- were moved out. Milestones without a due date, or not due yet, are listed, not counted; so are those without issues.
-- unit: ratio | statistic: ratio | better: higher | once: id
-- reference: https://docs.github.com/en/rest/issues/milestones
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
),
due as (
    select
        repository,
        number,
        title,
        url,
        created_at,
        due_on,
        (floor(epoch_us(due_on) / 86400000000.0) + 1) * 86400000000.0 as over_us
    from milestones
),
held as (
    select
        m.repository,
        m.number,
        count(*) as issue_count,
        sum(case when epoch_us(d.done_at) < m.over_us then 1 else 0 end) as closed_count
    from due m
    join issues i on i.repository = m.repository and i.milestone = m.number
    join dated d on d.repository = i.repository and d.number = i.number
    group by m.repository, m.number
)
select
    s.service,
    m.repository,
    case when m.over_us <= epoch_us(cast($as_of as timestamp)) then m.due_on else m.created_at end as occurred_at,
    h.closed_count as value,
    'milestone:' || cast(m.number as varchar) as id,
    m.url,
    h.issue_count as denominator,
    case
        when m.due_on is null then 'no due date'
        when m.over_us > epoch_us(cast($as_of as timestamp)) then 'not due yet'
        when h.issue_count is null then 'no issues'
    end as excluded,
    m.title
from services s
join due m on m.repository = s.repository
left join held h on h.repository = m.repository and h.number = m.number
