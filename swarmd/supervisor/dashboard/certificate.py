"""A champion's certificate as the page the engine makes of it, asked of the engine's own command.

One process of the engine for each champion, once: the page is kept in ``HOME/cache`` under the champion's checksum.
"""

from swarmd.state.errors import OutsideError
from swarmd.state.store.files import Home
from swarmd.supervisor.engine_answers import engine_answer


def certificate_html(home: Home, niche: str, checksum: str) -> bytes:
    """Raises OperatorError with the engine's own word where there is no certificate to show."""
    folder = home.cache / "certificates"
    path = folder / f"{niche}-{checksum[:16]}.html"
    if not path.is_file():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        engine_answer("--home", str(home.root), "champion", "certificate", niche, "--output", str(path))
    try:
        return path.read_bytes()
    except OSError as cause:
        raise OutsideError(f"the certificate's page could not be kept in {folder}: {cause.strerror}") from cause
