"""Tests of Recourse. They are the same whatever settings, terminal or CI system the environment speaks of."""

import os

_KEPT = {"RECOURSE_TEST_STACK", "RECOURSE_CACHE_DIR", "RECOURSE_KAFKA_JVM_OPTIONS"}
_COLOURS = {"FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "COLUMNS"}

for _name in [*os.environ]:
    if _name in _COLOURS or (_name.startswith("RECOURSE_") and _name not in _KEPT):
        del os.environ[_name]
