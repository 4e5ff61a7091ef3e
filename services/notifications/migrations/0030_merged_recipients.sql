-- Whom accounts found to be another customer, so that what both were told is shown as one.
alter table recipients add column merged_into text collate "C";
-- squawk-ignore require-concurrent-index-creation
create index recipients_merged on recipients (merged_into, customer_id) where merged_into is not null;
