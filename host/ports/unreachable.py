"""The network in words: why somebody outside cannot be asked, and what to do about it."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator

import aiohttp

from host.ports.faults import Words

AWAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}


class Odd(Exception):
    """A server answers, but not as it should; the text says how."""


def because(error: BaseException, url: str, setting: str) -> Words:
    """Why `url` cannot be asked. `setting` names what in the configuration leads there."""
    causes = list(_causes(error))
    at = _host(url)
    for look in (_by_name_or_trust, _by_connection):
        for cause in causes:
            if (words := look(cause, at, setting)) is not None:
                return words
    if any(isinstance(cause, OSError) and cause.errno in AWAY for cause in causes):
        return Words(f"no way leads to {at}", "Look at this machine's network: it may be cut off")
    said = f": {error}"[:200] if str(error) else ""
    return Words(
        f"{at} cannot be asked ({type(error).__name__}{said})", f"Look at the network, and {setting}"
    )


def _by_name_or_trust(cause: BaseException, at: str, setting: str) -> Words | None:
    match cause:
        case aiohttp.ClientConnectorCertificateError():
            return None  # it is one of ssl's by its name only; the one it wraps comes next
        case ssl.SSLCertVerificationError():
            return _distrusted(cause, at)
        case socket.gaierror() | aiohttp.ClientConnectorDNSError():
            return Words(
                f"the name {at} cannot be looked up",
                f"Look at this machine's network and DNS, and whether {setting} is right",
            )
    return None


def _by_connection(cause: BaseException, at: str, setting: str) -> Words | None:
    match cause:
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            remedy = "Look into the proxy, or the vault it belongs to"
            return Words(f"the proxy before {at} does not let this through", remedy)
        case ConnectionRefusedError():
            return Words(f"nothing listens at {at}", f"Correct {setting}, or start what should be there")
        case TimeoutError():
            remedy = f"Look at the network, firewalls and proxies between, and {setting}"
            return Words(f"{at} does not answer", remedy)
        case ssl.SSLError():
            return Words(
                f"{at} does not speak TLS as it should", f"Correct {setting}, or what stands between"
            )
        case Odd():
            remedy = f"Correct {setting}; a proxy or a log-in page may stand between"
            return Words(f"{at} {cause}", remedy)
        case aiohttp.InvalidURL():
            return Words(f"{at!r} is no address", f"Correct {setting}")
        case aiohttp.ServerDisconnectedError() | ConnectionResetError() | aiohttp.ClientPayloadError():
            return Words(f"{at} breaks the connection off", f"Look at what stands between, and {setting}")
    return None


def _distrusted(error: ssl.SSLCertVerificationError, at: str) -> Words:
    """OpenSSL's codes; the clock is to blame more often than the certificate."""
    code = error.verify_code
    if code in (9, 10):
        when = "not valid yet" if code == 9 else "over"
        return Words(
            f"the certificate of {at} is {when}, by this machine's clock",
            "Set the clock (`timedatectl set-ntp true`); if it is right, have the certificate renewed",
        )
    if code in (62, 63, 64):  # name, mail address, IP address
        return Words(
            f"the certificate at {at} is another's", "Look at what stands between, or correct the name"
        )
    return Words(
        f"this machine does not know who issued the certificate of {at}",
        "Name the authority's certificate in SSL_CERT_FILE, or have it added to the system's",
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            yield error.certificate_error
        if isinstance(error, aiohttp.ClientConnectorError):
            yield error.os_error
        error = error.__cause__ or error.__context__


def _host(url: str) -> str:
    return url.split("://", 1)[-1].split("/", 1)[0].rsplit("@", 1)[-1] or url
