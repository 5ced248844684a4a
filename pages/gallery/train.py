"""Train: make the nine methods yourself, and watch loss, flatness and samples meanwhile."""

import streamlit as st

from flatdiff.checkpoints.card import Card, list_cards
from flatdiff.engine.engine import shared_engine
from flatdiff.system.access import Action, may
from flatdiff.training.evaluations import read_evaluations
from flatdiff.training.run_folder import TrainingRun
from flatdiff.training.run_list import list_runs, unnamed_runs
from pages.gallery.new_run import new_runs
from pages.gallery.run_charts import choose_charts, losses_of, show_charts
from pages.gallery.run_list import show_runs, show_sweeps
from pages.shared.glossary import explained
from pages.shared.plain import plain


def name_the_others() -> None:
    """Runs that cannot be listed, a sentence each."""
    for name in unnamed_runs(root):
        st.warning(f"Run {plain(name)} is left out: its folder's name is not UTF-8; rename it.")


def standing(runs: list[TrainingRun]) -> list[tuple[str, str, bool, bool]]:
    """What decides how the page is laid out."""
    return [
        (
            run.id,
            run.state,
            bool(run.history.rows),
            bool(read_evaluations(run.folder.evaluations)),
        )
        for run in runs
    ]


st.title("Train")
explained(
    "A run trains the network with one method, **ADM** (plain), **+IP** (input perturbation) or "
    "**+SAM** (sharpness-aware minimization), and leaves three checkpoints: its last weights "
    "(raw), their running average (**EMA**) and the mean of the late ones (**SWA**). Three runs "
    "make the nine methods of the paper's Table 2."
)
root = shared_engine().root
cards = [card for card in list_cards(root) if isinstance(card, Card)]
runs = list(list_runs(root))
if may(Action.START_RUN):
    new_runs(root, runs, cards)
else:
    st.info("This server is set to look only: runs are started and stopped elsewhere.")
going_on = any(run.alive for run in runs)
stood = standing(runs)


@st.fragment(run_every=1.0 if going_on else None)
def watch_runs() -> None:
    """Where they stand, once a second; the page again when one begins or ends."""
    found = list(list_runs(root))
    if standing(found) != stood:
        st.rerun()
    for sentence in st.session_state.pop("refused", []):
        st.error(plain(sentence))
    show_sweeps(root, found)
    show_runs(found)


@st.fragment(run_every=3.0 if going_on else None)
def watch_charts() -> None:
    """The charts keep up with them; less often, because the browser draws them anew."""
    found = list(list_runs(root))
    show_charts(found, losses_of(found, cards), chosen)


st.subheader("Runs", divider="gray")
name_the_others()
watch_runs()
if not runs:
    st.caption("None yet. Those of the command line appear here, too.")
st.subheader("Losses and flatness", divider="gray")
chosen = choose_charts(runs, losses_of(runs, cards))
watch_charts()
