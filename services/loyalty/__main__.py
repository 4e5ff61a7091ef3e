"""`python -m services.loyalty` serves; with the argument `migrate` it brings the database up to date."""

from services.loyalty.app import SERVICE
from shared.service import main

if __name__ == "__main__":
    raise SystemExit(main(SERVICE))
