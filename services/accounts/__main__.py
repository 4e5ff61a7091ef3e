"""`python -m services.accounts [migrate]`."""

from services.accounts.app import SERVICE
from shared.service import main

raise SystemExit(main(SERVICE))
