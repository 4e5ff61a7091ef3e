-- Lotteries, their draws and their game offers. The first purchase that names one records it (`origin` event); from
-- then on only the API changes it (`origin` api).
create table lotteries (
    lottery text collate "C" primary key,
    -- For paths and links: the name may hold any character.
    lottery_id text collate "C" not null generated always as ('lot-' || md5(lottery)) stored unique,
    description text,
    -- How long before a draw closes its tickets can be cancelled no more.
    cancellation_window interval not null default '0' check (cancellation_window >= '0'),
    origin text not null check (origin in ('event', 'api')),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);

create table draws (
    lottery text collate "C" not null,
    draw_number bigint not null,
    opens_at timestamptz,
    closes_at timestamptz not null,
    draw_at timestamptz not null,
    -- What somebody did with it; before that its times say where it stands.
    outcome text check (outcome in ('drawn', 'cancelled')),
    decided_at timestamptz,
    decided_by text,
    reason text,
    origin text not null check (origin in ('event', 'api')),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (lottery, draw_number),
    check ((outcome is not null) = (decided_at is not null and decided_by is not null))
);
create index draws_by_time on draws (lottery, draw_at, draw_number);

create table offers (
    lottery text collate "C" not null,
    offer_id text collate "C" not null,
    label text not null,
    price bigint not null check (price >= 0),
    currency text not null,
    active boolean not null default true,
    origin text not null check (origin in ('event', 'api')),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (lottery, offer_id)
);
