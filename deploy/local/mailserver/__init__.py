"""A local mail server that stands in for a provider: accepts mail, keeps it, reports what became of it.

Every accepted message is a file `<id>.eml` beside `<id>.json`, the journal of its delivery reports. A message is
only accepted when both are written, and a report is only crossed off when Kafka has it, so that neither a process that
is killed nor an absent Kafka loses one; a report may be published twice, with the same event id. Nothing is flushed to
the disk: that would hold up the flushes of PostgreSQL, and a provider has a disk of its own.
"""
