-- Whom accounts found to be another customer, so that what is kept of either is shown as one. A merge that was taken
-- back stays with nobody as its survivor, and keeps an older event from bringing it back.
create table customer_merges (
    customer_id text collate "C" primary key,
    survivor_id text collate "C",
    version bigint not null
);
create index customer_merges_survivor on customer_merges (survivor_id, customer_id) where survivor_id is not null;
