"""How rows can be written, with a short example of each."""

import streamlit as st

EXAMPLES = (
    (
        "Chat",
        "`.jsonl` with `messages`, one conversation per line. ShareGPT's `conversations` work too.",
        '{"messages": [{"role": "user", "content": "Hello"}, '
        '{"role": "assistant", "content": "Hi!"}]}',
        "json",
    ),
    (
        "Question and answer",
        "`.csv` or `.jsonl` with `question` and `answer`, or `prompt` and `completion`.",
        "question,answer\nWhat is the capital of France?,Paris.",
        "csv",
    ),
    (
        "Instruction",
        "Alpaca style: `instruction`, `output` and, if needed, `input`.",
        '{"instruction": "Translate to German", "input": "good night", "output": "Gute Nacht"}',
        "json",
    ),
    (
        "Preferences",
        "`chosen` and `rejected` answers to a `prompt`, for DPO and ORPO; or a `completion` and a "
        "`label` that says whether it is good, for KTO.",
        '{"prompt": "Say hello", "chosen": "Hello! How are you?", "rejected": "What?"}',
        "json",
    ),
    (
        "Plain text",
        "`.txt`, paragraphs parted by an empty line, a folder of such files, or `.jsonl` with "
        "`text`. The model learns to go on in the same style; it does not learn to answer.",
        "It was a bright cold day in April.\n\nThe clocks were striking thirteen.",
        "text",
    ),
)


def show() -> None:
    """Every format with an example."""
    for title, note, example, language in EXAMPLES:
        st.markdown(f"**{title}.** {note}")
        st.code(example, language=language, wrap_lines=True)
    st.caption(
        "Each of them as .jsonl, .json, .csv, .tsv or .parquet too, also packed as .gz or .zst. "
        "Columns with other names can be mapped. Rows that cannot be learned from are left out and "
        "listed, with their line and the reason."
    )
