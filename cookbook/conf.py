"""Settings of the site. ``sphinx-build -W cookbook _build/html`` executes the chapters, without a network."""

import sys
import warnings
from pathlib import Path

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml
from pydantic import BaseModel

import ais_berths

sys.path.insert(0, str(Path(__file__).resolve().parent))
import make_reference

project = "ais-berths cookbook"
author = "The ais-berths developers"
version = release = ais_berths.__version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "jupyter_execute"]

html_theme = "pydata_sphinx_theme"
html_title = "ais-berths cookbook"
html_copy_source = False
html_show_sourcelink = False
html_domain_indices = False
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_sidebars = {"**": ["globaltoc.html"]}
html_theme_options = {
    "navigation_with_keys": False,
    "navbar_center": [],
    "navbar_persistent": ["search-button"],
    # Code and wide tables need the width of the page; long pages of the reference need a list of contents.
    "secondary_sidebar_items": {"reference/method": ["page-toc"], "reference/made/[!f]*": ["page-toc"]},
    "footer_start": ["copyright"],
    "footer_end": [],
}
copyright = "The ais-berths developers. Names of places imply no opinion on their status"

# A page must not ask a server for anything: formulas are MathML, and no chapter has widgets.
html_math_renderer = "mathml"
nb_ipywidgets_js = {}
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_timeout = 300
nb_execution_raise_on_error = True
nb_output_stderr = "error"

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

default_role = "literal"
add_module_names = False
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_attr_annotations = False
python_maximum_signature_line_length = 80

warnings.filterwarnings("ignore", category=DeprecationWarning, module="myst_nb|pydata_sphinx_theme|docutils")


def setup(app):
    """Write the pages that are made from the package, and draw formulas as MathML, which browsers know."""
    make_reference.write()
    app.add_html_math_renderer("mathml", (_inline, None), (_display, None))
    app.connect("autodoc-process-signature", _no_signature_of_settings)


def _inline(writer, node):
    writer.body.append(tex2mathml(node.astext()))
    raise SkipNode


def _display(writer, node):
    writer.body.append(f'<div class="formula">{tex2mathml(node.astext(), as_block=True)}</div>')
    raise SkipNode


def _no_signature_of_settings(_app, what, _name, obj, *_rest):
    """The fields of a settings model stand on the page of the settings, with their meanings."""
    if what == "class" and isinstance(obj, type) and issubclass(obj, BaseModel):
        return "", None
    return None
