"""Settings: config.toml and the environment made into one typed, frozen object; all faults reported together."""

import contextlib
import os
import re
import secrets
import tomllib
from datetime import date
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from campaigns.errors import ConfigError

SCANNERS = (
    # Microsoft 365 and Defender (its mail servers: spf.protection.outlook.com)
    "40.92.0.0/15",
    "40.107.0.0/16",
    "52.100.0.0/14",
    "104.47.0.0/17",
    "2a01:111:f400::/48",
    "2a01:111:f403::/48",
    # Mimecast (AS42427 and its “Data Centers and URLs”)
    "41.74.192.0/20",
    "63.128.21.0/24",
    "91.220.42.0/24",
    "103.13.69.0/24",
    "103.96.20.0/22",
    "124.47.150.0/24",
    "124.47.189.0/24",
    "146.101.78.0/24",
    "170.10.128.0/21",
    "180.189.28.0/24",
    "185.58.84.0/22",
    "193.7.204.0/22",
    "194.104.108.0/22",
    "195.130.217.0/24",
    "205.139.110.0/23",
    "207.82.80.0/24",
    "207.211.30.0/23",
    "216.205.24.0/24",
    # Proofpoint
    "62.209.50.0/23",
    "66.159.224.0/19",
    "67.231.144.0/20",
    "91.207.212.0/23",
    "91.209.104.0/24",
    "148.163.128.0/19",
    "185.132.180.0/22",
    "185.183.28.0/22",
    "205.220.160.0/19",
    # Barracuda
    "64.235.144.0/20",
    "209.222.80.0/21",
    # Symantec Email Security.cloud (Broadcom)
    "46.226.48.0/21",
    "67.219.240.0/20",
    "85.158.136.0/21",
    "95.131.104.0/21",
    "103.9.96.0/22",
    "117.120.16.0/21",
    "193.109.254.0/23",
    "194.106.220.0/23",
    "195.245.230.0/23",
    "216.82.240.0/20",
    # Cisco Secure Email (hosted IronPort)
    "68.232.128.0/19",
    # Trend Micro
    "150.70.0.0/16",
)
"""Networks of mail security services that follow links; sources in docs/operators.md. Whole clouds are left out:
people read their mail from there, too."""


