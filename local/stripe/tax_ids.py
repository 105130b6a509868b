"""Tax ids of customers: https://docs.stripe.com/api/tax_ids.

Some types are verified, some time after the request; sandbox numbers that end in nine equal digits
tell the outcome (https://docs.stripe.com/billing/customer/tax-ids).
"""

import re

from local.stripe import forms, nested
from local.stripe.core import ApiRoute, Call, Core
from local.stripe.errors import invalid, missing
from local.stripe.lists import PAGING, equal_to, listing
from shared.ports import Json

_TYPES = """
ad_nrt ae_trn al_tin am_tin ao_tin ar_cuit au_abn au_acn au_arn au_wpn aw_tin az_tin ba_tin bb_tin
bd_bin bf_ifu bg_uic bh_vat bj_ifu bo_tin br_cnpj br_cpf bs_tin bw_vat by_tin ca_bn ca_gst_hst
ca_pst_bc ca_pst_mb ca_pst_sk ca_qst cd_nif ch_uid ch_vat ci_vat cl_tin cm_niu cn_tin co_nit cr_tin
cv_nif cz_dic de_stn do_rcn ec_ruc eg_tin es_cif et_tin eu_oss_vat eu_vat fo_vat fr_siren fr_siret
fr_spi gb_vat ge_vat gh_tin gi_tin gn_nif hk_br hr_oib hu_tin ic_nif id_npwp il_vat in_gst is_kt
is_vat it_cf jp_cn jp_rn jp_trn ke_pin kg_tin kh_tin kr_brn kz_bin la_tin li_uid li_vat lk_vat
ma_vat md_cf md_vat me_pib mk_vat mr_nif mu_vat mx_rfc my_frp my_itn my_sst mz_nuit ng_tin no_vat
no_voec np_pan nz_bn nz_gst om_vat pe_ruc ph_tin pl_nip pt_nif py_ruc ro_tin rs_pib ru_inn ru_kpp
sa_vat sg_gst sg_uen si_tin sm_coe sn_ninea sr_fin sv_nit th_vat tj_tin tr_tin tt_bir tt_vat tw_vat
tz_vat ua_vat ug_tin us_ein uy_ruc uz_tin uz_vat ve_rif vn_tin za_vat zm_tin zw_tin
"""
TYPES = tuple(_TYPES.split())
VERIFIED = ("au_abn", "eu_vat", "gb_vat")
VALUE_CHARS_MAX = 50
UNVERIFIED_MARK, PENDING_MARK = "111111111", "222222222"

# Countries of the European Union as their VAT numbers begin (Greece: EL; Northern Ireland: XI).
_EU = "AT|BE|BG|CY|CZ|DE|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK|XI"
_SHAPES = {
    "au_abn": re.compile(r"[0-9]{11}"),
    "eu_vat": re.compile(rf"(?:{_EU})[A-Z0-9+*]{{8,12}}"),
    "gb_vat": re.compile(r"(?:GB)?(?:[0-9]{9}|[0-9]{12})"),
}
_COUNTRIES = {"EL": "GR", "XI": "GB"}


def _value(value: object, param: str) -> str:
    found = nested.limited(VALUE_CHARS_MAX)(value, param)
    if not isinstance(found, str):
        raise invalid("You must pass a value for the tax ID.", param)
    return found


_SPEC: forms.Spec = {"type": forms.one_of(*TYPES), "value": _value}
_REQUIRED = ("type", "value")


def data(value: object, param: str) -> Json:
    """The reader of a tax id inside another request."""
    if not isinstance(value, dict):
        raise invalid("Invalid object", param)
    found = forms.read(value, _SPEC, _REQUIRED, param)
    _check(found, f"{param}[value]")
    return found


def _check(data: Json, param: str) -> None:
    shape = _SHAPES.get(data["type"])
    if shape is not None and not shape.fullmatch(_plain(data["value"])):
        raise invalid(f"Invalid value for {data['type']}.", param, "tax_id_invalid")


