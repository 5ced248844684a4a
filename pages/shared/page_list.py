"""The pages: the file, title and icon of each, by section, in the order of the navigation."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

PAGES_FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True)
class Listed:
    """A page.

    Attributes:
        file: in the folder of pages; its stem is the page's address.
        title: in the navigation, and on links that lead to it.
        icon: beside the title, a Material symbol.
    """

    file: str
    title: str
    icon: str

    def page(self, default: bool = False) -> st.Page:
        """For Streamlit."""
        icon = f":material/{self.icon}:"
        return st.Page(PAGES_FOLDER / self.file, title=self.title, icon=icon, default=default)

    def link(self, label: str | None = None, **query: str) -> None:
        """Draw a link to it.

        Args:
            label: in place of its title.
            query: parameters of the address.
        """
        st.page_link(self.page(), label=label, query_params=query)


HOME = Listed("home.py", "Home", "home")
CHECKPOINTS = Listed("gallery/checkpoints.py", "Checkpoints", "grid_view")
TRAIN = Listed("gallery/train.py", "Train", "model_training")
SURFACE = Listed("measure/surface.py", "Surface", "landscape")
FLATNESS = Listed("measure/flatness.py", "Flatness", "blur_on")
DISTANCE = Listed("measure/radius.py", "Distance", "open_in_full")
SHARPNESS = Listed("measure/sharpness.py", "Sharpness", "trending_up")
BLOCKS = Listed("measure/blocks.py", "Blocks", "view_week")
CURVATURE = Listed("measure/curvature.py", "Curvature", "functions")
EXPOSURE = Listed("measure/exposure.py", "Exposure bias", "show_chart")
QUANTIZATION = Listed("measure/quantization.py", "Quantization", "compress")
SAMPLES = Listed("measure/samples.py", "Samples", "apps")
QUALITY = Listed("measure/quality.py", "Sample quality", "photo_library")
COMPARE = Listed("understand/compare.py", "Compare", "compare")
CLAIM = Listed("understand/claim.py", "The claim", "balance")
SIMILARITY = Listed("understand/similarity.py", "Similarity", "join_inner")
RULER = Listed("understand/ruler.py", "One ruler", "straighten")
TOUR = Listed("teach/tour.py", "Tour", "explore")
THEORY = Listed("teach/theory.py", "The theory", "school")
RESCALING = Listed("teach/rescaling.py", "Lie detector", "policy")
SAM = Listed("teach/sam.py", "What SAM does", "downhill_skiing")
ROUNDING = Listed("teach/rounding.py", "Rounding", "stairs")
ACTIVITY = Listed("system/activity.py", "Activity", "list_alt")
SECTIONS = {
    "Gallery": (CHECKPOINTS, TRAIN),
    "Measure": (
        *(SURFACE, FLATNESS, DISTANCE, SHARPNESS, CURVATURE, BLOCKS),
        *(EXPOSURE, QUANTIZATION, SAMPLES, QUALITY),
    ),
    "Understand": (COMPARE, CLAIM, SIMILARITY, RULER),
    "Teach": (TOUR, THEORY, RESCALING, SAM, ROUNDING),
    "System": (ACTIVITY,),
}
