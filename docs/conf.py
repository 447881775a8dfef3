# ruff: noqa: INP001  Sphinx runs it, nothing imports it
"""The documentation site: ``make site``. Its pages are the repository's own Markdown files, read from the root.

What stands where in the site is said in ``contents.yml``; why this generator, in decision 0031.
"""

project = "magnesium-cds"
html_title = "magnesium-cds"
language = "en"

extensions = ["myst_parser", "sphinx_external_toc", "tools.site"]
root_doc = "docs/README"
external_toc_path = "docs/contents.yml"
# Not the cases: 226 files, each shown as the source file that it is when a page links to it.
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**.md",
    "magnesium/knowledge/README.md",
    "tests/cases/README.md",
]
# Shown as a source file: its links are examples.
exclude_patterns = ["docs/decisions/0000-template.md"]
nitpicky = True

# Links name a heading as the repository's own viewer does.
myst_heading_anchors = 4

html_theme = "pydata_sphinx_theme"
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 6,
    "logo": {"text": project},
    "navigation_with_keys": False,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": [],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_copy_source = False
html_show_sourcelink = False
html_favicon = "../cds_service/static/icon.svg"