class Section(BaseModel):
    """One section of config.toml: unknown keys are refused, nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Shop(Section):
    name: str = "Liaison"
    address: str = ""
    site: str = "https://shop.example"
    language: str = "en"
    zone: str = "Europe/Paris"
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$")

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        if zone not in available_timezones():
            raise ValueError(f"{zone!r} is not a time zone; write one like Europe/Paris")
        return zone


class Sender(Section):
    name: str = ""
    email: str = "hello@shop.example"
    reply_to: str = ""
    bounce_domain: str = ""
    addresses: list[str] = []
    name_server: str = ""

    @field_validator("addresses")
    @classmethod
    def _are_addresses(cls, addresses: list[str]) -> list[str]:
        for address in addresses:
            try:
                ip_address(address)
            except ValueError as error:
                raise ValueError(f"{address!r} is not an IP address") from error
        return addresses

    @property
    def domain(self) -> str:
        return self.email.rpartition("@")[2]


class DatabaseSettings(Section):
    url: str = "sqlite:///data/liaison.db"


class Data(Section):
    folder: Path = Path("data")


class Web(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=8025, ge=0, le=65535)
    base_url: str = Field(default="http://127.0.0.1:8025", pattern="^https?://")
    trusted_proxies: int = Field(default=0, ge=0)
    session_hours: int = Field(default=12, ge=1)
    metrics_token: SecretStr = SecretStr("")


class Smtp(Section):
    host: str = "127.0.0.1"
    port: int = Field(default=2525, ge=1, le=65535)
    security: Literal["none", "starttls", "tls"] = "none"
    username: str = ""
    password: SecretStr = SecretStr("")
    helo: str = ""
    connect_seconds: float = Field(default=30, gt=0)
    command_seconds: float = Field(default=120, gt=0)
    dot_seconds: float = Field(default=600, gt=0)


class Dkim(Section):
    selector: str = ""
    ed25519_selector: str = ""


class Inbox(Section):
    is_on: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=2525, ge=0, le=65535)


class Sandbox(Section):
    is_on: bool = False
    allowed: list[str] = []

    @field_validator("allowed")
    @classmethod
    def _are_addresses(cls, allowed: list[str]) -> list[str]:
        for each in allowed:
            if not re.fullmatch(r"[^@\s]*@[^@\s]+", each.strip()):
                raise ValueError(f"{each!r} is neither an address nor a domain like @shop.example")
        return allowed


class Sending(Section):
    processes: int = Field(default=0, ge=0)
    connections: int = Field(default=4, ge=1)
    batch: int = Field(default=500, ge=1)
    lease_seconds: int = Field(default=120, ge=5)
    retry_first_seconds: int = Field(default=300, ge=1)
    retry_most_seconds: int = Field(default=14400, ge=1)
    retry_days: float = Field(default=4, gt=0)
    stale_hours: float = Field(default=6, gt=0)
    unknown_is_sent_after_hours: float = Field(default=0, ge=0)


class PaceGroup(Section):
    """How fast the domains of one mail system are written to; 0 is no limit."""

    domains: list[str] = []
    connections: int = Field(default=0, ge=0)
    per_minute: int = Field(default=0, ge=0)
    per_day: int = Field(default=0, ge=0)

    @field_validator("domains")
    @classmethod
    def _are_small(cls, domains: list[str]) -> list[str]:
        return [domain.strip().casefold() for domain in domains]


def _known(connections: int, per_minute: int, *domains: str) -> dict[str, Any]:
    return {"domains": list(domains), "connections": connections, "per_minute": per_minute, "per_day": 0}


KNOWN_GROUPS: dict[str, dict[str, Any]] = {
    "google": _known(5, 3000, "gmail.com", "googlemail.com"),
    "microsoft": _known(
        5, 1500, "outlook.com", "outlook.fr", "hotmail.com", "hotmail.fr", "live.com", "live.fr", "msn.com"
    ),
    "yahoo": _known(5, 1500, "yahoo.com", "yahoo.fr", "yahoo.co.uk", "yahoo.de", "ymail.com", "aol.com"),
    "apple": _known(5, 600, "icloud.com", "me.com", "mac.com"),
    "orange": _known(2, 200, "orange.fr", "wanadoo.fr", "voila.fr"),
    "free": _known(2, 200, "free.fr"),
    "sfr": _known(2, 200, "sfr.fr", "neuf.fr", "club-internet.fr"),
    "laposte": _known(2, 200, "laposte.net"),
    "gmx": _known(3, 600, "gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.fr", "web.de", "1und1.de"),
    "telekom": _known(2, 300, "t-online.de", "magenta.de"),
}
"""The large receivers of Europe. Connections by KumoMTA's published shaping rules (Google and Microsoft 5, Apple
10, Orange 3) or lower; rates as a small sender with an address of its own is usually let in. Receivers publish
none: these are beginnings, the answers correct them (campaigns/messages/pacing.py)."""


class Pacing(Section):
    per_minute: int = Field(default=0, ge=0)
    per_day: int = Field(default=0, ge=0)
    letters_share: float = Field(default=0.1, ge=0, lt=1)
    domain_connections: int = Field(default=20, ge=0)
    domain_per_minute: int = Field(default=0, ge=0)
    domain_per_day: int = Field(default=0, ge=0)
    warm_up_from: str = ""
    warm_up_first: int = Field(default=200, ge=1)
    warm_up_until: int = Field(default=50_000, ge=1)
    groups: dict[str, PaceGroup] = {name: PaceGroup(**values) for name, values in KNOWN_GROUPS.items()}

    @field_validator("warm_up_from")
    @classmethod
    def _is_a_day(cls, day: str) -> str:
        try:
            return date.fromisoformat(day).isoformat() if day else ""
        except ValueError as error:
            raise ValueError(f"{day!r} is not a day; write one like 2026-11-23") from error

    @field_validator("groups", mode="before")
    @classmethod
    def _beside_the_known(cls, given: Any) -> Any:
        """What is written changes or adds to the known ones; the others stay as they are."""
        if not isinstance(given, dict):
            return given
        return KNOWN_GROUPS | {
            name: (KNOWN_GROUPS.get(name, {}) | each) if isinstance(each, dict) else each
            for name, each in given.items()
        }

    @model_validator(mode="after")
    def _are_apart(self) -> "Pacing":
        seen: dict[str, str] = {}
        for name, group in self.groups.items():
            if not re.fullmatch(r"[a-z0-9_-]{1,40}", name):
                raise ValueError(f"{name!r} is no name of a group: small letters, digits and hyphens")
            for domain in group.domains:
                if seen.setdefault(domain, name) != name:
                    raise ValueError(f"{domain} stands in two groups, {seen[domain]} and {name}")
        return self


class Tracking(Section):
    network_bits_v4: int = Field(default=24, ge=0, le=32)
    network_bits_v6: int = Field(default=48, ge=0, le=128)
    ingest_seconds: float = Field(default=1, gt=0)
    hidden_link: bool = True
    machine_networks: list[str] = list(SCANNERS)
    own_machine_networks: list[str] = []

    @field_validator("machine_networks", "own_machine_networks")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(f"{network!r} is not a network; write one like 192.0.2.0/24") from error
        return networks


class PressureSettings(Section):
    mails: int = Field(default=2, ge=0, le=50)
    days: int = Field(default=7, ge=1, le=365)
    exempt: list[str] = ["thanks", "service"]
    exempt_mails: int = Field(default=0, ge=0, le=50)
    exempt_days: int = Field(default=7, ge=1, le=365)
    newsletter_hours: int = Field(default=24, ge=1, le=720)
    quiet_from: int = Field(default=0, ge=0, le=23)
    quiet_until: int = Field(default=0, ge=0, le=23)
    holidays: list[str] = []

    @field_validator("holidays")
    @classmethod
    def _are_days(cls, holidays: list[str]) -> list[str]:
        for told in holidays:
            year_long = f"2024-{told}" if re.fullmatch(r"\d\d-\d\d", told) else told
            try:
                if told != "FR":
                    date.fromisoformat(year_long)
            except ValueError as error:
                raise ValueError(
                    f"{told!r} is no day: write 2026-12-24, 12-24, or FR for France's"
                ) from error
        return holidays


class Guard(Section):
    from_sent: int = Field(default=200, ge=1)
    from_returns: int = Field(default=3, ge=1)
    warn_bounced: float = Field(default=0.02, gt=0, le=1)
    stop_bounced: float = Field(default=0.05, gt=0, le=1)
    warn_spam: float = Field(default=0.0005, gt=0, le=1)
    stop_spam: float = Field(default=0.001, gt=0, le=1)
    warn_refused: float = Field(default=0.02, gt=0, le=1)
    stop_refused: float = Field(default=0.05, gt=0, le=1)


class Returns(Section):
    is_on: bool = False
    host: str = "127.0.0.1"
    port: int = Field(default=2526, ge=0, le=65535)
    addresses: list[str] = ["postmaster", "abuse", "fbl"]
    read_seconds: float = Field(default=10, gt=0)


class Mailbox(Section):
    kind: Literal["", "imap", "pop3"] = ""
    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    username: str = ""
    password: SecretStr = SecretStr("")
    folder: str = "INBOX"
    moved_to: str = ""
    ca_file: str = ""
    fetch_seconds: float = Field(default=60, ge=1)

    @model_validator(mode="after")
    def _is_whole(self) -> "Mailbox":
        if self.kind and not (self.host and self.username):
            raise ValueError("name the mailbox's host and username, too")
        return self


class Fading(Section):
    bounces: int = Field(default=4, ge=2)
    spread_days: int = Field(default=21, ge=0)
    within_days: int = Field(default=180, ge=1)


class Hooks(Section):
    ses_topics: list[str] = []
    sendgrid_public_key: str = ""
    mailgun_signing_key: SecretStr = SecretStr("")
    postmark_user: str = ""
    postmark_password: SecretStr = SecretStr("")
    brevo_user: str = ""
    brevo_password: SecretStr = SecretStr("")
    brevo_networks: list[str] = []


class Scores(Section):
    engagement_half_life_days: float = Field(default=90, gt=0)
    open_weight: float = Field(default=0.2, ge=0)
    proxied_open_weight: float = Field(default=0.1, ge=0)
    reply_weight: float = Field(default=2, ge=0)
    r_limits: list[float] = []
    f_limits: list[float] = []
    m_limits: list[float] = []
    t_limits: list[float] = []
    category_weights: dict[str, float] = {}
    frat_weights: list[float] = [1, 1, 1, 1]
    interest_half_life_days: float = Field(default=180, gt=0)
    interest_order_weight: float = Field(default=3, ge=0)
    survey_scale: float = Field(default=10, gt=0)
    refresh_seconds: float = Field(default=60, gt=0)
    full_hour: int = Field(default=3, ge=0, le=23)

    @field_validator("category_weights")
    @classmethod
    def _are_not_negative(cls, weights: dict[str, float]) -> dict[str, float]:
        if any(weight < 0 for weight in weights.values()):
            raise ValueError("a category weighs 0 or more")
        return weights

    @field_validator("frat_weights")
    @classmethod
    def _are_four_weights(cls, weights: list[float]) -> list[float]:
        if len(weights) != 4 or min(weights) < 0 or sum(weights) <= 0:
            raise ValueError("give four weights of 0 or more, not all 0: frequency, recency, amount, type")
        return weights

    @field_validator("r_limits", "f_limits", "m_limits", "t_limits")
    @classmethod
    def _are_four_rising(cls, limits: list[float]) -> list[float]:
        if limits and (len(limits) != 4 or sorted(set(limits)) != limits):
            raise ValueError("give four rising numbers, or none for quintiles")
        return limits


class Rhythm(Section):
    at_risk: float = Field(default=2, ge=1)
    lost: float = Field(default=3, ge=1)
    least_days: int = Field(default=30, ge=1)
    usual_days: float = Field(default=0, ge=0)


class Value(Section):
    margin: float = Field(default=0.4, gt=0, le=1)
    discount: float = Field(default=0.1, ge=0, le=1)
    years: int = Field(default=5, ge=1, le=30)
    churn_once: list[float] = []
    churn_repeat: list[float] = []
    churn_rise: float = Field(default=0.05, ge=0, le=1)
    churn_constant: float = Field(default=0, ge=0, lt=1)

    @field_validator("churn_once", "churn_repeat")
    @classmethod
    def _are_five_rising(cls, churns: list[float]) -> list[float]:
        if churns and (len(churns) != 5 or sorted(churns) != churns or churns[0] < 0 or churns[-1] >= 1):
            raise ValueError(
                "give five shares that never fall, from 0 to below 1, or none to take the shop's own"
            )
        return churns


class KeyAccounts(Section):
    share: float = Field(default=0.2, ge=0, le=1)
    most: int = Field(default=50, ge=1, le=1000)
    outlet_share: float = Field(default=0.25, gt=0, le=1)
    least_customers: int = Field(default=3, ge=1)
    first_years: float = Field(default=2, ge=0)
    region_attribute: str = Field(default="", pattern="^[a-z0-9_]*$")


class Suggestions(Section):
    least_support: int = Field(default=5, ge=1)


class Stale(Section):
    is_on: bool = True
    mails: int = Field(default=8, ge=1)
    days: int = Field(default=180, ge=1)
    spare_buyer_days: int = Field(default=365, ge=0)
    hygiene_from: str = ""
    letter_first: bool = False
    wait_days: int = Field(default=30, ge=1)
    acts_by_itself: bool = False

    @field_validator("hygiene_from")
    @classmethod
    def _is_a_day(cls, day: str) -> str:
        try:
            return date.fromisoformat(day).isoformat() if day else ""
        except ValueError as error:
            raise ValueError(f"{day!r} is no day; write one like 2026-12-01, or leave it empty") from error


class Journeys(Section):
    webhook_secret: SecretStr = SecretStr("")
    webhook_http: bool = False
    webhook_private: bool = False
    webhook_seconds: float = Field(default=10, gt=0, le=60)


class Signup(Section):
    is_on: bool = False
    days: int = Field(default=7, ge=1, le=60)


class Security(Section):
    login_tries: int = Field(default=10, ge=1)
    cookie_secure: bool = False
    upload_megabytes: int = Field(default=200, ge=1)


class Config(BaseSettings):
    """All settings. `load` makes one; tests make one by keyword."""

    model_config = SettingsConfigDict(
        env_prefix="LIAISON_", env_nested_delimiter="__", extra="forbid", frozen=True
    )
    toml: ClassVar[Path | None] = None

    shop: Shop = Shop()
    sender: Sender = Sender()
    database: DatabaseSettings = DatabaseSettings()
    data: Data = Data()
    web: Web = Web()
    smtp: Smtp = Smtp()
    dkim: Dkim = Dkim()
    inbox: Inbox = Inbox()
    sandbox: Sandbox = Sandbox()
    sending: Sending = Sending()
    pacing: Pacing = Pacing()
    tracking: Tracking = Tracking()
    pressure: PressureSettings = PressureSettings()
    guard: Guard = Guard()
    returns: Returns = Returns()
    mailbox: Mailbox = Mailbox()
    fading: Fading = Fading()
    hooks: Hooks = Hooks()
    scores: Scores = Scores()
    rhythm: Rhythm = Rhythm()
    value: Value = Value()
    key_accounts: KeyAccounts = KeyAccounts()
    stale: Stale = Stale()
    suggestions: Suggestions = Suggestions()
    journeys: Journeys = Journeys()
    signup: Signup = Signup()
    security: Security = Security()

    @property
    def zone(self) -> ZoneInfo:
        """The team's zone."""
        return ZoneInfo(self.shop.zone)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the library's signature
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        if cls.toml is None:
            return init_settings, env_settings
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, cls.toml)


