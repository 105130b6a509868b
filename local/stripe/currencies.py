"""Currencies as https://docs.stripe.com/currencies lists them."""

_SUPPORTED = """
usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn
bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf
gtq gyd hkd hnl htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr
lrd lsl mad mdl mga mkd mmk mnt mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen
pgk php pkr pln pyg qar ron rsd rub rwf sar sbd scr sek sgd shp sle sos srd std szl thb tjs tnd
top try ttd twd tzs uah ugx uyu uzs vnd vuv wst xaf xcd xcg xof xpf yer zar zmw
"""
_ZERO_DECIMAL = "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"
SUPPORTED = tuple(_SUPPORTED.split())
ZERO_DECIMAL = tuple(_ZERO_DECIMAL.split())
THREE_DECIMAL = ("bhd", "jod", "kwd", "omr", "tnd")
MINIMUMS = {
    "aud": 50,
    "cad": 50,
    "chf": 50,
    "dkk": 250,
    "eur": 50,
    "gbp": 30,
    "jpy": 50,
    "nok": 300,
    "sek": 300,
    "usd": 50,
}
"""The least that can be charged, in minor units, where Stripe names it."""
SIGNS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


def exponent(currency: str) -> int:
    """How many decimals the minor unit of a currency has in the API."""
    if currency in ZERO_DECIMAL:
        return 0
    return 3 if currency in THREE_DECIMAL else 2


def spoken(amount_minor: int, currency: str) -> str:
    """An amount as error texts show it: `$20.00`, `¥500`, `12.500 KWD`."""
    places = exponent(currency)
    whole, part = divmod(amount_minor, 10**places)
    number = f"{whole:,}" + (f".{part:0{places}d}" if places else "")
    sign = SIGNS.get(currency)
    return f"{sign}{number}" if sign else f"{number} {currency.upper()}"
