"""One checkpoint in detail: what it draws, what is known of it, and where to go with it."""

import pandas as pd
import streamlit as st

from flatdiff.checkpoints.averages import WEIGHT_TITLES
from flatdiff.checkpoints.card import Card
from flatdiff.checkpoints.collection import bundled_path
from flatdiff.checkpoints.tensors import weights_header
from flatdiff.conversion.diagnosis.fit import is_warning
from flatdiff.conversion.importer import MAX_UPLOAD_BYTES, portable
from flatdiff.engine.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.system.access import Action, may
from pages.gallery.dialogs import delete_dialog, rename_dialog
from pages.gallery.histories import show_histories
from pages.gallery.known import Known
from pages.gallery.listing import loss_text, open_checkpoint, samples_of
from pages.shared.choose import label
from pages.shared.page_list import SECTIONS
from pages.shared.plain import plain

SAMPLE_COLUMNS = 4
# Of what a card says of its file: what was tried on images, not what the file is.
DIAGNOSED = ("diagnosis", "levels")


def show_detail(card: Card, known: Known) -> None:
    """Everything about one checkpoint but its measurements, which have pages of their own."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.subheader(plain(label(card)))
        _actions(card)
    _banner(card)
    picture, facts = st.columns([1, 2])
    with picture:
        samples_of(card, SAMPLE_COLUMNS)
    with facts:
        st.markdown(_facts(card, known))
        st.caption("Measure it:")
        _links(card)
    training, tensors, whole = st.tabs(["Training", "Tensors", "Card"])
    with training:
        _training(card)
    with tensors:
        _tensors(card)
    with whole:
        st.json({k: v for k, v in card.to_json().items() if k != "loss_history"}, expanded=2)


def _actions(card: Card) -> None:
    st.button(
        "All checkpoints",
        key="close",
        icon=":material/arrow_back:",
        on_click=open_checkpoint,
        args=(None,),
    )
    if card.num_parameters * 4 <= MAX_UPLOAD_BYTES:
        st.download_button(
            "Download",
            lambda: portable(shared_engine().root, card),
            file_name=f"{card.family}-{card.name}.safetensors",
            icon=":material/download:",
            on_click="ignore",
            help="Weights and card in one file, which another gallery can add.",
        )
    if may(Action.RENAME) and st.button("Rename", key="rename", icon=":material/edit:"):
        rename_dialog(card)
    if may(Action.DELETE) and st.button("Delete", key="delete", icon=":material/delete:"):
        delete_dialog(card.id, bundled_path(shared_engine().root, card.id))


def _banner(card: Card) -> None:
    """What makes every number of this checkpoint meaningless."""
    if card.num_non_finite:
        st.warning(
            f"{card.num_non_finite:,} of its {card.num_parameters:,} weights are NaN or infinite: "
            "losses and samples will not be finite numbers."
        )
    diagnosis = card.origin.get("diagnosis", "")
    if is_warning(diagnosis):
        st.warning(plain(f"Its diagnosis: {diagnosis}."))


def _facts(card: Card, known: Known) -> str:
    flags = card.flags
    size, channels = flags.image_size, flags.in_channels
    classes = f", {flags.num_classes} classes" if flags.num_classes else ""
    lines = [
        loss_text(known),
        f"{card.num_parameters:,} weights ({WEIGHT_TITLES[card.weights]}), "
        f"{card.num_parameters * 4 / 1e6:.1f} MB, step {card.step:,}",
        f"{plain(card.dataset)}: {size} × {size} pixels, {channels} channel"
        f"{'' if channels == 1 else 's'}{classes}; {flags.num_channels} channels wide",
        f"SHA-256 `{card.digest[:12]}`",
    ]
    if card.origin:
        told = [text for name, text in card.origin.items() if name not in DIAGNOSED]
        lines.append("from the file " + ", ".join(map(plain, told)))
    diagnosis = card.origin.get("diagnosis", "")
    if diagnosis and not is_warning(diagnosis):
        lines.append(plain(diagnosis))
    if levels := card.origin.get("levels"):
        lines.append(plain(levels))
    return "  \n".join(lines)


def _links(card: Card) -> None:
    with st.container(horizontal=True, gap="small"):
        for page in SECTIONS["Measure"]:
            page.link(checkpoints=card.id)


def _training(card: Card) -> None:
    if card.loss_history:
        show_histories([card])
    else:
        st.caption("Its training left no record of the loss.")
    if card.command:
        st.caption("Trained with:")
        st.code(card.command, language="bash", wrap_lines=True)


def _tensors(card: Card) -> None:
    """From the file's header; no weight is read."""
    try:
        header = weights_header(shared_engine().root, card)
    except FlatdiffError as error:
        st.error(plain(str(error)))
        return
    rows = [
        {
            "tensor": name,
            "shape": " × ".join(map(str, entry.shape)),
            "type": entry.dtype,
            "weights": entry.size,
            "bytes": entry.num_bytes,
        }
        for name, entry in header.tensors.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, alt="Every tensor of the weights file")
    total = sum(entry.num_bytes for entry in header.tensors.values())
    st.caption(f"{len(rows):,} tensors, {total / 1e6:.2f} MB; read from the header of the file.")
