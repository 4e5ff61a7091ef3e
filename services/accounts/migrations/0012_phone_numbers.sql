-- Numbers are compared in E.164, with the `+`, since which `phone_key` is their digits only where they are not understood.
-- Keys from before are made anew from what was written, customer by customer, once for each default region: how far
-- that is. Whoever looks up a number finds both meanwhile.
create table phone_keys (
    only_one boolean primary key default true check (only_one),
    region text not null,
    after text collate "C" not null,
    done_at timestamptz
);
