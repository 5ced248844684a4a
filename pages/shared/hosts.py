"""A host is a name that a browser calls this server by; an origin is the site that a page is of.

A browser that is tricked into resolving a foreign name to 127.0.0.1 (DNS rebinding) still sends
that name as the Host header. A page of another site, or of another port of this machine, that asks
this server behind the reader's back still sends its own site as the Origin header.
"""

import ipaddress
import os
import re
from collections.abc import Mapping

LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
USUAL_PORTS = {"http": 80, "https": 443}  # which a browser leaves out
_HOST = r"(\[[0-9a-f:.]+\]|[^\s/:@?#\[\]]+)(?::(\d{1,5}))?"


def allowed_hosts(environment: Mapping[str, str] = os.environ) -> frozenset[str]:
    """This machine's own names and those in $FLATDIFF_ALLOWED_HOSTS (comma-separated)."""
    named = environment.get("FLATDIFF_ALLOWED_HOSTS", "").split(",")
    return LOCAL_HOSTS | {name.strip().lower() for name in named if name.strip()}


def is_here(address: str) -> bool:
    """Whether only this machine reaches what listens on an address.

    >>> is_here("127.0.0.2"), is_here("::ffff:127.0.0.1"), is_here("192.168.0.7"), is_here("::")
    (True, True, False, False)
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address in LOCAL_HOSTS
    mapped = getattr(found, "ipv4_mapped", None)  # as a socket for both kinds calls them
    return (mapped or found).is_loopback


def host_and_port(header: str) -> tuple[str, int | None]:
    """What a Host header names; the port is None where it is the scheme's, the host "" if neither.

    >>> host_and_port("localhost:8501"), host_and_port("[::1]"), host_and_port("a b")
    (('localhost', 8501), ('::1', None), ('', None))
    """
    found = re.fullmatch(_HOST, header.lower())
    if not found:
        return "", None
    return found[1].strip("[]"), int(found[2]) if found[2] else None


def is_own_origin(origin: str, host: str, allowed: frozenset[str]) -> bool:
    """Whether a page that asks is one of this server's.

    Host and port must be those that it asks for. A proxy that ends TLS may ask in its own name,
    which is a local one; then the page must come from a named host, at the port of https.

    Args:
        origin: the Origin header; "null" is nobody's.
        host: the Host header.
        allowed: see `allowed_hosts`.
    """
    found = re.fullmatch(rf"(https?)://{_HOST}", origin.lower())
    if not found:
        return False
    usual = USUAL_PORTS[found[1]]
    page = found[2].strip("[]"), int(found[3]) if found[3] else usual
    name, port = host_and_port(host)
    if page == (name, port or usual):
        return True
    by_proxy = found[1] == "https" and name in LOCAL_HOSTS
    return by_proxy and page[0] in allowed - LOCAL_HOSTS and page[1] == usual
