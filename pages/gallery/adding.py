"""The window in which a visitor sends a file of weights and says what it is."""

import shlex
from pathlib import PurePath
from typing import Any

import streamlit as st
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.uploaded_file_manager import UploadedFile

from flatdiff.checkpoints.averages import BASES, METHODS, WEIGHT_KINDS, WEIGHT_TITLES
from flatdiff.checkpoints.card import Card
from flatdiff.conversion.card_draft import card_inside, fitting_presets
from flatdiff.conversion.draft import Description
from flatdiff.conversion.foreign_file import ForeignFile, listed, titles
from flatdiff.conversion.importer import MAX_UPLOAD_BYTES, import_upload, look_at_upload
from flatdiff.conversion.published import NETWORKS
from flatdiff.engine.engine import shared_engine
from flatdiff.errors import FlatdiffError
from flatdiff.images.datasets import DATASETS
from pages.gallery.dialogs import finish
from pages.gallery.filters import SOUGHT
from pages.shared.plain import plain

UPLOAD = "upload"  # the key of the uploader
OPENED = "upload_opened"  # the file that was looked at last, and what it was found to be
TYPES = ["safetensors", "pt", "pth", "bin", "ckpt"]
PACKED = ["gz", "tgz", "tar", "zip", "pkl"]  # are told what to do first
EACH_SET = "all, each on its own"


def forget_upload() -> None:
    """Give back the upload and what is known of it now, not when the session ends."""
    file, context = st.session_state.get(UPLOAD), get_script_run_ctx()
    kept = context.uploaded_file_mgr if context else None
    if isinstance(file, UploadedFile) and context and isinstance(kept, MemoryUploadedFileManager):
        kept.remove_file(context.session_id, file.file_id)
    st.session_state.pop(OPENED, None)


@st.dialog("Add a checkpoint", width="medium", on_dismiss=forget_upload)
def add_dialog() -> None:
    """A file, what it is, and Add."""
    st.caption(
        "ADM weights as .safetensors, .pt, .pth, .bin or .ckpt: a file of guided-diffusion, "
        "improved-diffusion, DDPM-IP or ADM-ES, or a checkpoint downloaded from another gallery. "
        f"Up to {MAX_UPLOAD_BYTES >> 20} MB; `flatdiff import` takes larger ones."
    )
    file = st.file_uploader(
        "File",
        type=[*TYPES, *PACKED],
        key=UPLOAD,
        max_upload_size=MAX_UPLOAD_BYTES >> 20,
        label_visibility="collapsed",
    )
    if file is None:
        return
    try:
        foreign = _looked_at(file)
        inside = card_inside(foreign.header)
    except FlatdiffError as error:
        forget_upload()
        st.error(plain(f"{file.name}: {error}"))
        return
    _describe(file, foreign, inside)


def _looked_at(file: UploadedFile) -> ForeignFile:
    """Looked at once a file: a torch file takes a process of its own, and seconds."""
    opened = st.session_state.get(OPENED)
    if not opened or opened[0] != file.file_id:
        with st.spinner("Looking at the file"):
            opened = (file.file_id, look_at_upload(shared_engine().root, file, file.name))
        st.session_state[OPENED] = opened
    return opened[1]


def _describe(file: UploadedFile, foreign: ForeignFile, inside: Card | None) -> None:
    """What the file does not say itself."""
    st.caption(plain(_contents(foreign)))
    name = inside.name if inside else PurePath(file.name).stem
    checkpoint_id = st.text_input(
        "Name",
        f"uploads/{name}",
        key="upload_name",
        help="family/name. Checkpoints of one family share a network and a dataset. Averages that "
        "lie in the file beside raw weights get their kind behind it, as in family/name-ema.",
    )
    if inside:
        st.info(f"Its card is inside: {plain(inside.title)}, {plain(inside.dataset)}.")
    said = {} if inside else _network(foreign)
    description = {"id": checkpoint_id, **said}
    if st.button("Add", key="confirm", type="primary", icon=":material/add:"):
        _add(file, foreign, description)
    if not inside:
        with st.expander("The same on the command line"):
            st.code(_command(file.name, description), language="bash")


