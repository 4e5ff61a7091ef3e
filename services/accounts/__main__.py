"""`python -m services.accounts` serves; with the argument `migrate` it brings the database up to date."""

from services.accounts.app import SERVICE
from shared.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE))
