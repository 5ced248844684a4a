"""The address of a scheduler: tcp://host:port, or tls://host:port with certificates."""

from urllib.parse import urlsplit

from flatdiff.errors import SettingsError

CERTIFICATES = "DASK_DISTRIBUTED__COMM__TLS__"  # what the names of Dask's settings begin with


def checked_address(address: str, said_by: str = "FLATDIFF_SCHEDULER") -> str:
    """The address, where a scheduler could be.

    Args:
        address: as a person gave it.
        said_by: the setting that it is of, for the error.

    Raises:
        SettingsError: it is none, or it is tls:// and no certificates are named.

    >>> checked_address("tcp://desk:8786")
    'tcp://desk:8786'
    """
    if not _is_address(address):
        raise SettingsError(
            f"{said_by} must be tcp://host:port or tls://host:port, as `dask scheduler` shows "
            f"when it starts; got {address!r}"
        )
    if address.startswith("tls://"):
        _require_certificates(said_by)
    return address


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    whole = f"{parts.scheme}://{parts.netloc}" == text and text.isprintable()
    return bool(whole and parts.scheme in ("tcp", "tls") and parts.hostname and port)


def _require_certificates(said_by: str) -> None:
    """Read them, as every connection will."""
    from distributed import Security

    try:
        found = Security().get_connection_args("client")["ssl_context"]
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{said_by} is tls://, but its certificates cannot be read: {error}; see "
            f"{CERTIFICATES}CA_FILE, ..CLIENT__CERT and ..CLIENT__KEY, or Dask's own settings"
        ) from None
    if found is None:
        raise SettingsError(
            f"{said_by} is tls://, which needs certificates: set {CERTIFICATES}CA_FILE, "
            f"{CERTIFICATES}CLIENT__CERT and {CERTIFICATES}CLIENT__KEY, or the same in Dask's "
            "own settings"
        )
