"""Windows in which a checkpoint gets another name, or is deleted."""

import streamlit as st

from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import (
    delete_checkpoint,
    rename_checkpoint,
    rename_dataset,
)
from flatdiff.engine.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.images.datasets import dataset_fingerprint
from flatdiff.images.named import dataset_name
from pages.gallery.listing import open_checkpoint
from pages.shared.plain import plain

SAID = "said"  # a sentence for the next run of the page


@st.dialog("Rename")
def rename_dialog(card: Card) -> None:
    """Ask for the new name."""
    new = st.text_input("New name", card.id, key="new_name", help="family/name")
    st.caption("What was measured stays with it. Links to the old name lead nowhere afterwards.")
    if st.button("Rename", key="confirm", type="primary"):
        engine = shared_engine()
        try:
            rename_checkpoint(engine.root, engine.store.require_idle, card.id, new)
        except FlatdiffError as error:
            st.error(plain(str(error)))
            return
        finish(new, f"{plain(card.id)} is now called {plain(new)}.")


@st.dialog("Where are its images?")
def images_dialog(card: Card) -> None:
    """Ask for the folder in which the images lie now."""
    st.markdown(f"**{plain(card.id)}** was trained on {plain(card.dataset)}.")
    new = st.text_input("The same images are in", key="new_dataset", help="A folder, zip or npz.")
    st.caption(
        "All checkpoints of these images are named anew. Results are known by the images: where "
        "they are the same, all are found again."
    )
    if st.button("Save", key="confirm", type="primary", disabled=not new):
        engine = shared_engine()
        try:
            name = dataset_name(new)
            dataset_fingerprint(name, fresh=True)  # it is there, and may be read
            named = rename_dataset(engine.root, engine.store.require_idle, card.dataset, name)
        except FlatdiffError as error:
            st.error(plain(str(error)))
            return
        count = f"{len(named)} checkpoint{'s' if len(named) > 1 else ''}"
        finish(card.id, f"The images of {count} are in {plain(name)}.")


@st.dialog("Delete")
def delete_dialog(checkpoint_id: str, bundled: str) -> None:
    """Ask once more; the checkpoint may be a broken one."""
    st.markdown(f"Delete **{plain(checkpoint_id)}**, its weights and its card, from the disk?")
    if bundled:
        st.markdown(f"It came with the project; this brings it back: `git checkout {bundled}`")
    else:
        st.markdown("It cannot be brought back, unless you keep a copy: Download makes one.")
    st.caption("What was measured stays in the store, and is found again with the same weights.")
    if st.button("Delete", key="confirm", type="primary", icon=":material/delete:"):
        engine = shared_engine()
        try:
            delete_checkpoint(engine.root, engine.store.require_idle, checkpoint_id)
        except FlatdiffError as error:
            st.error(plain(str(error)))
            return
        finish(None, f"{plain(checkpoint_id)} is deleted.")


def finish(opened: str | None, sentence: str) -> None:
    """Close the window and say what was done."""
    open_checkpoint(opened)
    st.session_state[SAID] = sentence
    st.rerun()
