-- pull_request_size
-- Lines added and deleted by a merged pull request; generated and lock files are left out.
-- Left out are lock files (package-lock.json, yarn.lock, poetry.lock, go.sum and their like), minified and bundled
-- files, source maps, snapshots, generated code (*.pb.go, *_pb2.py, *.g.dart, *.generated.*, __generated__) and
-- folders of other people's code (vendor, node_modules, third_party, dist). What is left may be 0 lines. Where the
-- changed files are not known, GitHub's own sum is taken and the note says that nothing was left out. Renames count
-- the lines they change.
-- unit: lines | statistic: median | better: lower | once: id | parameters: bots = true
-- covered_by: pull_requests
-- reference: https://docs.github.com/en/rest/pulls/pulls
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
named as (
    select
        repository,
        number,
        coalesce(additions, 0) + coalesce(deletions, 0) as line_count,
        '/' || lower(path) as place
    from pull_request_files
),
sized as (
    select
        repository,
        number,
        sum(
            case
                when regexp_matches(place, '[.](lock|lockfile|lockb|lock[.]hcl)$') then 0
                when regexp_matches(place, '/(package-lock|npm-shrinkwrap|packages[.]lock)[.]json$') then 0
                when regexp_matches(place, '/(pnpm-lock[.]yaml|go[.]sum|package[.]resolved)$') then 0
                when regexp_matches(place, '[.](min[.]js|min[.]css|bundle[.]js|map|snap)$') then 0
                when regexp_matches(place, '([.]pb[.]go|_pb2[.]pyi?|_pb2_grpc[.]py|[.]g[.]dart)$') then 0
                when regexp_matches(place, '[.]generated[.]|/__generated__/') then 0
                when regexp_matches(place, '/(vendor|node_modules|third_party|dist)/') then 0
                else line_count
            end
        ) as line_count
    from named
    group by repository, number
),
whole as (
    select repository, number, additions + deletions as line_count from pull_requests
)
select
    o.service,
    o.repository,
    coalesce(o.merged_at, o.created_at) as occurred_at,
    coalesce(z.line_count, w.line_count) as value,
    '#' || cast(o.number as varchar) as id,
    o.url,
    case
        when o.merged_at is null then 'not merged'
        when o.promotes = 1 then 'promotion'
        when o.is_bot and not $bots then 'bot'
        when z.line_count is null and w.line_count is null then 'size unknown'
    end as excluded,
    o.title,
    case when z.line_count is null and w.line_count is not null then 'generated files are in it' end as note
from owned o
left join sized z on z.repository = o.repository and z.number = o.number
left join whole w on w.repository = o.repository and w.number = o.number
