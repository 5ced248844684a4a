"""Copy link: the page's address with every choice in it."""

import streamlit as st
from streamlit.components.v2 import component

HTML = '<button type="button"><span aria-live="polite">Copy link</span></button>'
CSS = """
/* In the empty band above the title, so that the page does not begin lower for it. */
:host { display: block; height: 0; position: relative; }
button {
  position: absolute; right: 0; top: -1.75rem;
  font: inherit; font-size: 0.875rem; cursor: pointer; padding: 0.25rem 0.75rem;
  color: var(--st-text-color); background: transparent;
  border: 1px solid var(--st-border-color); border-radius: var(--st-button-radius);
}
button:hover, button:focus-visible {
  color: var(--st-primary-color); border-color: var(--st-primary-color);
}
"""
# Where the page is no secure context (plain http on another machine), browsers have only the old
# way to copy.
JS = """
const oldWay = (text) => {
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  const copied = document.execCommand("copy");
  area.remove();
  return copied ? Promise.resolve() : Promise.reject();
};
const copy = (text) =>
  window.isSecureContext ? navigator.clipboard.writeText(text).catch(() => oldWay(text))
                         : oldWay(text);
export default function ({ parentElement }) {
  const button = parentElement.querySelector("button");
  const label = button.querySelector("span");
  const say = (text) => {
    label.textContent = text;
    setTimeout(() => { label.textContent = "Copy link"; }, 2000);
  };
  button.onclick = () => copy(window.location.href).then(
    () => say("Copied"), () => window.prompt("Copy this link:", window.location.href));
}
"""


@st.cache_resource
def _component():
    """Registered once a server."""
    return component("flatdiff_copy_link", html=HTML, css=CSS, js=JS)


def copy_link() -> None:
    """The button, at the right of the page."""
    _component()(key="copy_link")
