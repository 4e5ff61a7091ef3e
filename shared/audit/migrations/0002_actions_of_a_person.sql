-- What one person did of one kind, also where either alone is most of the trail.
-- squawk-ignore require-concurrent-index-creation
create index audit_entries_actor_action on audit_entries (actor, action, id);
