-- Words of names are folded as `services/accounts/search/folding.py` says, in which version of it, and how far the names
-- from before are folded anew, customer by customer.
create table name_folds (
    only_one boolean primary key default true check (only_one),
    version integer not null,
    after text collate "C" not null,
    done_at timestamptz
);
