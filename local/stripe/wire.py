"""JSON as Stripe sends it."""

import simplejson


def to_bytes(value: object) -> bytes:
    """JSON as it travels; decimals as they came. Half a surrogate pair is escaped: JSON can say
    it, UTF-8 cannot."""
    text: str = simplejson.dumps(value, use_decimal=True, ensure_ascii=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        escaped: str = simplejson.dumps(value, use_decimal=True, ensure_ascii=True)
        return escaped.encode()
