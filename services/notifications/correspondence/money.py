"""Money as people read it."""

# How many digits of minor units a currency has (ISO 4217), where it is not two.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS_OF = {currency: digits for digits, currencies in _DIGITS.items() for currency in currencies.split()}


def format_money(amount: int, currency: str) -> str:
    """`amount` minor units such as 123450 as "AUD 1,234.50"."""
    digits = _DIGITS_OF.get(currency, 2)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    fraction = f".{part:0{digits}}" if digits else ""
    return f"{sign}{currency} {whole:,}{fraction}"
