"""Translating outcomes to HTTP: JSON bodies with a code and a sentence, never a stack."""

import json
import logging
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import azure.functions as func

from shared import telemetry
from shared.errors import SettingsRefused, TieoutError

SECURITY_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "no-referrer",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    }
)
"""Of every JSON answer: it is data, never a page, and nobody keeps or frames it."""


def json_response(body: Mapping[str, Any] | list[Any], status: int = 200) -> func.HttpResponse:
    """A JSON answer."""
    text = json.dumps(body, default=str)
    headers = dict(SECURITY_HEADERS)
    return func.HttpResponse(text, status_code=status, headers=headers, mimetype="application/json")


def error_response(status: int, code: str, message: str) -> func.HttpResponse:
    """A JSON answer with a closed code and a sentence."""
    return json_response({"code": code, "message": message}, status)


def refused(error: TieoutError) -> func.HttpResponse:
    """The answer to an error of our own: 503, with its sentence."""
    if isinstance(error, SettingsRefused):
        telemetry.event("not_configured", logging.ERROR, problems=len(error.problems))
        return error_response(503, "not_configured", str(error))
    telemetry.event("request_failed", logging.WARNING, error=type(error).__name__)
    return error_response(503, "unavailable", str(error))
