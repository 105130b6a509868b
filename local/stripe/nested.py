"""Readers of parameters inside parameters, and of the numbers that are no whole ones.

Names in errors are Stripe's: `line_items[0][price_data][currency]`.
"""

import re
from decimal import Decimal

from local.stripe import forms
from local.stripe.errors import ApiError, invalid
from shared.ports import Json

PERCENT_DECIMALS_MAX = 4
PERCENT_MAX = 100
NAME_CHARS_MAX = 256

_DECIMAL = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_COUNTRY = re.compile(r"[A-Za-z]{2}")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")


def nested(spec: forms.Spec, required: tuple[str, ...] = ()) -> forms.Reader:
    """An object of known members; an empty string unsets it."""

    def read_nested(value: object, param: str) -> Json | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        return forms.read(value, spec, required, param)

    return read_nested


def several(reader: forms.Reader, most: int) -> forms.Reader:
    """A list; an empty string empties it."""

    def read_list(value: object, param: str) -> list[object]:
        if value == "":
            return []
        if not isinstance(value, list):
            raise invalid("Invalid array", param)
        if len(value) > most:
            raise invalid(f"Array {param} exceeded maximum {most} allowed elements.", param)
        return [reader(item, f"{param}[{index}]") for index, item in enumerate(value)]

    return read_list


def by_currency(reader: forms.Reader) -> forms.Reader:
    """An object whose names are currencies."""

    def read_by_currency(value: object, param: str) -> Json | None:
        if value == "":
            return None
        if not isinstance(value, dict):
            raise invalid("Invalid object", param)
        return {
            forms.currency(name, f"{param}[{name}]"): reader(item, f"{param}[{name}]")
            for name, item in value.items()
        }

    return read_by_currency


def limited(chars_max: int) -> forms.Reader:
    """A string of bounded length; an empty one unsets."""

    def read_limited(value: object, param: str) -> str | None:
        found = forms.text(value, param)
        if found is not None and len(found) > chars_max:
            text = f"Invalid string: must be at most {chars_max} characters"
            raise invalid(text, param)
        return found

    return read_limited


def not_negative(value: object, param: str) -> int:
    """An amount that may be zero, in minor units."""
    number = forms.integer(value, param)
    if number < 0:
        text = "This value must be greater than or equal to 0."
        raise invalid(text, param, "parameter_invalid_integer")
    return number


def decimal(value: object, param: str) -> Decimal:
    """A number of at most 12 decimal places that is not negative."""
    if not isinstance(value, str) or not _DECIMAL.fullmatch(value):
        raise invalid(f"Invalid decimal: {value}", param)
    return Decimal(value)


def percent(value: object, param: str) -> Decimal:
    """A share from 0 to 100, shown as Stripe shows it: `19.0`, `7.25`."""
    number = decimal(value, param)
    if number > PERCENT_MAX or number != round(number, PERCENT_DECIMALS_MAX):
        text = f"Invalid percentage: {value}; it must be from 0 to 100, with at most 4 decimals"
        raise invalid(text, param)
    whole = number == number.to_integral_value()
    return number.quantize(Decimal("0.1")) if whole else number.normalize()


def country(value: object, param: str) -> str | None:
    """A two-letter country, in upper case; an empty string unsets."""
    if value == "":
        return None
    if not isinstance(value, str) or not _COUNTRY.fullmatch(value):
        raise invalid(
            f"Country '{value}' is unknown. Try using a 2-character alphanumeric country code "
            "instead, such as 'US', 'EG', or 'GB'.",
            param,
        )
    return value.upper()


def email(value: object, param: str) -> str | None:
    """An e-mail address; an empty string unsets."""
    if value == "":
        return None
    if not isinstance(value, str) or not _EMAIL.fullmatch(value):
        raise invalid(f"Invalid email address: {value}", param, "email_invalid")
    return value


ADDRESS: forms.Spec = {
    "city": forms.text,
    "country": country,
    "line1": forms.text,
    "line2": forms.text,
    "postal_code": forms.text,
    "state": forms.text,
}


def address(value: object, param: str) -> Json | None:
    """An address with all its members; an empty string unsets it."""
    if value == "":
        return None
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    return dict.fromkeys(ADDRESS) | forms.read(value, ADDRESS, (), param)


SHIPPING = nested(
    {
        "address": address,
        "carrier": forms.text,
        "name": limited(NAME_CHARS_MAX),
        "phone": forms.text,
        "tracking_number": forms.text,
    },
    ("address", "name"),
)
"""Where goods go: of customers and payment intents."""


def only_one(params: Json, *names: str) -> None:
    """Refuse parameters that exclude each other."""
    given = [name for name in names if params.get(name) is not None]
    if len(given) > 1:
        text = f"You may only specify one of these parameters: {', '.join(given)}."
        raise ApiError(400, text)
