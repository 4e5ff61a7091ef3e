-- All that is held about a customer is exported: orders that were not taken have no tickets to be found by.
-- squawk-ignore require-concurrent-index-creation
create index orders_failed on orders (customer_id, order_id) where outcome = 'failed';
