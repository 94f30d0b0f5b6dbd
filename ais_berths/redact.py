"""Text that is safe to show: without passwords and control characters."""

from __future__ import annotations

import re

# Up to the last @ where a password seems to hold slashes, as keys of object stores do; digits are a port.
# In URLs of Azure a container stands before the @.
_USER = re.compile(r"(\b(?!abfs|wasb)[A-Za-z][\w+.-]*://)(?:[^\s/@:]*:(?!\d{1,5}(?:/|$))\S*@|[^\s/@]+@)")
_SECRET = re.compile(
    r"([?&](?:[\w.-]*(?:sig|token|secret|passw|pwd|credential|auth|session|access_?key|api_?key)[\w.-]*"
    r"|x-(?:amz|goog|ms)-[\w-]+|expires|se|st|sp|sv|sr|spr)=)[^&\s#;'\")]*",
    re.IGNORECASE,
)
_ASSIGNED = re.compile(r"((?:secret|password|token)[\w-]*\s*[=:]\s*['\"]?)[^\s'\",)]+", re.IGNORECASE)
_HIDDEN = "***"


def redact(text: str) -> str:
    """Hide what looks like a secret in a message: in URLs, and behind words such as password.

    Examples
    --------
    >>> redact("https://anna:pass@host/ais.csv cannot be read: password=pass is wrong")
    'https://***@host/ais.csv cannot be read: password=*** is wrong'
    """
    return _ASSIGNED.sub(rf"\1{_HIDDEN}", redact_urls(text))


def redact_urls(text: str) -> str:
    """Hide user names, passwords and signatures in the URLs of a text and nothing else.

    Examples
    --------
    >>> redact_urls("https://anna:pass@host/ais.csv?day=3&sig=abc%3D")
    'https://***@host/ais.csv?day=3&sig=***'
    >>> redact_urls("s3://KEY:sec/ret@bucket/a.parquet, s3://bucket/b@c.parquet, http://host:80/b@c")
    's3://***@bucket/a.parquet, s3://bucket/b@c.parquet, http://host:80/b@c'
    """
    if "://" not in text:
        return text
    return _SECRET.sub(rf"\1{_HIDDEN}", _USER.sub(rf"\1{_HIDDEN}@", text))


def printable(text: str, keep: str = "") -> str:
    r"""Replace what a terminal would obey rather than show: control, escape and direction characters.

    Parameters
    ----------
    text
        Any text.
    keep
        Characters that stay nevertheless, such as line ends.

    Examples
    --------
    >>> printable("EVIL\x1b[31m\u202e SHIP\n")
    'EVIL?[31m? SHIP?'
    """
    return "".join(c if c.isprintable() or c in keep else "?" for c in text)
