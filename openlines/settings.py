"""Every setting, with its default and its meaning. Read once, at the start, from the environment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from channels.form.names import HONEYPOTS
from core.errors import Misconfigured
from core.lines.hours import ALWAYS, Hours, read_hours

PREFIX = "OPENLINES_"
_DATABASES = (
    ("sqlite+aiosqlite:///", "sqlite:///"),
    ("postgresql+asyncpg://", "postgresql://"),
    ("postgresql+asyncpg://", "postgres://"),
)
SQLITE_FILE = "openlines.db"  # in DATA_DIR
TELEGRAM = "https://api.telegram.org"


def _listed(value: Any) -> Any:
    """Lists may be written with commas, as people write them, or as JSON."""
    if not isinstance(value, str):
        return value
    if not value.strip().startswith("["):
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is neither a list separated by commas nor one in JSON") from None


_ESCAPED = "is no address; a password with / @ : # ? or % is written escaped (%40 for @)"
# What may stand behind the ? of a PostgreSQL's address: what the driver takes, as text.
_PARAMETERS = frozenset(
    "host port ssl passfile service servicefile target_session_attrs krbsrvname gsslib"
    " prepared_statement_cache_size".split()
)


def database_address(url: str) -> str:
    """A database's address with the driver we use. Raises ValueError for what is none of ours, or no address."""
    for ours, plain in _DATABASES:
        if url.startswith((ours, plain)):
            address = ours + url.removeprefix(ours).removeprefix(plain)
            return address if address.startswith("sqlite") else _of_postgresql(address)
    raise ValueError("begins with sqlite+aiosqlite:/// or postgresql+asyncpg://")


def _of_postgresql(address: str) -> str:
    from sqlalchemy import make_url  # it reads the address in the end
    from sqlalchemy.exc import ArgumentError

    address = re.sub(r"(?<=[?&])sslmode=", "ssl=", address)  # as providers and other programs write it
    try:
        parts = make_url(address)
    except (ArgumentError, ValueError):
        raise ValueError(_ESCAPED) from None
    if "@" in (parts.host or "") or not 0 <= (parts.port or 0) <= 65535:
        raise ValueError(_ESCAPED)
    if unknown := sorted(parts.query.keys() - _PARAMETERS):
        raise ValueError(f"leave out {', '.join(unknown)}: the driver knows nothing of it")
    return address


def _web_address(url: str) -> str:
    if not re.match("https?://[^/]", url):
        raise ValueError("begins with https:// or http://")
    return url.rstrip("/")


_SITE = (
    "a site such as https://shop.example or http://localhost:3000, each named whole; * alone is every site"
)


def _origin(site: str) -> str:
    """A site as browsers name it, who are taken at their word, letter by letter.

    Raises ValueError for what no browser sends: the address of a page, of somebody, or of no host.
    https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    """
    from yarl import URL  # it knows the names of hosts in other letters as browsers do; most name no sites

    scheme, divider, rest = site.strip().partition("://")
    address = _web_address(f"{scheme.lower()}{divider}{rest}")
    try:
        url = URL(address)
        origin = str(url.origin())
    except ValueError:
        raise ValueError(_SITE) from None
    if not re.fullmatch("[a-z0-9._-]+|[0-9a-f:.]+", url.raw_host or ""):
        raise ValueError(_SITE)
    if url.raw_path.strip("/") or url.raw_query_string or url.raw_fragment or "@" in url.raw_authority:
        raise ValueError(
            f"write {origin}, as browsers name it: without a path, a query, a fragment or a user"
        )
    return origin


Names = Annotated[list[str], NoDecode, BeforeValidator(_listed)]
Ids = Annotated[list[Annotated[int, Field(gt=0, lt=2**53)]], NoDecode, BeforeValidator(_listed)]


