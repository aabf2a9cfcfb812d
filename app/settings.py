"""What can be set from outside, read from BLIP2_* environment variables."""

import ipaddress
import os
import re
from pathlib import Path
from tempfile import gettempdir
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.roles import Role
from blip2core.errors import ConfigError
from blip2core.texts import visible

LOCAL = ("127.0.0.1", "localhost", "::1")
"""Hosts that serve this machine alone."""
PRIVATE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where the proxies of a Space are."""
ROOT_PATH = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]+)+")
SPACE_STORAGE = Path("/data")
"""Where a Space has its persistent storage, if it has any."""
USUAL_NEW_TOKENS = 40
"""Longest caption or answer where nobody chose a length, unless a setting allows only less."""


class AppSettings(BaseSettings):
    """Settings of the app; `BLIP2_PORT=8000 python -m app` sets `port`."""

    model_config = SettingsConfigDict(
        env_prefix="BLIP2_", frozen=True, use_attribute_docstrings=True
    )

    model: str = "stickers-opt"
    """Name of the model that answers, as `blip2 models` lists it."""
    matcher: str | None = None
    """Name of the model that scores texts; without one, the one that goes with `model`."""
    device: Annotated[str, Field(pattern=r"^(auto|cpu|mps|cuda(:[0-9]+)?)$")] = "auto"
    """auto, cpu, cuda, one of several GPUs as cuda:1, or mps."""
    host: str | None = None
    """Address to listen on; without one GRADIO_SERVER_NAME, else this machine only."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Port to listen on; without one GRADIO_SERVER_PORT, else the first free from 7860."""
    allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    """Names, besides its own, under which browsers reach the studio, as behind a proxy; separated
    by commas."""
    root_path: str = "/"
    """Path under which a proxy shows the studio, such as /studio."""
    proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "::1")
    """Addresses or networks, such as 10.0.0.0/8, of the proxies in front, whose X-Forwarded-For and
    X-Forwarded-Proto are believed; separated by commas. On a Space private networks too."""
    open_browser: bool = True
    """Show the page in a browser at start, where there is a screen."""
    max_upload: Annotated[int, Field(ge=1)] = 20
    """Largest image file taken, in megabytes."""
    max_import: Annotated[int, Field(ge=1)] = 2_000
    """Largest file the curator takes, such as a zip of images, in megabytes."""
    curator: bool = True
    """Serve the curator, with its database, beside the workbench."""
    import_root: Path | None = None
    """Folder on this machine that imports may read; without one any, but only where the studio
    is served to this machine alone and nobody logs in."""
    users: Path | None = None
    """File of the people who may log in, see `python -m app.users`; where it is missing it is made,
    with an owner whose first password is printed."""
    open: bool | None = None
    """Whether anyone who reaches the studio may use the workbench without a login. Nobody then
    imports or judges but who logs in. Without the setting only on a Space."""
    session_hours: Annotated[float, Field(gt=0, le=720)] = 12.0
    """Hours without use after which a login ends; it ends after 30 days at the latest."""
    oidc_issuer: str | None = None
    """Address of an OpenID Connect provider where people sign in, such as
    https://login.example.com/realms/team."""
    oidc_client_id: str | None = None
    """Name under which the provider knows the studio."""
    oidc_client_secret: SecretStr | None = None
    """Secret that the provider gave the studio, where it gave one."""
    oidc_name: str = "preferred_username"
    """Claim that is a person's name here; sub where people may rename themselves, or email."""
    oidc_role: Literal["visitor", "curator", "owner", "nobody"] = "visitor"
    """Role of who signs in and is in neither of the next two; nobody: they are not let in."""
    owners: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of those who sign in as owners; separated by commas."""
    curators: Annotated[tuple[str, ...], NoDecode] = ()
    """Names of those who sign in as curators; separated by commas."""
    downloads: bool = False
    """Whether an import may fetch images from the addresses it names."""
    max_new_tokens: Annotated[int, Field(ge=1)] = 256
    """Longest caption or answer that a visitor of the workbench or a program may ask for, in tokens
    of the language model; none is longer than 256. The controls start at 40, or at this if less."""
    max_uploads: Annotated[int, Field(ge=1)] = 5_000
    """Room for all uploads to the workbench, in megabytes; they are deleted after a day."""
    visitor_uploads: Annotated[int, Field(ge=1)] = 500
    """What a visitor who is no curator may upload to the workbench in a day, in megabytes."""
    visitor_requests: Annotated[int, Field(ge=1)] = 600
    """How often a visitor who is no curator may ask for something in a minute; the page asks at
    every key that is typed."""
    longest_job: Annotated[float, Field(gt=0)] = 60.0
    """Minutes after which work on several images in the workbench ends; the images that still wait
    are left out. Whole folders are the curator's."""
    queue_size: Annotated[int, Field(ge=1)] = 50
    """Most questions that wait for the model at the same time; more are turned away."""
    log: Literal["text", "json"] = "text"
    """Form of the log on standard error: lines for people, or a JSON object a line."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is logged; files of the page and health checks are at debug."""
    log_texts: bool = False
    """Log the messages of unexpected errors too, which may quote what visitors wrote."""
    metrics: bool = False
    """Serve metrics for Prometheus on a port of their own."""
    metrics_host: str = "127.0.0.1"
    """Address for the metrics, which nobody logs in for; without one this machine only."""
    metrics_port: Annotated[int, Field(ge=1, le=65535)] = 9464
    """Port for the metrics."""
    mcp: bool = False
    """Offer the endpoints as tools of the Model Context Protocol too; needs the extra `mcp`."""

    @property
    def usual_new_tokens(self) -> int:
        """Longest caption or answer where nobody chose a length, in tokens."""
        return min(USUAL_NEW_TOKENS, self.max_new_tokens)

    @field_validator("*", mode="before")
    @classmethod
    def _says_something(cls, value: object) -> object:
        """Refuse an empty text: it may be a variable that was not set where it should have been,
        and an empty path would be this folder, an empty file of users everybody.
        """
        if isinstance(value, str) and not value.strip():
            raise ValueError("is empty; give it a value, or leave the variable out")
        return value

    @field_validator("oidc_issuer")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is not None and not is_private_way(value):
            raise ValueError(
                "must be an address that begins with https://; http:// is for this machine alone"
            )
        return value

    @field_validator("root_path")
    @classmethod
    def _is_root_path(cls, value: str) -> str:
        """Return the path without the slash at its end, so that it can stand before another."""
        path = value.rstrip("/")
        if path and not ROOT_PATH.fullmatch(path):
            raise ValueError("must be a path such as /studio, of letters, digits and -_.~")
        return path

    @field_validator("proxies")
    @classmethod
    def _are_networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        """Return them as uvicorn reads them: of an address with a mask it would make nothing."""
        networks = []
        for one in value:
            try:
                network = ipaddress.ip_network(one, strict=False)
            except ValueError as error:
                told = f"{visible(one)} is neither an IP address nor a network"
                raise ValueError(told) from error
            networks.append(str(network) if "/" in one else one)
        return tuple(networks)

    @field_validator("allowed_hosts", "proxies", "owners", "curators", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        """Return the names in a text such as `a.example, b.example`, and all else unchanged."""
        if isinstance(value, str):
            return tuple(name.strip() for name in value.split(",") if name.strip())
        return value


def settings_problems(error: ValidationError) -> list[str]:
    """Return what is wrong with each setting, in a sentence; values are not told: one is secret."""
    told = []
    for problem in error.errors(include_input=False, include_url=False):
        name = str(problem["loc"][0])
        field = AppSettings.model_fields.get(name)
        about = " ".join((field.description or "").split()) if field else ""
        said = problem["msg"].removeprefix("Value error, ").rstrip(".")
        told.append(f"BLIP2_{name.upper()}: {said}. {about}".rstrip())
    return told


def host_of(host: str | None) -> str:
    """Return the address to listen on, where the settings name `host` or none."""
    return host or os.environ.get("GRADIO_SERVER_NAME") or "127.0.0.1"


def serves_this_machine(settings: AppSettings) -> bool:
    """Return whether the studio is served to this machine alone, with no proxy in front of it."""
    is_proxied = bool(settings.allowed_hosts or settings.root_path)
    is_proxied = is_proxied or "proxies" in settings.model_fields_set
    return host_of(settings.host) in LOCAL and not is_proxied


def proxies_of(settings: AppSettings) -> list[str]:
    """Return the addresses and networks of the proxies that are believed, each in both forms: where
    one socket is for IPv4 and IPv6, 10.0.0.1 shows as ::ffff:10.0.0.1.
    """
    named = [*settings.proxies, *(PRIVATE_NETWORKS if is_space() else ())]
    return [*named, *filter(None, map(other_form, named))]


def other_form(address: str) -> str | None:
    """Return an IPv4 address or network as IPv6 has it (RFC 4291 section 2.5.5.2), or the other
    way round; None where there is no other form.
    """
    network = ipaddress.ip_network(address, strict=False)
    if isinstance(network, ipaddress.IPv4Network):
        return f"::ffff:{network.network_address}/{96 + network.prefixlen}"
    plain = network.network_address.ipv4_mapped
    return f"{plain}/{network.prefixlen - 96}" if plain and network.prefixlen >= 96 else None


def is_space() -> bool:
    """Return whether this runs as a Space of Hugging Face."""
    return bool(os.environ.get("SPACE_ID"))


def is_zero_gpu() -> bool:
    """Return whether this Space lends its GPU by the call, to functions of its first process."""
    return is_space() and os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def data_folder_of_space() -> Path:
    """Return where a Space keeps what is decided: its persistent storage, if it has one."""
    return SPACE_STORAGE if os.access(SPACE_STORAGE, os.W_OK) else Path(gettempdir()) / "data"


def space_note(data: Path) -> str:
    """Return what curators should know of a data folder on a Space; empty where all is well."""
    if not is_space() or (data.is_relative_to(SPACE_STORAGE) and os.path.ismount(SPACE_STORAGE)):
        return ""
    return (
        "This Space has no persistent storage: what is decided here is lost when it restarts. "
        "Export before, or add storage in the settings of the Space."
    )


def is_private_way(address: str) -> bool:
    """Return whether nobody on the way can read or change what is sent to an address: by https, or
    to this machine itself.
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in LOCAL))


def signs_in_at_hugging_face(settings: AppSettings) -> bool:
    """Return whether people sign in with their Hugging Face account, as on a Space that asks it."""
    is_asked = is_space() and bool(os.environ.get("OAUTH_CLIENT_ID"))
    return is_asked and settings.oidc_issuer is None


def has_login(settings: AppSettings) -> bool:
    """Return whether anybody can log in."""
    has_provider = settings.oidc_issuer is not None or signs_in_at_hugging_face(settings)
    return settings.users is not None or has_provider


def anonymous_role(settings: AppSettings) -> Role | None:
    """Return the role of who has not logged in; None where everybody has to.

    Who serves the studio to this machine alone, without a login, is its owner.
    """
    is_open = is_space() if settings.open is None else settings.open
    if not has_login(settings) and serves_this_machine(settings) and not is_open:
        return "owner"
    return "visitor" if is_open else None


def serves_curator(settings: AppSettings) -> bool:
    """Return whether the curator is served: nobody could come in without a login elsewhere.

    Its jobs hold their models, which cannot be where the GPU is lent by the call.
    """
    somebody_comes = has_login(settings) or anonymous_role(settings) == "owner"
    return settings.curator and somebody_comes and not is_zero_gpu()


def check_is_closed(settings: AppSettings) -> None:
    """Raise ConfigError where anybody who reaches the machine could do everything."""
    if anonymous_role(settings) is None and not has_login(settings):
        where = host_of(settings.host)
        way = "through a proxy" if where in LOCAL else f"on {where}"
        raise ConfigError(
            f"Served {way}, anyone who reaches this machine could come in. "
            "Set BLIP2_USERS to a file of people who log in, or BLIP2_OPEN=1 to let anyone ask "
            "about images; nobody then imports or judges."
        )


def may_read_folders(settings: AppSettings) -> bool:
    """Return whether imports may name folders of this machine at all.

    Without an import root they may only where the studio is served to this machine alone. Where
    people log in, they may come from elsewhere through a proxy.
    """
    return settings.import_root is not None or anonymous_role(settings) == "owner"


def is_allowed(source: Path, settings: AppSettings) -> bool:
    """Return whether imports may read a path; links are followed first."""
    if settings.import_root is None:
        return may_read_folders(settings)
    return source.resolve().is_relative_to(settings.import_root.resolve())
