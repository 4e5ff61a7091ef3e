"""`python -m tests.chaos.model FACTS OBSERVED`: both are JSON files; prints the comparison as JSON."""

import json
import sys
from pathlib import Path

from tests.chaos.model.check import compare

if __name__ == "__main__":
    facts_path, observed_path = map(Path, sys.argv[1:])
    result = compare(json.loads(facts_path.read_text()), json.loads(observed_path.read_text()))
    shared = sorted(name for name in sys.modules if name.split(".")[0] in {"services", "shared", "deploy"})
    if shared:
        sys.stderr.write(f"the model is not independent: it loaded {', '.join(shared)}\n")
        raise SystemExit(2)
    sys.stdout.write(json.dumps(result))
