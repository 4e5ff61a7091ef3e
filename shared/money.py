"""Money: how many minor units a major one has (ISO 4217), and amounts as people read them."""

# The largest balance that events can tell, in minor units.
LARGEST_BALANCE = 10**15
# Digits of minor units, for the currencies where they are not two.
_DIGITS = {
    0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
    3: "BHD IQD JOD KWD LYD OMR TND",
    4: "CLF UYW",
}
_DIGITS_OF = {currency: digits for digits, currencies in _DIGITS.items() for currency in currencies.split()}
_USUAL_DIGITS = 2
# The currencies of ISO 4217 that people pay in.
_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
    UGX USD UYI UYU UYW UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
"""
_CURRENCIES = frozenset(_CODES.split())


def known_currency(currency: str) -> str:
    """The currency, if there is one of this code.

    Raises:
        ValueError: there is none.
    """
    if currency not in _CURRENCIES:
        raise ValueError("ISO 4217 has no currency of this code.")
    return currency


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