def load(path: Path | None, **overrides: Any) -> Config:
    """Read `path` (None: defaults only) and the environment; raise ConfigError naming every fault at once."""

    class FromFile(Config):
        toml = path

    if path is not None and not path.is_file():
        raise ConfigError(
            {str(path): "is not there; copy config.toml from the project, or leave --config away."}
        )
    try:
        return FromFile(**overrides)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError({str(path): f"is not valid TOML: {error}."}) from error
    except ValidationError as error:
        raise ConfigError(
            {".".join(map(str, fault["loc"])): _sentence(dict(fault)) for fault in error.errors()}
        ) from error


def _sentence(fault: dict[str, Any]) -> str:
    if fault["type"] == "extra_forbidden":
        return "is not a setting; look for its right spelling in config.toml."
    words = str(fault["msg"]).removeprefix("Value error, ")
    return f"{words[:1].lower()}{words[1:]}."


def signing_secrets(config: Config) -> list[str]:
    """The secrets that sign links and sessions, newest first; made at first use, readable by the owner only.

    A line put above the others becomes the newest; old ones keep old letters' links alive.
    """
    path = config.data.folder / "secret.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Linked into place whole, so that no other process ever reads half a secret.
        draft = path.with_name(f"secret.{os.getpid()}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
        with contextlib.suppress(FileExistsError):  # another process was quicker: its secret counts
            os.link(draft, path)
        draft.unlink()
    return [line.strip() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]