def _contents(foreign: ForeignFile) -> str:
    """Tensors, numbers and sets of weights, in a line."""
    entries = foreign.header.tensors.values()
    types = ", ".join(sorted({entry.dtype for entry in entries}))
    text = f"{len(entries):,} tensors, {sum(entry.size for entry in entries):,} weights, {types}"
    if len(foreign.sets) > 1:
        text += f"; {len(foreign.sets)} sets of weights: {titles(foreign.sets)}"
    if foreign.header.opaque:
        text += f"; beside them, neither made nor run: {listed(foreign.header.opaque)}"
    return text


def _network(foreign: ForeignFile) -> dict[str, Any]:
    """Which network it is, and how it was trained; begins with what the file lets one guess."""
    presets = list(NETWORKS)
    fitting = fitting_presets(foreign.taken(None)[0].header) if foreign.sets else []
    usual = next(iter(fitting), presets[0])
    preset, dataset = st.columns(2)
    chosen = preset.selectbox(
        "Preset",
        presets,
        index=presets.index(usual),
        key="upload_preset",
        help="Whose flags to begin with: "
        + "; ".join(f"{name}: {network.source}" for name, network in NETWORKS.items()),
    )
    found = {
        "preset": chosen,
        "dataset": dataset.selectbox(
            "Dataset",
            list(DATASETS),
            key="upload_dataset",
            help="That it was trained on: "
            + "; ".join(f"{name}: {known.title}" for name, known in DATASETS.items()),
        ),
        "flags": st.text_area(
            "Flags that it leaves open",
            key="upload_flags",
            height=68,
            placeholder="--image_size 32 --num_channels 128 --learn_sigma True",
            help="As guided-diffusion's README writes them, or the whole command. Widths, depth "
            "and attention are read from the tensors; heads, attention order and noise schedule "
            "leave no trace there.",
        ),
    }
    return found | _training(foreign)


def _training(foreign: ForeignFile) -> dict[str, Any]:
    """How its weights were trained; begins with what names say."""
    method, weights, step = st.columns(3)
    base = method.selectbox(
        "Method", list(BASES), format_func=METHODS.__getitem__, key="upload_method"
    )
    kinds = _kinds(foreign)
    kind = weights.selectbox(
        "Weights",
        list(kinds),
        format_func=kinds.__getitem__,
        key="upload_weights",
        help="Where the file holds several sets of weights: which of them become checkpoints.",
    )
    steps = step.number_input("Step", 0, value=foreign.step, step=1000, key="upload_step")
    return {"method": base, "weights": None if kind == EACH_SET else kind, "step": int(steps)}


def _kinds(foreign: ForeignFile) -> dict[str, str]:
    """Kinds of weights to choose from, the likely one first, and how each is shown."""
    held = [found.likely_kind for found in foreign.sets]
    if len(held) > 1:
        return {EACH_SET: EACH_SET, **{kind: WEIGHT_TITLES[kind] for kind in dict.fromkeys(held)}}
    return {kind: WEIGHT_TITLES[kind] for kind in dict.fromkeys((*held, *WEIGHT_KINDS))}


def _add(file: UploadedFile, foreign: ForeignFile, description: dict[str, Any]) -> None:
    try:
        with st.spinner("Checking, converting and diagnosing the weights"):
            said = Description(**description)
            cards = import_upload(shared_engine().root, file, foreign, said)
    except FlatdiffError as error:
        st.error(plain(str(error)))
        return
    forget_upload()
    if len(cards) == 1:
        (card,) = cards
        finish(card.id, f"{plain(card.id)} is added: {card.origin['types']}.")
    else:
        st.session_state[SOUGHT] = said.id  # all their names begin with it
        names = ", ".join(plain(card.id) for card in cards)
        finish(None, f"{len(cards)} checkpoints are added: {names}.")


def _command(name: str, description: dict[str, Any]) -> str:
    words = ["flatdiff import", shlex.quote(name)]
    for flag, value in description.items():
        if value:
            words.append(f"--{'name' if flag == 'id' else flag} {shlex.quote(str(value))}")
    return " \\\n    ".join(words)
