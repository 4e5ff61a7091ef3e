-- A role and a database for each service; the image runs this once, when the volume is empty.
-- \getenv keeps the passwords out of arguments; a variable that is not set is a syntax error and stops the start.
\getenv accounts_password ACCOUNTS_DB_PASSWORD
\getenv tickets_password TICKETS_DB_PASSWORD
\getenv notifications_password NOTIFICATIONS_DB_PASSWORD
\getenv loyalty_password LOYALTY_DB_PASSWORD

create role accounts login password :'accounts_password';
create role tickets login password :'tickets_password';
create role notifications login password :'notifications_password';
create role loyalty login password :'loyalty_password';

create database accounts owner accounts;
create database tickets owner tickets;
create database notifications owner notifications;
create database loyalty owner loyalty;

revoke connect on database accounts, tickets, notifications, loyalty from public;