class Http(BaseModel):
    """Where the HTTP edge listens."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on; 0.0.0.0 behind a proxy or in a container"
    )
    port: int = Field(default=8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one")
    trusted_proxies: Names = Field(
        default_factory=list, description="Addresses whose X-Forwarded-For is believed, separated by commas"
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _addresses(cls, given: list[str]) -> list[str]:
        for one in given:
            try:
                ip_network(one)
            except ValueError:
                raise ValueError(
                    f"{one!r} is neither an address nor a network such as 172.18.0.0/16"
                ) from None
        return given


class Telegram(BaseModel):
    """The bot customers write to."""

    token: SecretStr | None = Field(default=None, description="Token of the line's bot, from @BotFather")
    api_url: str = Field(default=TELEGRAM, description="Another Bot API server, e.g. one's own")
    mode: Literal["polling", "webhook"] = Field(
        default="polling", description="How updates come: `polling`, or `webhook` at PUBLIC_URL"
    )
    secret: SecretStr | None = Field(
        default=None, description="Secret Telegram sends with webhook posts; wanted with `webhook`"
    )
    limits: bool = Field(
        default=True, description="Keep Telegram's send limits; off only for one's own Bot API server"
    )

    @field_validator("api_url")
    @classmethod
    def _address(cls, url: str) -> str:
        return _web_address(url)

    @field_validator("secret")
    @classmethod
    def _sendable(cls, secret: SecretStr | None) -> SecretStr | None:
        # https://core.telegram.org/bots/api#setwebhook
        if secret is not None and not re.fullmatch("[A-Za-z0-9_-]{1,256}", secret.get_secret_value()):
            raise ValueError("Telegram takes only letters, digits, _ and -, 256 at most")
        return secret


class Bot(BaseModel):
    """The bot managers work in."""

    token: SecretStr | None = Field(
        default=None, description="Token of the managers' bot; default: the line's own bot"
    )


class Email(BaseModel):
    """The mailbox of the line."""

    address: str | None = Field(default=None, description="The mailbox's own address, as customers see it")
    name: str = Field(
        default="", max_length=100, description="Name beside the address, e.g. the company's; default: none"
    )
    aliases: Names = Field(
        default_factory=list, description="Further addresses that end in this mailbox, separated by commas"
    )
    imap_url: SecretStr | None = Field(
        default=None,
        description="Letters in: `imaps://user:password@host:993/INBOX` (`imap://`, `imap+starttls://`)",
    )
    smtp_url: SecretStr | None = Field(
        default=None,
        description="Letters out: `smtps://user:password@host:465` (`smtp+starttls://`, `smtp://`)",
    )
    listen: str | None = Field(
        default=None,
        description="Take letters over SMTP or LMTP here: `smtp://0.0.0.0:2525`, `lmtp://127.0.0.1:2424`",
    )
    folder: str | None = Field(
        default=None, description="Move filed letters to this folder instead of marking them seen"
    )
    oauth_token: SecretStr | None = Field(
        default=None,
        description="OAuth2 access token for IMAP and SMTP (XOAUTH2), or `file:PATH` of a file that holds it",
    )
    since: date | None = Field(
        default=None,
        description="First start: also take letters since this day (YYYY-MM-DD); default: only new ones",
    )
    verp: bool | None = Field(
        default=None,
        description="A return path of its own for each letter (`sales+…@`), so that every report is understood; "
        "the mail server must deliver such addresses. Default: only with LISTEN",
    )
    size_limit: int = Field(
        default=64 * 1024 * 1024, ge=64 * 1024, description="Bytes of the largest letter that is read"
    )

    @field_validator("address")
    @classmethod
    def _is_address(cls, address: str | None) -> str | None:
        if address is None:
            return None
        if not re.fullmatch(r"[^\s@<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,253}", address.strip()):
            raise ValueError("an address such as sales@example.com")
        return address.strip().lower()


class Form(BaseModel):
    """The site form."""

    key: SecretStr | None = Field(
        default=None, description="Key of the site form; without one the form is shut"
    )
    origins: Names = Field(
        default_factory=list, description="Sites whose pages may post (CORS), e.g. https://example.com"
    )
    honeypot: Names = Field(
        default_factory=list, description="Further names of hidden fields that only machines fill in"
    )

    @field_validator("origins")
    @classmethod
    def _as_browsers_say(cls, given: list[str]) -> list[str]:
        return [one if one == "*" else _origin(one) for one in given]

    @field_validator("honeypot")
    @classmethod
    def _as_they_are_looked_up(cls, given: list[str]) -> list[str]:
        return [name.strip().lower() for name in given if name.strip()]

    @property
    def honeypots(self) -> frozenset[str]:
        """The names of all fields that only machines fill in, lower case."""
        return HONEYPOTS.union(self.honeypot)


class Retention(BaseModel):
    """How long things are kept."""

    raw_days: int = Field(
        default=30, ge=1, le=36_500, description="Days the raw input of filed messages is kept"
    )


class Confirm(BaseModel):
    """Automatic answers."""

    max_age: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(0),
        description="Nothing older than this is confirmed (seconds or ISO 8601: PT1H)",
    )


class Settings(BaseSettings):
    """Everything one can set. Nested names are joined by two underscores: OPENLINES_TELEGRAM__TOKEN."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    database_url: str = Field(
        default="",
        repr=False,  # a password may stand in it
        description="`sqlite+aiosqlite:///path` or `postgresql+asyncpg://user:password@host/name`",
    )
    redis_url: SecretStr | None = Field(
        default=None, description="`redis://host:6379/0`: dialogs and send limits shared by several processes"
    )
    data_dir: Path = Field(default=Path("data"), description="Folder of the SQLite file and of attachments")
    language: Literal["ru", "en"] = Field(
        default="ru", description="Language when a person's own is not known"
    )
    timezone: str = Field(default="Europe/Moscow", description="Time zone of the company, an IANA name")
    hours: str = Field(
        default="",
        description="Opening hours, which follow-ups wait for: `mon-fri 09:00-18:00, sat 10:00-15:00`; default: always",
    )
    region: str = Field(
        default="RU", description="Country of telephone numbers written without a code (ISO 3166)"
    )
    public_url: str | None = Field(
        default=None, description="Address under which the world reaches this program, https"
    )
    admins: Ids = Field(default_factory=list, description="Telegram ids of the admins, separated by commas")
    secret_key: SecretStr | None = Field(
        default=None, description="Signs letters' ids and links; default: made once and kept in DATA_DIR"
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people or for machines"
    )
    http: Http = Field(default_factory=Http)
    telegram: Telegram = Field(default_factory=Telegram)
    bot: Bot = Field(default_factory=Bot)
    email: Email = Field(default_factory=Email)
    form: Form = Field(default_factory=Form)
    retention: Retention = Field(default_factory=Retention)
    confirm: Confirm = Field(default_factory=Confirm)

    @field_validator("public_url")
    @classmethod
    def _address(cls, url: str | None) -> str | None:
        return url and _web_address(url)

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is None:
            return None
        if not url.get_secret_value().startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("begins with redis://, rediss:// or unix://")
        from redis.asyncio.connection import parse_url  # a quarter of a second, only for those who use it

        try:
            parse_url(url.get_secret_value())
        except ValueError:
            raise ValueError(_ESCAPED) from None
        return url

    @field_validator("region")
    @classmethod
    def _known_region(cls, region: str) -> str:
        region = region.strip().upper()
        if region != "RU":
            from phonenumbers import SUPPORTED_REGIONS  # a twentieth of a second, for others than most

            if region not in SUPPORTED_REGIONS:
                raise ValueError("two letters such as RU or GB (ISO 3166)")
        return region

    @field_validator("timezone")
    @classmethod
    def _known_timezone(cls, name: str) -> str:
        if name not in available_timezones():
            raise ValueError("an IANA time zone such as Europe/Moscow")
        return name

    @field_validator("hours")
    @classmethod
    def _known_hours(cls, written: str) -> str:
        if written:
            read_hours(written, ZoneInfo("UTC"))
        return written

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, url: str) -> str:
        return url and database_address(url)

    @property
    def database(self) -> str:
        """The database's address; by default a file in DATA_DIR."""
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir.absolute() / SQLITE_FILE}"

    @property
    def zone(self) -> ZoneInfo:
        """The company's time zone."""
        return ZoneInfo(self.timezone)

    @property
    def open_hours(self) -> Hours:
        """When the company is at work."""
        return read_hours(self.hours, self.zone) if self.hours else ALWAYS

    @property
    def staff_token(self) -> SecretStr | None:
        """The token of the managers' bot."""
        return self.bot.token or self.telegram.token


