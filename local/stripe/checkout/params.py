"""What requests about Checkout Sessions take."""

from local.stripe import forms, nested
from local.stripe.catalogue import prices, products, shipping_rates
from local.stripe.lists import PAGING

LINES_MAX = 100
TAX_RATES_MAX = 5
DISCOUNTS_MAX = 1
SHIPPING_OPTIONS_MAX = 5
COUNTRIES_MAX = 250
REFERENCE_CHARS_MAX = 200
UI_MODES = ("elements", "embedded_page", "form", "hosted_page")

_ENABLED = nested.nested({"enabled": forms.boolean}, ("enabled",))
_AUTO = forms.one_of("auto", "never")
_LINE: forms.Spec = {
    "adjustable_quantity": nested.nested(
        {"enabled": forms.boolean, "maximum": forms.positive, "minimum": nested.not_negative},
        ("enabled",),
    ),
    "metadata": forms.metadata,
    "price": forms.text,
    "price_data": nested.nested(
        {
            **prices.INLINE,
            "product": forms.text,
            "product_data": nested.nested(products.DATA_OF_LINE, ("name",)),
        },
        ("currency",),
    ),
    "quantity": forms.positive,
    "tax_rates": nested.several(forms.text, TAX_RATES_MAX),
}
_SHIPPING_OPTION: forms.Spec = {
    "shipping_rate": forms.text,
    "shipping_rate_data": nested.nested(shipping_rates.CREATE, ("display_name",)),
}
_PAYMENT_INTENT_DATA: forms.Spec = {
    "capture_method": forms.one_of("automatic", "automatic_async", "manual"),
    "description": forms.text,
    "metadata": forms.metadata,
    "receipt_email": nested.email,
    "setup_future_usage": forms.one_of("off_session", "on_session"),
    "shipping": nested.SHIPPING,
    "statement_descriptor": forms.text,
    "statement_descriptor_suffix": forms.text,
    "transfer_group": forms.text,
}
_INVOICE_DATA: forms.Spec = {
    "custom_fields": forms.any_value,
    "description": forms.text,
    "footer": forms.text,
    "metadata": forms.metadata,
    "rendering_options": forms.object_,
}
CREATE: forms.Spec = {
    "adaptive_pricing": _ENABLED,
    "allow_promotion_codes": forms.boolean,
    "automatic_tax": _ENABLED,
    "billing_address_collection": forms.one_of("auto", "required"),
    "cancel_url": forms.text,
    "client_reference_id": nested.limited(REFERENCE_CHARS_MAX),
    "currency": forms.currency,
    "customer": forms.text,
    "customer_creation": forms.one_of("always", "if_required"),
    "customer_email": nested.email,
    "customer_update": nested.nested({"address": _AUTO, "name": _AUTO, "shipping": _AUTO}),
    "discounts": nested.several(nested.nested({"coupon": forms.text}, ("coupon",)), DISCOUNTS_MAX),
    "expires_at": forms.integer,
    "invoice_creation": nested.nested(
        {"enabled": forms.boolean, "invoice_data": nested.nested(_INVOICE_DATA)}, ("enabled",)
    ),
    "line_items": nested.several(nested.nested(_LINE), LINES_MAX),
    "locale": forms.text,
    "metadata": forms.metadata,
    "mode": forms.one_of("payment", "setup", "subscription"),
    "payment_intent_data": nested.nested(_PAYMENT_INTENT_DATA),
    "payment_method_options": forms.object_,
    "payment_method_types": forms.any_value,  # gone from the API, still sent by older clients
    "phone_number_collection": _ENABLED,
    "return_url": forms.text,
    "shipping_address_collection": nested.nested(
        {"allowed_countries": nested.several(nested.country, COUNTRIES_MAX)},
        ("allowed_countries",),
    ),
    "shipping_options": nested.several(nested.nested(_SHIPPING_OPTION), SHIPPING_OPTIONS_MAX),
    "submit_type": forms.one_of("auto", "book", "donate", "pay", "subscribe"),
    "success_url": forms.text,
    "tax_id_collection": nested.nested(
        {"enabled": forms.boolean, "required": forms.one_of("if_supported", "never")},
        ("enabled",),
    ),
    "ui_mode": forms.one_of(*UI_MODES),
}
UPDATE: forms.Spec = {"metadata": forms.metadata}
LIST: forms.Spec = {
    **PAGING,
    "customer": forms.text,
    "customer_details": nested.nested({"email": nested.email}, ("email",)),
    "payment_intent": forms.text,
    "status": forms.one_of("complete", "expired", "open"),
}
LINE_ITEMS: forms.Spec = {name: reader for name, reader in PAGING.items() if name != "created"}
CONFIRM: forms.Spec = {
    "expected_amount": nested.not_negative,
    "payment_method": forms.text,
    "shipping_rate": forms.text,
}
