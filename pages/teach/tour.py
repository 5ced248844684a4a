"""Tour: what flatness is and what it buys, in six steps with a question each."""

import streamlit as st

from pages.shared.glossary import all_terms
from pages.shared.parts import part_input, way_on
from pages.shared.stored import bundled_pair
from pages.teach.tour_steps import STEPS

st.title("Tour")
titles = {str(number): title for number, title in enumerate(STEPS, 1)}
number = part_input(list(titles))
st.subheader(f"{number}. {titles[number]}", divider="gray")
STEPS[titles[number]](bundled_pair())
way_on(titles, number)
all_terms()
