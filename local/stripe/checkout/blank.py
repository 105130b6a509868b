"""A Checkout Session before anything is known of it but the request.

https://docs.stripe.com/api/checkout/sessions/object
"""

from local.stripe.checkout.lines import Terms
from local.stripe.core import Core, merged
from shared.ports import Json

LIFE_SECONDS = 86_400
BLANK_DETAILS: Json = {
    "address": None,
    "business_name": None,
    "email": None,
    "individual_name": None,
    "name": None,
    "phone": None,
    "tax_exempt": "none",
    "tax_ids": None,
}
_AS_GIVEN = (
    "allow_promotion_codes",
    "billing_address_collection",
    "cancel_url",
    "client_reference_id",
    "customer",
    "customer_email",
    "locale",
    "return_url",
    "shipping_address_collection",
    "submit_type",
    "success_url",
)
"""Parameters that are members of the session as they are, null where they are not given."""
_NULL = (
    "after_expiration",
    "allowed_payment_method_types",
    "branding_settings",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer_account",
    "customer_details",
    "excluded_payment_method_types",
    "integration_identifier",
    "invoice",
    "managed_payments",
    "name_collection",
    "optional_items",
    "origin_context",
    "payment_intent",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "presentment_details",
    "recovered_from",
    "redirect_on_completion",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_cost",
    "subscription",
    "total_details",
    "wallet_options",
)
_TEXTS = ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")


def blank(core: Core, params: Json, terms: Terms) -> Json:
    """A new open session without lines and totals."""
    id = core.ids.new("cs_live" if core.livemode else "cs_test")
    page = params.get("ui_mode", "hosted_page")
    creation = params.get("customer_creation", "if_required")
    return {
        "id": id,
        "object": "checkout.session",
        **dict.fromkeys(_NULL),
        **{name: params.get(name) for name in _AS_GIVEN},
        "adaptive_pricing": params.get("adaptive_pricing", {"enabled": False}),
        "amount_subtotal": 0,
        "amount_total": 0,
        "automatic_tax": _automatic_tax(enabled=terms.automatic),
        "client_secret": None if page == "hosted_page" else f"{id}_{core.ids.new('secret')}",
        "created": core.now(),
        "currency": terms.currency,
        "custom_fields": [],
        "custom_text": dict.fromkeys(_TEXTS),
        "customer_creation": None if params.get("customer") is not None else creation,
        "discounts": [],
        "expires_at": params.get("expires_at", core.now() + LIFE_SECONDS),
        "invoice_creation": _invoice_creation(params.get("invoice_creation")),
        "livemode": core.livemode,
        "metadata": merged({}, params.get("metadata", {})),
        "mode": "payment",
        "payment_method_collection": "if_required",
        "payment_method_options": params.get("payment_method_options") or {},
        "payment_method_types": ["card"],
        "payment_status": "unpaid",
        "phone_number_collection": params.get("phone_number_collection", {"enabled": False}),
        "shipping_options": [],
        "status": "open",
        "tax_id_collection": {"enabled": False, "required": "never"}
        | (params.get("tax_id_collection") or {}),
        "ui_mode": page,
        "url": f"https://checkout.stripe.com/c/pay/{id}" if page == "hosted_page" else None,
    }


def _automatic_tax(*, enabled: bool) -> Json:
    if not enabled:
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    return {
        "enabled": True,
        "liability": {"type": "self"},
        "provider": "stripe",
        "status": "complete",
    }


def _invoice_creation(given: Json | None) -> Json:
    names = ("account_tax_ids", "custom_fields", "description", "footer", "issuer")
    nothing: Json = dict.fromkeys(names) | {"metadata": {}, "rendering_options": None}
    asked = given or {}
    data = nothing | (asked.get("invoice_data") or {})
    return {"enabled": asked.get("enabled", False), "invoice_data": data}
