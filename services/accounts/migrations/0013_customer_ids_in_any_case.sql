-- Customers whose ids have both small and capital letters; all others are found by the id as it is, in small or in capitals.
-- squawk-ignore require-concurrent-index-creation
create index customers_id_of_mixed_case on customers (lower(customer_id))
    where customer_id <> lower(customer_id) and customer_id <> upper(customer_id);
