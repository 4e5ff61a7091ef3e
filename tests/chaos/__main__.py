"""`python -m tests.chaos --rounds 500 --seed 1`: the long run; `make chaos` calls it.

Exit status 0 when nothing is wrong. The documents given to the model and the logs stay in the folder that the last
line names, until the next run.
"""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from deploy.local.config import state_root
from deploy.local.stack import Stack
from tests.chaos.report import as_markdown, write_reports
from tests.chaos.run import Plan, Run, chaos_stack

_REPORTS = Path(__file__).resolve().parents[2] / "docs" / "measurements"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.chaos", description="Kill everything at random, then compare."
    )
    parser.add_argument("--rounds", type=int, default=100, help="how many kills")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--purchases", type=float, default=10, help="purchases a second")
    parser.add_argument("--calls", type=float, default=8, help="HTTP calls a second")
    parser.add_argument("--pace", type=float, default=1, help="stretches the pauses between faults")
    parser.add_argument("--report", type=Path, help=f"write chaos.md and chaos.json here, such as {_REPORTS.name}")
    return parser.parse_args()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def main() -> int:
    """Run, print the report, and say by the exit status whether all is well."""
    given = _arguments()
    # What the clients of this program say of brokers that are down is expected, and much.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    plan = Plan(given.rounds, given.seed, purchases=given.purchases, calls=given.calls, pace=given.pace, rolling=True)
    state_dir = state_root() / "chaos"
    if (state_dir / "stack.json").exists():
        Stack.attach(state_dir).clean()
    stack = chaos_stack(state_dir)
    try:
        stack.up()
        result = asyncio.run(Run(stack, plan, state_dir, say=_say).run())
    finally:
        stack.down()
    command = f"make chaos ROUNDS={plan.rounds} SEED={plan.seed}"
    sys.stdout.write(f"{as_markdown(result, command)}\nAll of it is in {state_dir}.\n")
    if given.report:
        write_reports(result, given.report, command=command)
    return 0 if result.holds else 1


if __name__ == "__main__":
    raise SystemExit(main())
