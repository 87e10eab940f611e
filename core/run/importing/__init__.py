"""A training that Axolotl or Transformers made elsewhere, taken in as a run of ours."""
