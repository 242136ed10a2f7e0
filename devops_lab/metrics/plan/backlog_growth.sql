-- backlog_growth
-- Issues opened minus issues closed: by how many the backlog grew.
-- Each opening and reopening is +1 and each closing -1, whatever the reason, so the sum is the change in the number of
-- open issues. Closing what is closed, or reopening what is open, changes nothing. Pull requests are no issues.
-- unit: issues | statistic: sum | better: lower | once: id
-- reference: https://docs.github.com/en/rest/issues/issues
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
        row_number() over (partition by repository, number order by moment, opens desc) as place
    from marks
)
select
    s.service,
    t.repository,
    t.moment as occurred_at,
    case when t.opens = 1 then 1 else -1 end as value,
    '#' || cast(t.number as varchar) || '/' || cast(t.place as varchar) as id,
    i.url,
    i.title,
    case
        when t.opens = 0 then 'closed'
        when t.opened_before is null then 'opened'
        else 'reopened'
    end as note
from services s
join turned t on t.repository = s.repository
join issues i on i.repository = t.repository and i.number = t.number
where t.opens <> coalesce(t.opened_before, 0)
