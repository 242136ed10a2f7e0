-- review_coverage
-- Share of merged pull requests that a person other than the author had approved before the merge.
-- One approval is enough. A dismissed approval is none, nor is a bot's, the author's own, or one after the merge.
-- Promotions (develop to main) are left out; what they carry was reviewed before.
-- unit: share | statistic: share | better: higher | once: id | parameters: bots = true
-- covered_by: pull_requests, reviews
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
    case when l.approved_at is null then 0 else 1 end as value,
    '#' || cast(o.number as varchar) as id,
    o.url,
    case
        when o.merged_at is null then 'not merged'
        when o.promotes = 1 then 'promotion'
        when o.is_bot and not $bots then 'bot'
    end as excluded,
    o.title
from owned o
left join looked l on l.repository = o.repository and l.number = o.number
