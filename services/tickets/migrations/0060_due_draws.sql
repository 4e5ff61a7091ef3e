-- What the runner of AutoPlays looks for every few seconds, among all draws that there ever were: those that are due, and
-- those that it has not taken round to the end.
-- squawk-ignore require-concurrent-index-creation
create index draws_closing on draws (closes_at);
-- squawk-ignore require-concurrent-index-creation
create index autoplay_draws_open on autoplay_draws (lottery, draw_number) where finished_at is null;