class WrongSettings(Misconfigured):
    """What is wrong with the settings, all of it; by itself it is the first."""

    def __init__(self, wrong: Sequence[Misconfigured]) -> None:
        super().__init__(wrong[0].setting, wrong[0].remedy)
        self.wrong = tuple(wrong)


def read_settings() -> Settings:
    """Read the environment. Raises WrongSettings, naming every setting that is wrong and what it takes."""
    try:
        settings = Settings()
    except ValidationError as error:
        wrong: dict[str, str] = {}  # of a list the first part that is wrong
        for one in error.errors():
            path = [str(part) for part in one["loc"] if not isinstance(part, int)]
            name, said = PREFIX + "__".join(path).upper(), one["msg"].removeprefix("Value error, ")
            if one["type"].startswith("model_"):  # a whole group given at once
                said = f"is set by its parts, such as {name}__…"
            wrong.setdefault(name, _TAKES.get(".".join(path), said))
        raise WrongSettings([Misconfigured(name, remedy) for name, remedy in wrong.items()]) from None
    except SettingsError as error:  # the same, and not even as JSON
        group = re.search('"([a-z_]+)"', str(error))
        name = PREFIX + (group[1].upper() if group else "")
        raise WrongSettings([Misconfigured(name, f"is set by its parts, such as {name}__…")]) from None
    if amiss := list(_missing(settings)):
        raise WrongSettings(amiss)
    return settings


