"""Mappings, for people and the console: list, show, compare, submit, preview, publish, roll back,
reapply.

Refusals are JSON with a closed code (`STATUSES`) and a sentence, and `problems` where documents are
refused. Answers have the shapes of `shared/services/publishing/publish.py` and `published.py`.
"""

from collections.abc import Awaitable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import azure.functions as func

from functions.access import guarded, who_in
from functions.bodies import BadRequest, json_body, text_in, whole_in
from functions.responses import error_response, json_response, refused
from shared import bootstrap
from shared.errors import TieoutError

if TYPE_CHECKING:
    from shared.services.publishing import DocumentSource

bp = func.Blueprint()

type Json = Mapping[str, Any]

NAME_CHARS_MAX = 300
PROBLEMS_MAX = 200  # shown
HISTORY = 50
STATUSES = MappingProxyType(
    {
        **{"malformed": 400, "unknown": 404, "invalid": 422},
        **dict.fromkeys(("stale", "lost_race", "already_active"), 409),
        **dict.fromkeys(("not_previewed", "same_person", "nothing_before", "never_published"), 422),
    }
)


@bp.route("api/mappings", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings")
async def mappings_list(req: func.HttpRequest) -> func.HttpResponse:
    """The active set, its version, and the sets submitted last."""
    del req
    return await _answer(_overview())


async def _overview() -> Json:
    return asdict(await bootstrap.app().published().overview())


@bp.route("api/mappings", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings")
async def mappings_submit(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"who": ..., "documents": [{"name": ..., "text": YAML or "tree": {...}}]}` -> 201."""
    return await _answer(_submit(req), 201)


async def _submit(req: func.HttpRequest) -> Json:
    body = json_body(req)
    documents, who = _documents(body), who_in(req, body)
    return asdict(await bootstrap.app().publish().submit(documents, who))


def _documents(body: Json) -> "list[tuple[str, DocumentSource]]":
    """The documents of a body. Raises `BadRequest`."""
    reason = "documents must be a list of {name, text} or {name, tree}"
    listed = body.get("documents")
    if not isinstance(listed, list):
        raise BadRequest(reason)
    documents: list[tuple[str, DocumentSource]] = []
    for document in listed:
        name = document.get("name") if isinstance(document, dict) else None
        source = document.get("text", document.get("tree")) if isinstance(document, dict) else None
        if not isinstance(name, str) or not isinstance(source, str | dict):
            raise BadRequest(reason)
        documents.append((name[:NAME_CHARS_MAX], source))
    return documents


@bp.route("api/mappings/history", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/history")
async def mappings_history(req: func.HttpRequest) -> func.HttpResponse:
    """The last changes of the active set, newest first; `?limit=`."""
    return await _answer(_history(req))


async def _history(req: func.HttpRequest) -> Json:
    limit = whole_in(req.params, "limit", HISTORY)
    changes = await bootstrap.app().published().history(limit)
    return {"changes": [asdict(change) for change in changes]}


@bp.route("api/mappings/show", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/show")
async def mappings_show(req: func.HttpRequest) -> func.HttpResponse:
    """`?set=`: a set (or version) with its documents."""
    return await _answer(_show(req))


async def _show(req: func.HttpRequest) -> Json:
    return asdict(await bootstrap.app().published().show(text_in(req.params, "set")))


@bp.route("api/mappings/diff", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/diff")
async def mappings_diff(req: func.HttpRequest) -> func.HttpResponse:
    """`?before=&after=`: what differs between two sets."""
    return await _answer(_diff(req))


async def _diff(req: func.HttpRequest) -> Json:
    before, after = text_in(req.params, "before"), text_in(req.params, "after")
    differences = await bootstrap.app().published().diff(before, after)
    return {"documents": [asdict(difference) for difference in differences]}


@bp.route("api/mappings/preview", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/preview")
async def mappings_preview(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"set": ..., "who": ..., "limit": n}`: what publishing the set would change."""
    return await _answer(_preview(req))


async def _preview(req: func.HttpRequest) -> Json:
    from shared.services.publishing import PREVIEW_OBJECTS

    body = json_body(req)
    limit = whole_in(body, "limit", PREVIEW_OBJECTS)
    service = bootstrap.app().publish()
    preview = await service.preview(text_in(body, "set"), who_in(req, body), limit)
    groups = {name: asdict(group) for name, group in preview.groups.items()}
    return {
        **asdict(preview.preview),
        "groups": groups,
        "policy_differs": preview.policy_differs,
        "books": [asdict(difference) for difference in preview.books],
        "warnings": list(preview.warnings),
    }


@bp.route("api/mappings/publish", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/publish")
async def mappings_publish(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"set": ..., "who": ..., "why": ...}`: make a previewed set the active one."""
    return await _answer(_publish(req))


async def _publish(req: func.HttpRequest) -> Json:
    body = json_body(req)
    name, who, why = text_in(body, "set"), who_in(req, body), text_in(body, "why")
    return asdict(await bootstrap.app().publish().publish(name, who, why))


@bp.route("api/mappings/rollback", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/rollback")
async def mappings_rollback(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"who": ..., "why": ..., "to": ...}`; without `to` one step back."""
    return await _answer(_rollback(req))


async def _rollback(req: func.HttpRequest) -> Json:
    body = json_body(req)
    who, why = who_in(req, body), text_in(body, "why")
    return asdict(await bootstrap.app().publish().rollback(who, why, text_in(body, "to", "")))


@bp.route("api/mappings/reapply", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@guarded("mappings/reapply")
async def mappings_reapply(req: func.HttpRequest) -> func.HttpResponse:
    """Body `{"who": ..., "why": ..., "limit": n}`: drafts are rendered as the active set says."""
    return await _answer(_reapply(req), 202)


async def _reapply(req: func.HttpRequest) -> Json:
    from shared.services.publishing import PREVIEW_OBJECTS

    body = json_body(req)
    who, why = who_in(req, body), text_in(body, "why")
    limit = whole_in(body, "limit", PREVIEW_OBJECTS)
    return asdict(await bootstrap.app().reapply().run(who, why, limit))


async def _answer(work: Awaitable[Json], status: int = 200) -> func.HttpResponse:
    """What the work gives, or its refusal."""
    from shared.services.publishing import PublishRefused

    try:
        return json_response(await work, status)
    except BadRequest as error:
        return error_response(400, "malformed", str(error))
    except PublishRefused as refusal:
        problems = [asdict(problem) for problem in refusal.problems[:PROBLEMS_MAX]]
        more = len(refusal.problems) - len(problems)
        body = {"code": refusal.code, "message": str(refusal), "problems": problems, "more": more}
        return json_response(body, STATUSES[refusal.code])
    except TieoutError as error:
        return refused(error)
