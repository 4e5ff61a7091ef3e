create extension if not exists pg_trgm;
create extension if not exists unaccent;

-- The ids under which customers know their orders: of the order, its tickets, receipt, payment and checkout. Copied in
-- beside the ledger's entries, in a number that makes every index count: one hash index finds them. An order comes in
-- once, so its ids do.
create table identifiers (
    value text collate "C" not null,
    kind text collate "C" not null check (kind in ('order', 'ticket', 'receipt', 'transaction', 'checkout')),
    customer_id text collate "C" not null
);
create index identifiers_value on identifiers using hash (lower(value));

-- Each word of a customer's name beside each other one, folded (`services/accounts/search/domain.py`); beside '' when
-- it is the only one. Two words that are both frequent find their customers without reading all of either.
create table customer_names (
    word text collate "C" not null,
    other text collate "C" not null,
    customer_id text collate "C" not null,
    primary key (word, other, customer_id)
);

-- The words in use, to look up what was mistyped. Not unique: transactions that bring the same new word at once must
-- not wait for each other, and a word that is there twice does no harm.
create table name_words (
    word text collate "C" not null
);
create index name_words_word on name_words (word);
create index name_words_trigrams on name_words using gin (word gin_trgm_ops) with (fastupdate = off);

-- An address without its tag (`ada+lotto@example.com`), and the end of a number, which all ways to write it share.
-- squawk-ignore require-concurrent-index-creation
create index customers_untagged_email on customers (regexp_replace(email_key, '\+[^@]*', ''), customer_id)
    where email_key is not null;
-- squawk-ignore require-concurrent-index-creation
create index customers_phone_end on customers (right(phone_key, 7), customer_id) where phone_key is not null;
-- squawk-ignore require-concurrent-index-creation
create index ledger_entries_entry on ledger_entries (entry_id);

-- Customers from before this migration; the ids of their orders are not known here.
with words as (
    select distinct customer_id, left(word, 64) as word
    from customers,
         regexp_split_to_table(
             lower(unaccent(translate(first_name || ' ' || last_name, '''’', ''))), '[^[:alnum:]]+') as word
    where word <> ''
)
insert into customer_names (word, other, customer_id)
select w.word, coalesce(o.word, ''), w.customer_id
from words w left join words o on o.customer_id = w.customer_id and o.word <> w.word
on conflict do nothing;
insert into name_words (word) select distinct word from customer_names;
