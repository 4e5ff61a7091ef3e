-- Customers as accounts last published them. Version 0: the row only serves as the customer's lock so far.
create table recipients (
    customer_id text collate "C" primary key,
    version bigint not null default 0,
    first_name text,
    last_name text,
    email text,
    language text,
    time_zone text,
    check (version = 0 or (first_name is not null and last_name is not null))
) with (fillfactor = 80);
