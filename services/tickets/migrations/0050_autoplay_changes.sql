-- What a change of an AutoPlay made different. Of changes from before this migration the audit trail alone knows.
alter table autoplay_timeline
    add column before jsonb not null default '{}',
    add column after jsonb not null default '{}';
