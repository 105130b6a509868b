"""Mappings, tables and policy: previewed, published, undone and applied again."""

from shared.services.publishing.mapping_names import PublishRefused
from shared.services.publishing.publish import PREVIEW_OBJECTS, DocumentSource, Publish
from shared.services.publishing.published import Published
from shared.services.publishing.reapply import Reapply
from shared.services.publishing.recent import Recent

__all__ = (
    "PREVIEW_OBJECTS",
    "DocumentSource",
    "Publish",
    "PublishRefused",
    "Published",
    "Reapply",
    "Recent",
)
