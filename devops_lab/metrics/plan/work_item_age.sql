-- work_item_age
-- Hours since the first sign of work on each issue that is in progress, at the period's end.
-- The rows are those of work_in_progress. An issue that was closed and reopened keeps its age: who waits for it has
-- waited since the first sign of work. An open issue that nobody touched has no age here, however old it is.
-- unit: hours | statistic: median, p85 | better: lower | kind: state | once: id | parameters: started = 'in progress'
-- covered_by: issues, issue_events
-- reference: https://kanbanguides.org/english/
with told as (
    select distinct repository, number from issue_events where event = 'closed'
),
marks as (
    select repository, number, created_at as moment, 1 as opens from issues
    union all
    select
        e.repository,
        e.number,
        case when e.created_at < i.created_at then i.created_at else e.created_at end as moment,
        case when e.event = 'closed' then 0 else 1 end as opens
    from issue_events e
    join issues i on i.repository = e.repository and i.number = e.number
    where e.event in ('closed', 'reopened')
    union all
    select i.repository, i.number, coalesce(i.closed_at, i.updated_at) as moment, 0 as opens
    from issues i
    left join told t on t.repository = i.repository and t.number = i.number
    where t.number is null and (i.closed_at <= cast($as_of as timestamp)
        or (i.closed_at is null and i.state = 'closed' and i.updated_at <= cast($as_of as timestamp)))
),
turned as (
    select
        repository,
        number,
        moment,
        opens,
        lag(opens) over (partition by repository, number order by moment, opens desc) as opened_before,
        min(case when opens = 0 then moment end) over (
            partition by repository, number order by moment desc, opens
            rows between unbounded preceding and current row
        ) as closes_at
    from marks
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
    t.repository,
    p.period_start,
    p.period_end as occurred_at,
    (epoch_us(p.period_end) - epoch_us(g.began_at)) / 3600000000.0 as value,
    '#' || cast(t.number as varchar) as id,
    i.url,
    g.began_at as started_at,
    p.period_end as ended_at,
    i.title
from services s
join turned t on t.repository = s.repository
join issues i on i.repository = t.repository and i.number = t.number
join signs g on g.repository = t.repository and g.id = '#' || cast(t.number as varchar)
join periods p
    on t.moment < p.period_end
    and g.began_at < p.period_end
    and (t.closes_at is null or t.closes_at >= p.period_end)
where t.opens = 1 and coalesce(t.opened_before, 0) = 0
