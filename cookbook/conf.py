"""Settings of the site. ``sphinx-build -W cookbook _build/html`` executes the chapters, without a network."""

import warnings

import ais_berths

project = "ais-berths cookbook"
author = "The ais-berths developers"
version = release = ais_berths.__version__
extensions = ["myst_nb"]
exclude_patterns = ["_build", "jupyter_execute"]

html_theme = "pydata_sphinx_theme"
html_title = "ais-berths cookbook"
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_sidebars = {"**": ["globaltoc.html"]}
html_theme_options = {
    "navigation_with_keys": False,
    "navbar_center": [],
    "navbar_persistent": ["search-button"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "The ais-berths developers. Names of places imply no opinion on their status."

# A page must not ask a server for anything: no chapter has formulas or widgets.
nb_ipywidgets_js = {}
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 120
nb_execution_raise_on_error = True
nb_output_stderr = "error"

warnings.filterwarnings("ignore", category=DeprecationWarning, module="myst_nb|pydata_sphinx_theme|docutils")
