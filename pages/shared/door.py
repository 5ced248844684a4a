"""The door: whoever is not on this machine comes in by a name that was given and a password."""

import hmac
import ipaddress
import math
import os
from collections.abc import Callable, Mapping

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from flatdiff.system.access import PASSWORD
from flatdiff.system.brake import Brake
from pages.shared.hosts import LOCAL_HOSTS, allowed_hosts, is_here

UNLOCKED = "unlocked"  # in the session: the password was given
WRONG = "wrong"  # in the session: the last one that was not it
MAX_CHARS = 1000  # of what is typed
_let_in: set[str] = set()  # the sessions of which that is known here, outside of any session
_brake = Brake()


def open_door(address: str | None, environment: Mapping[str, str]) -> str:
    """What is missing before a server may listen on an address; "" where nothing is.

    Args:
        address: that the server listens on; None = every one of this machine's.
        environment: with `FLATDIFF_ALLOWED_HOSTS` and `FLATDIFF_PASSWORD`, or without.
    """
    if address is not None and is_here(address):
        return ""
    missing = [
        name
        for name, known in (
            ("FLATDIFF_ALLOWED_HOSTS", len(allowed_hosts(environment)) > len(LOCAL_HOSTS)),
            (PASSWORD, bool(environment.get(PASSWORD))),
        )
        if not known
    ]
    if not missing:
        return ""
    return (
        f"flatdiff would listen on {address or 'every address'}, where others reach it: set "
        f"{' and '.join(missing)} (the names it is called by, and a password to come in), or "
        "let it listen at 127.0.0.1 alone."
    )


def is_let_in(session: str) -> bool:
    """Whether a session has given the password, where one is set."""
    return not os.environ.get(PASSWORD) or session in _let_in


def forget_all_but(is_open: Callable[[str], bool]) -> None:
    """Of sessions that are not open; one that comes back says so itself."""
    _let_in.difference_update([session for session in list(_let_in) if not is_open(session)])


def knock() -> None:
    """Ask for the password, where one is set, once a session; the page ends here without it."""
    password = os.environ.get(PASSWORD, "")
    if not password:
        return
    if st.session_state.get(UNLOCKED):
        if context := get_script_run_ctx():
            _let_in.add(context.session_id)
        return
    st.title("flatdiff")
    said = st.text_input("Password", type="password", key="password", max_chars=MAX_CHARS)
    if said and said != st.session_state.get(WRONG):
        _guess(said, password)
    if said:
        st.error("That is not the password of this server.")
    st.stop()


def _guess(said: str, password: str) -> None:
    """Look at a guess when its turn comes; until then the page waits, and tries by itself."""
    client = _client(st.context.ip_address)
    if not _brake.take_turn(client):
        _wait(client)
        st.stop()
    if hmac.compare_digest(os.fsencode(said), os.fsencode(password)):
        _brake.passed(client)
        st.session_state[UNLOCKED] = True
        st.rerun()
    st.session_state[WRONG] = said


@st.fragment(run_every=1.0)
def _wait(client: str) -> None:
    if not (wait := _brake.wait_s(client)):
        st.rerun()
    st.info(f"Many wrong passwords were tried; yours is looked at in {math.ceil(wait)} s.")


def _client(address: str | None) -> str:
    """Who guesses: an address, or all of the network that one customer of IPv6 has.

    >>> _client(None), _client("192.168.0.7"), _client("2001:db8::1") == _client("2001:db8::2")
    ('', '192.168.0.7', True)
    """
    try:
        found = ipaddress.ip_address(str(address))
    except ValueError:  # of this machine, which Streamlit calls None
        return ""
    return str(found if found.version == 4 else ipaddress.ip_network((found, 64), strict=False))
