"""Tests of Recourse. What commands print is the same in them whatever terminal or CI system they run in."""

import os

for _name in ("FORCE_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "TTY_COMPATIBLE", "COLUMNS"):
    os.environ.pop(_name, None)
