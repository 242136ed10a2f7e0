-- review_load
-- Reviews that one person submitted in one week, as a distribution over persons and weeks.
-- Each submitted review of somebody else's pull request counts, so two rounds on one pull request are two; bots' do
-- not. Weeks begin on Monday 00:00 UTC and belong to the period they begin in. Weeks in which fewer than five people
-- reviewed are left out, so that nobody can be picked out, and so is a week that is not over. No row says who it is:
-- its id is the week and a rank. Who reviewed nothing in a week has no row. In several repositories a person has
-- several rows.
-- unit: reviews | statistic: median, highest | better: lower | once: id
-- covered_by: reviews
-- reference: https://docs.github.com/en/rest/pulls/reviews
with parts as (
    select
        service,
        pull_request,
        max(case when excluded = 'promotion' then 1 else 0 end) as promotes
    from changes
    where pull_request is not null
    group by service, pull_request
),
done as (
    select
        s.service,
        r.repository,
        r.author,
        cast(date_trunc('week', r.submitted_at) as timestamp) as week_start,
        count(*) as review_count
    from services s
    join reviews r on r.repository = s.repository
    left join parts c on c.service = s.service and c.pull_request = r.number
    where not r.is_bot and not coalesce(r.is_author, false) and r.state <> 'PENDING'
        and (s.paths is null or c.service is not null)
    group by s.service, r.repository, r.author, cast(date_trunc('week', r.submitted_at) as timestamp)
),
held as (
    select service, repository, week_start, count(author) as people
    from done
    group by service, repository, week_start
),
ranked as (
    select
        d.*,
        h.people,
        row_number() over (
            partition by d.service, d.repository, d.week_start order by d.review_count desc, d.author
        ) as place
    from done d
    join held h on h.service = d.service and h.repository = d.repository and h.week_start = d.week_start
)
select
    service,
    repository,
    week_start as occurred_at,
    review_count as value,
    substr(cast(week_start as varchar), 1, 10) || '/' || cast(place as varchar) as id,
    case
        when author is null then 'person unknown'
        when people < 5 then 'fewer than five people'
        when epoch_us(week_start) + 604800000000 > epoch_us(cast($as_of as timestamp)) then 'week not over'
    end as excluded
from ranked
