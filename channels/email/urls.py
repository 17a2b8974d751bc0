"""Where letters come from and go to, as the settings write it: `imaps://user:password@host:993/INBOX`.

A scheme says how the connection is protected, so that nothing is guessed: `imaps` and `smtps` are TLS from
the first byte, `imap+starttls` and `smtp+starttls` insist on STARTTLS, `imap` and `smtp` are plain.
Certificates are checked; a company's own authority is named by SSL_CERT_FILE, as everywhere with OpenSSL.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from core.errors import Misconfigured

IMAP_SETTING = "OPENLINES_EMAIL__IMAP_URL"
SMTP_SETTING = "OPENLINES_EMAIL__SMTP_URL"
LISTEN_SETTING = "OPENLINES_EMAIL__LISTEN"
_TOKEN_FILE = "file:"  # noqa: S105 - where a token lies, not a token


class Security(StrEnum):
    """How a connection is protected."""

    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Login:
    """Who we are to a mail server: a password, or an OAuth2 access token for XOAUTH2. Never printed."""

    user: str
    password: str | None = field(default=None, repr=False)
    oauth: str | None = field(default=None, repr=False)

    def token(self) -> str | None:
        """The access token as it is now; None when a password is used.

        Access tokens live an hour. `file:/run/token` names a file that whoever renews them writes, so it is
        read at every login. Raises OSError when that file cannot be read.
        """
        if self.oauth is None or not self.oauth.startswith(_TOKEN_FILE):
            return self.oauth
        return Path(self.oauth.removeprefix(_TOKEN_FILE)).read_text().strip()


@dataclass(frozen=True, slots=True)
class ImapUrl:
    """One folder of one mailbox."""

    host: str
    port: int
    security: Security
    login: Login
    folder: str = "INBOX"


@dataclass(frozen=True, slots=True)
class SmtpUrl:
    """A server that takes our letters; without a login, one that knows us by our address."""

    host: str
    port: int
    security: Security
    login: Login | None = None


@dataclass(frozen=True, slots=True)
class ListenUrl:
    """Where we take letters ourselves."""

    host: str
    port: int
    is_lmtp: bool


def read_imap_url(url: str, oauth_token: str | None = None) -> ImapUrl:
    """The mailbox an address names. Raises Misconfigured, which never repeats the address: it holds a
    password.
    """
    parts = _split(url, IMAP_SETTING)
    schemes = {"imaps": Security.TLS, "imap+starttls": Security.STARTTLS, "imap": Security.NONE}
    security = schemes.get(parts.scheme)
    if security is None:
        raise Misconfigured(IMAP_SETTING, "begins with imaps://, imap+starttls:// or imap://")
    login = _login(parts, oauth_token)
    if login is None:
        raise Misconfigured(IMAP_SETTING, "wants user and password: imaps://user:password@host:993/INBOX")
    folder = unquote(parts.path.lstrip("/")) or "INBOX"
    if any(ord(c) < 32 for c in folder):
        raise Misconfigured(IMAP_SETTING, "the folder's name holds a control character")
    port = 993 if security is Security.TLS else 143
    return ImapUrl(_host(parts, IMAP_SETTING), _port(parts, port, IMAP_SETTING), security, login, folder)


def read_smtp_url(url: str, oauth_token: str | None = None) -> SmtpUrl:
    """The server an address names. Raises Misconfigured."""
    parts = _split(url, SMTP_SETTING)
    schemes = {"smtps": Security.TLS, "smtp+starttls": Security.STARTTLS, "smtp": Security.NONE}
    security = schemes.get(parts.scheme)
    if security is None:
        raise Misconfigured(SMTP_SETTING, "begins with smtps://, smtp+starttls:// or smtp://")
    usual = {Security.TLS: 465, Security.STARTTLS: 587, Security.NONE: 25}[security]
    login = _login(parts, oauth_token if parts.username else None)
    return SmtpUrl(_host(parts, SMTP_SETTING), _port(parts, usual, SMTP_SETTING), security, login)


def read_listen_url(url: str) -> ListenUrl:
    """Where to listen: `smtp://0.0.0.0:2525` or `lmtp://127.0.0.1:2424`; port 0 takes a free one. Raises
    Misconfigured.
    """
    parts = _split(url, LISTEN_SETTING)
    if parts.scheme not in ("smtp", "lmtp"):
        raise Misconfigured(LISTEN_SETTING, "begins with smtp:// or lmtp://")
    port = _port(parts, 25 if parts.scheme == "smtp" else 24, LISTEN_SETTING)
    return ListenUrl(_host(parts, LISTEN_SETTING), port, parts.scheme == "lmtp")


def _split(url: str, setting: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise Misconfigured(
            setting, "is no address; a password with / @ : # ? or % is written escaped (%40 for @)"
        ) from None
    if parts.query or parts.fragment:
        raise Misconfigured(setting, "goes on after host and folder; # and ? in a password are %23 and %3F")
    return parts


def _host(parts: SplitResult, setting: str) -> str:
    if not parts.hostname:
        raise Misconfigured(setting, "names no host")
    return parts.hostname


def _port(parts: SplitResult, usual: int, setting: str) -> int:
    if parts.port is None:
        return usual
    if parts.port == 0 and setting != LISTEN_SETTING:
        raise Misconfigured(setting, "has port 0")
    return parts.port


def _login(parts: SplitResult, oauth_token: str | None) -> Login | None:
    if not parts.username:
        return None
    user = unquote(parts.username)
    if oauth_token is not None:
        return Login(user, oauth=oauth_token)
    return Login(user, unquote(parts.password)) if parts.password else None
