"""Which database errors pass by themselves, so that the same work may be tried again, and what errors say."""

import asyncpg

# SQLSTATE classes: 08 connection, 40 rollback (serialisation, deadlock), 53 resources (disk full, connections),
# 57 operator (shutdown, cancelled), 58 system (I/O).
_TRANSIENT_CLASSES = {"08", "40", "53", "57", "58"}
# A lock not had in time; a server that is read-only for now; sessions ended by a timeout; a transaction that the
# server ended for being idle.
_TRANSIENT_STATES = {"55P03", "25006", "25P03", "25P04"}


def is_transient(error: BaseException) -> bool:
    """Whether the error says something about the moment and nothing about the work that met it."""
    if isinstance(error, asyncpg.PostgresError):
        state = error.sqlstate or ""
        return state[:2] in _TRANSIENT_CLASSES or state in _TRANSIENT_STATES
    if isinstance(error, asyncpg.InterfaceError):
        return not isinstance(error, asyncpg.exceptions.DataError) and _says_closed(error)
    if isinstance(error, asyncpg.InternalClientError):
        # A connection that the server cut while it was idle, met before asyncpg has noticed.
        return "cannot switch to state" in str(error)
    return isinstance(error, OSError | TimeoutError)


def _says_closed(error: asyncpg.InterfaceError) -> bool:
    message = str(error).lower()
    return any(word in message for word in ("closed", "closing", "released", "another operation"))


def words_of(error: BaseException) -> str:
    """What an error says, or its kind: a time-out, for one, says nothing."""
    return str(error) or type(error).__name__
