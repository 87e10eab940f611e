"""Settings that count from the moment they are saved, without a restart of the daemon."""

import logging

from core.errors import SettingsError
from core.files import Stamp, stamp
from core.paths import Workspace
from core.settings import Settings, load_settings

log = logging.getLogger(__name__)


class FreshSettings:
    """The settings file, read again when it has changed; a bad one leaves what was read before."""

    def __init__(self, workspace: Workspace) -> None:
        self._path = workspace.settings
        self._seen: Stamp | None = None
        self._settings = Settings()
        self.trouble = ""

    def look(self) -> Settings:
        """The settings as of now."""
        seen = stamp(self._path)
        if seen != self._seen:
            self._seen = seen
            try:
                self._settings, self.trouble = load_settings(self._path), ""
            except SettingsError as error:
                self.trouble = f"notices are sent as the settings were before: {error}"
                log.warning(self.trouble)
        return self._settings
