"""The other settings, to be read: what each is set to, and what it means."""

from html import escape
from pathlib import Path

import streamlit as st

from core.settings import Settings
from streamlit_app.setting_words import GROUPS, Told, is_default, value_text

_STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


def show(settings: Settings) -> None:
    """A group of settings after the other."""
    groups = "".join(_group(title, rows, settings) for title, rows in GROUPS.items())
    st.html(f'<style>{_STYLE}</style><div class="machine-settings">{groups}</div>')


def _group(title: str, rows: tuple[Told, ...], settings: Settings) -> str:
    inside = "".join(_row(told, settings) for told in rows)
    return f"<section><h4>{escape(title)}</h4><dl class='rows'>{inside}</dl></section>"


def _row(told: Told, settings: Settings) -> str:
    value = escape(value_text(told.key, settings))
    default = Settings()
    was = "" if is_default(told.key, settings) else f" ({escape(_usual(told.key, default))})"
    return (
        f"<div class='row'><dt>{escape(told.label)} <code>{escape(told.key)}</code></dt>"
        f"<dd><b>{value}</b>{was}<p>{escape(told.meaning)}</p></dd></div>"
    )


def _usual(key: str, default: Settings) -> str:
    return f"usually {value_text(key, default)}"
