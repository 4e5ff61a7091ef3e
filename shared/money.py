"""Money: how many minor units a major one has (ISO 4217), and amounts as people read them."""

# Digits of minor units, for the currencies where they are not two.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS_OF = {currency: digits for digits, currencies in _DIGITS.items() for currency in currencies.split()}
_USUAL_DIGITS = 2


def minor_units(currency: str) -> int:
    """Minor units in one major unit: 100 for most currencies."""
    units: int = 10 ** _DIGITS_OF.get(currency, _USUAL_DIGITS)
    return units


def figure(amount: int, currency: str | None, *, grouped: bool = False) -> str:
    """`amount` minor units such as 123450 as `1234.50`, or `1,234.50` when grouped; without the currency's name."""
    digits = _DIGITS_OF.get(currency or "", _USUAL_DIGITS)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    fraction = f".{part:0{digits}}" if digits else ""
    return f"{sign}{whole:,}{fraction}" if grouped else f"{sign}{whole}{fraction}"


def format_money(amount: int, currency: str) -> str:
    """`amount` minor units such as 123450 as `AUD 1,234.50`."""
    return f"{currency} {figure(amount, currency, grouped=True)}".replace(f"{currency} -", f"-{currency} ")