def _plain(value: str) -> str:
    return re.sub(r"[\s.-]", "", value).upper()


def alive(core: Core, id: str) -> Json:
    """The customer of that id, who must not be deleted."""
    customer = core.find("customer", id)
    if customer.get("deleted"):
        raise missing("customer", id, "id")
    return customer


def create(core: Core, customer: Json, data: Json) -> Json:
    """Give a customer a tax id (`type` and a `value` of its form)."""
    type, value = data["type"], data["value"]
    plain = _plain(value)
    tax_id: Json = {
        "id": core.ids.new("txi"),
        "object": "tax_id",
        "country": _country(type, plain),
        "created": core.now(),
        "customer": customer["id"],
        "customer_account": None,
        "livemode": core.livemode,
        "owner": {"customer": customer["id"], "type": "customer"},
        "type": type,
        "value": value,
        "verification": _verification("pending" if type in VERIFIED else "unavailable"),
    }
    core.store.put(tax_id)
    core.events.emit("customer.tax_id.created", tax_id)
    if type in VERIFIED and not plain.endswith(PENDING_MARK):
        _verify_later(core, tax_id, customer, verified=not plain.endswith(UNVERIFIED_MARK))
    return tax_id


def _country(type: str, plain: str) -> str | None:
    if type == "eu_oss_vat":
        return None
    start = plain[:2] if type == "eu_vat" else type[:2].upper()
    return _COUNTRIES.get(start, start)


def _verification(status: str, name: str | None = None) -> Json:
    return {"status": status, "verified_address": None, "verified_name": name}


def _verify_later(core: Core, tax_id: Json, customer: Json, *, verified: bool) -> None:
    def verify() -> None:
        if core.store.get(tax_id["id"]) is None:
            return  # deleted meanwhile
        name = customer.get("business_name") or customer.get("name")
        outcome = _verification("verified", name) if verified else _verification("unverified")
        core.change(tax_id, {"verification": outcome}, "customer.tax_id.updated")

    core.schedule.after(core.draw_seconds(core.settings.tax_id_verify_seconds), verify)


def _create(core: Core, call: Call) -> Json:
    _check(call.params, "value")
    return create(core, alive(core, call.ids[0]), call.params)


def _of_customer(core: Core, call: Call) -> Json:
    tax_id = core.find("tax_id", call.ids[1])
    if tax_id["customer"] != alive(core, call.ids[0])["id"]:
        raise missing("tax_id", call.ids[1], "id")
    return tax_id


def _delete(core: Core, call: Call) -> Json:
    tax_id = _of_customer(core, call)
    core.store.remove(tax_id["id"])
    core.events.emit("customer.tax_id.deleted", tax_id)
    return {"id": tax_id["id"], "object": "tax_id", "deleted": True}


def _list(core: Core, call: Call) -> Json:
    customer = alive(core, call.ids[0])["id"]
    return listing(core, call, "tax_id", equal_to({"customer": customer}, "customer"), customer)


def forget(core: Core, customer: str) -> None:
    """Drop the tax ids of a customer who is deleted."""
    for tax_id in list(core.store.newest_first("tax_id", customer)):
        core.store.remove(tax_id["id"])


def _retrieve(core: Core, call: Call) -> Json:
    return core.find("tax_id", call.ids[0])


ROUTES = (
    ApiRoute("POST", "/v1/customers/{}/tax_ids", _create, _SPEC, _REQUIRED),
    ApiRoute("GET", "/v1/customers/{}/tax_ids", _list, PAGING),
    ApiRoute("GET", "/v1/customers/{}/tax_ids/{}", _of_customer),
    ApiRoute("DELETE", "/v1/customers/{}/tax_ids/{}", _delete),
    ApiRoute("GET", "/v1/tax_ids/{}", _retrieve),
)
