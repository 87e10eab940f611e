"""`GET /api/runs/<id>/card`: how far a run is, as its card on the dashboard shows it."""

from streamlit_app import card_words
from streamlit_app.routes.shared import about_run

PATH = "/api/runs/{run_id}/card"
look = about_run(card_words.tell)