# What a setting takes, where its type alone says so: the words of pydantic are for programmers.
_TAKES = {
    "language": "ru or en",
    "admins": "Telegram ids, digits separated by commas",
    "log_format": "text or json",
    "http.port": "a number from 0 to 65535",
    "telegram.mode": "polling or webhook",
    "telegram.limits": "true or false",
    "email.name": "100 characters at most",
    "email.since": "a day such as 2026-03-16",
    "email.verp": "true or false",
    "email.size_limit": "a number of bytes, 65536 or more",
    "retention.raw_days": "a number of days from 1 to 36500",
    "confirm.max_age": "seconds, or a time such as PT1H",
}


def _missing(settings: Settings) -> Iterator[Misconfigured]:
    """What settings that are right by themselves want beside them."""
    telegram, email = settings.telegram, settings.email
    if telegram.mode == "webhook" and telegram.token:
        wanted = "wanted when OPENLINES_TELEGRAM__MODE is webhook"
        if not settings.public_url:
            yield Misconfigured("OPENLINES_PUBLIC_URL", wanted)
        elif telegram.api_url == TELEGRAM and not _is_reached_by_telegram(settings.public_url):
            remedy = "Telegram brings updates to https:// only, on the ports 443, 80, 88 and 8443"
            yield Misconfigured("OPENLINES_PUBLIC_URL", remedy)
        if not telegram.secret:
            yield Misconfigured("OPENLINES_TELEGRAM__SECRET", wanted)
    if (email.imap_url or email.smtp_url or email.listen) and not email.address:
        yield Misconfigured(
            "OPENLINES_EMAIL__ADDRESS", "wanted with a mailbox: the address customers write to"
        )


def _is_reached_by_telegram(url: str) -> bool:
    """See https://core.telegram.org/bots/api#setwebhook."""
    address = urlsplit(url)
    try:
        port = address.port
    except ValueError:  # no number, or too large
        return False
    return address.scheme == "https" and port in (None, 443, 80, 88, 8443)


def documented() -> list[tuple[str, str, str]]:
    """Every setting as (name, default, meaning), for the README."""
    rows: list[tuple[str, str, str]] = []
    for name, field in _fields(Settings, PREFIX):
        default = field.get_default(call_default_factory=True)
        rows.append((name, "" if default in (None, "", [], ()) else str(default), field.description or ""))
    return rows


def unknown_settings(environment: Iterable[str]) -> list[str]:
    """Names in the environment that look like settings and are none: mistyped, most likely."""
    known = {name for name, _ in _fields(Settings, PREFIX)}
    groups = {name.rpartition("__")[0] for name in known}
    return sorted(
        name for name in environment if name.upper().startswith(PREFIX) and name.upper() not in known | groups
    )


def _fields(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, FieldInfo]]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _fields(inner, f"{prefix}{name.upper()}__")
        else:
            yield f"{prefix}{name.upper()}", field
