"""Datasets: from an uploaded file to rows that Axolotl reads."""
