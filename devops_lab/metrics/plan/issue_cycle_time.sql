-- issue_cycle_time
-- Hours from the first sign of work on an issue to its closing, for issues closed as completed.
-- Signs of work: somebody is assigned, the label `started` is put on, a pull request is opened or a commit written
-- that closes the issue ("Fixes #12"), or one is linked to it by hand. The earliest counts, also when the person is
-- taken off again, and also when the work is older than the issue; the note says so then. Without any sign the time is
-- unknown.
-- unit: hours | statistic: median | better: lower | once: id | parameters: started = 'in progress'
-- covered_by: issues, issue_events
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
),
quarters as (
    select 0 as part union all select 1 union all select 2 union all select 3
),
spots as (
    select 4 * a.part + b.part + 1 as spot from quarters a cross join quarters b
),
work as (
    select repository, '#' || cast(number as varchar) as id, created_at as moment
    from issue_events
    where event in ('assigned', 'connected') or (event = 'labeled' and lower(label) = lower($started))
    union all
    select p.repository, split_part(p.closes, ' ', k.spot) as id, p.created_at as moment
    from pull_requests p
    cross join spots k
    where p.closes is not null
    union all
    select c.repository, split_part(c.closes, ' ', k.spot) as id, c.authored_at as moment
    from commits c
    cross join spots k
    where c.closes is not null
),
signs as (
    select repository, id, min(moment) as began_at from work group by repository, id
)
select
    s.service,
    d.repository,
    coalesce(d.done_at, d.created_at) as occurred_at,
    (epoch_us(d.done_at) - epoch_us(g.began_at)) / 3600000000.0 as value,
    '#' || cast(d.number as varchar) as id,
    d.url,
    g.began_at as started_at,
    d.done_at as ended_at,
    case
        when d.done_at is null then 'still open'
        when d.state_reason = 'not_planned' then 'not planned'
        when d.state_reason = 'duplicate' then 'duplicate'
        when g.began_at is null then 'no sign of work'
        when d.done_at < g.began_at then 'worked on after it was closed'
    end as excluded,
    d.title,
    case when g.began_at < d.created_at then 'work began before the issue was opened' end as note
from services s
join dated d on d.repository = s.repository
left join signs g on g.repository = d.repository and g.id = '#' || cast(d.number as varchar)
