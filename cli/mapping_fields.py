"""The page docs/mapping-fields.md: what a mapping may read, derived from the types of documents."""

from collections.abc import Mapping

from shared.mapping.catalogue import COMMON, Sources

HEADING = """# What a mapping may read

Generated from the types of the documents (`make docs`); do not edit. Each field is named as a
mapping names it: `{from: source}`. A field that is *personal* never appears in an error.

## Every template

"""


def page(catalogue: Mapping[str, Sources]) -> str:
    """The page as Markdown, a section for each template."""
    parts = [HEADING, _table(COMMON)]
    for template, sources in catalogue.items():
        own = {path: source for path, source in sources.items() if path not in COMMON}
        parts.append(f"\n## `{template}`\n\n{_table(own) if own else 'Nothing of its own.'}")
        parts.append("" if own else "\n")
    return "".join(parts)


def _table(sources: Sources) -> str:
    rows = ["| field | kind | what it is |", "|---|---|---|"]
    for path, source in sources.items():
        kind = f"{source.kind}, personal" if source.personal else source.kind
        rows.append(f"| `{path}` | {kind} | {source.text} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the page."""
    from shared.packaged import packaged_vocabulary

    print(page(packaged_vocabulary().catalogue), end="")


if __name__ == "__main__":
    main()
