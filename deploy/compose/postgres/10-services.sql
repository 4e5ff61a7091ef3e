-- For each service a database, the role that owns it and its tables (`migrate` connects as that one), and the role of the
-- service, which only works with rows. The image runs this once, when the volume is empty; it may be run again:
-- docs/runbooks/database-roles.md.
-- \getenv keeps the passwords out of arguments; a variable that is not set is a syntax error and stops the start.
\getenv accounts_password ACCOUNTS_DB_PASSWORD
\getenv tickets_password TICKETS_DB_PASSWORD
\getenv notifications_password NOTIFICATIONS_DB_PASSWORD
\getenv loyalty_password LOYALTY_DB_PASSWORD
\getenv accounts_owner_password ACCOUNTS_OWNER_DB_PASSWORD
\getenv tickets_owner_password TICKETS_OWNER_DB_PASSWORD
\getenv notifications_owner_password NOTIFICATIONS_OWNER_DB_PASSWORD
\getenv loyalty_owner_password LOYALTY_OWNER_DB_PASSWORD

select format('create role %I login', name)
  from unnest(array['accounts', 'tickets', 'notifications', 'loyalty']) as service,
       unnest(array[service, service || '_owner']) as name
 where not exists (select from pg_roles where rolname = name) \gexec

alter role accounts password :'accounts_password';
alter role tickets password :'tickets_password';
alter role notifications password :'notifications_password';
alter role loyalty password :'loyalty_password';
alter role accounts_owner password :'accounts_owner_password';
alter role tickets_owner password :'tickets_owner_password';
alter role notifications_owner password :'notifications_owner_password';
alter role loyalty_owner password :'loyalty_owner_password';

select format('create database %I', service)
  from unnest(array['accounts', 'tickets', 'notifications', 'loyalty']) as service
 where not exists (select from pg_database where datname = service) \gexec

alter database accounts owner to accounts_owner;
alter database tickets owner to tickets_owner;
alter database notifications owner to notifications_owner;
alter database loyalty owner to loyalty_owner;

revoke connect on database accounts, tickets, notifications, loyalty from public;
grant connect on database accounts to accounts;
grant connect on database tickets to tickets;
grant connect on database notifications to notifications;
grant connect on database loyalty to loyalty;

-- What the services owned before there were owners.
\connect accounts
reassign owned by accounts to accounts_owner;
\connect tickets
reassign owned by tickets to tickets_owner;
\connect notifications
reassign owned by notifications to notifications_owner;
\connect loyalty
reassign owned by loyalty to loyalty_owner;
