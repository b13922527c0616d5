"""MkDocs hooks: pages that are made when the site is built, and files of the repository that pages link to."""

from __future__ import annotations

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page
from site_pages import cli_reference, config_reference, python_reference, repository

_GENERATED = {
    "reference/config.md": config_reference.page,
    "reference/cli.md": cli_reference.page,
    "reference/python.md": python_reference.page,
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages, and whatever is linked outside of ``docs/``, and outside from there."""
    written = [(file.src_uri, file.content_string) for file in files.documentation_pages()]
    while written:
        page, text = written.pop()
        for place in repository.linked(text, page).values():
            if files.get_file_from_path(place) is None:
                content = repository.taken_in(place)
                files.append(File.generated(config, place, content=content, inclusion=InclusionLevel.NOT_IN_NAV))
                written.append((place, content))
    for path, make in _GENERATED.items():
        files.append(File.generated(config, path, content=make()))
    return files


def on_page_markdown(markdown: str, page: Page, **_) -> str:
    return markdown if page.file.src_uri in _GENERATED else repository.redirected(markdown, page.file.src_uri)
