-- squawk-ignore-file ban-drop-constraint
-- Since when nothing personal is kept of a customer, and of a message to one.
alter table recipients add column erased_at timestamptz;
alter table correspondence
    add column erased_at timestamptz,
    drop constraint correspondence_check,
    add constraint correspondence_addressed
        check (recipient_address is not null or withheld_reason is not null or erased_at is not null) not valid;
