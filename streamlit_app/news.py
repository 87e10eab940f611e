"""What must be seen on every page, whichever it is: the daemon's troubles, and what runs became."""

import hashlib
import json

from streamlit_app import session


def revision() -> str:
    """Another one whenever there is more or less to say."""
    heartbeat = session.daemon()
    troubles = None if heartbeat is None else heartbeat.troubles
    _, count = session.run_news().since(None)
    return hashlib.sha256(json.dumps([troubles, count]).encode()).hexdigest()[:12]
