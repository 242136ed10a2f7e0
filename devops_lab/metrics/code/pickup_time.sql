-- pickup_time
-- Hours from when a merged pull request was ready until the first review by a person other than the author.
-- A bot's review and the author's own comments are no reviews, and neither is one after the merge; asking a person
-- again starts nothing anew. Who was never reviewed has no pickup time: unknown, not 0. A review of a draft came
-- before the pull request was ready: left out, not negative. The second of the four parts of pull_request_cycle_time.
-- unit: hours | statistic: median | better: lower | once: id | parameters: bots = true
-- covered_by: pull_requests, reviews, issue_events
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
owned as (
    select
        s.service,
        p.repository,
        p.number,
        p.title,
        p.url,
        p.is_bot,
        p.draft,
        p.created_at,
        case when p.merged_at <= cast($as_of as timestamp) then p.merged_at end as merged_at,
        coalesce(c.promotes, 0) as promotes
    from services s
    join pull_requests p on p.repository = s.repository
    left join parts c on c.service = s.service and c.pull_request = p.number
    where s.paths is null or c.service is not null
),
drafts as (
    select
        repository,
        number,
        min(case when event = 'ready_for_review' then created_at end) as ready_at,
        min(case when event = 'convert_to_draft' then created_at end) as drafted_at
    from issue_events
    where event in ('ready_for_review', 'convert_to_draft')
    group by repository, number
),
opened as (
    select
        p.repository,
        p.number,
        case
            when d.ready_at is not null and (d.drafted_at is null or d.ready_at < d.drafted_at) then d.ready_at
            when d.ready_at is null and d.drafted_at is null and p.draft then null
            else p.created_at
        end as ready_at
    from pull_requests p
    left join drafts d on d.repository = p.repository and d.number = p.number
),
looked as (
    select
        r.repository,
        r.number,
        min(r.submitted_at) as first_review_at,
        max(case when r.state = 'APPROVED' then r.submitted_at end) as approved_at
    from reviews r
    join pull_requests p on p.repository = r.repository and p.number = r.number
    where not r.is_bot and not coalesce(r.is_author, false) and r.state <> 'PENDING' and r.submitted_at <= p.merged_at
    group by r.repository, r.number
)
select
    o.service,
    o.repository,
    coalesce(o.merged_at, o.created_at) as occurred_at,
    (epoch_us(l.first_review_at) - epoch_us(r.ready_at)) / 3600000000.0 as value,
    '#' || cast(o.number as varchar) as id,
    o.url,
    r.ready_at as started_at,
    l.first_review_at as ended_at,
    case
        when o.merged_at is null then 'not merged'
        when o.promotes = 1 then 'promotion'
        when o.is_bot and not $bots then 'bot'
        when r.ready_at is null then 'never ready for review'
        when l.first_review_at is null then 'not reviewed'
        when l.first_review_at < r.ready_at then 'reviewed while a draft'
    end as excluded,
    o.title
from owned o
left join opened r on r.repository = o.repository and r.number = o.number
left join looked l on l.repository = o.repository and l.number = o.number
