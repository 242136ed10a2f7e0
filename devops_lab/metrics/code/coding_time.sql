-- coding_time
-- Hours from a merged pull request's first commit (by author date) until it was ready for review.
-- Ready is when it was opened, or, opened as a draft, when it was first marked ready. Where a rebase or a forced push
-- left only commits that are younger than that, the time is unknown and the row says so; it is never negative.
-- Promotions (develop to main) are left out. The first of the four parts of pull_request_cycle_time.
-- unit: hours | statistic: median | better: lower | once: id | parameters: bots = true
-- covered_by: pull_requests, pull_request_commits, issue_events
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
began as (
    select repository, number, min(coalesce(authored_at, committed_at)) as first_commit_at
    from pull_request_commits
    group by repository, number
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
)
select
    o.service,
    o.repository,
    coalesce(o.merged_at, o.created_at) as occurred_at,
    (epoch_us(r.ready_at) - epoch_us(b.first_commit_at)) / 3600000000.0 as value,
    '#' || cast(o.number as varchar) as id,
    o.url,
    b.first_commit_at as started_at,
    r.ready_at as ended_at,
    case
        when o.merged_at is null then 'not merged'
        when o.promotes = 1 then 'promotion'
        when o.is_bot and not $bots then 'bot'
        when b.first_commit_at is null then 'first commit unknown'
        when r.ready_at is null then 'never ready for review'
        when r.ready_at < b.first_commit_at then 'first commit after it was ready'
    end as excluded,
    o.title
from owned o
left join began b on b.repository = o.repository and b.number = o.number
left join opened r on r.repository = o.repository and r.number = o.number
