"""The feedback page: likes and dislikes of the answers that the chat gave."""

from __future__ import annotations

from functools import partial
from itertools import islice

import streamlit as st

from app.curator.context import PageContext, page_context
from app.curator.feedback_table import feedback_csv
from blip2core.storage.feedback import feedback_rows

_ROWS_SHOWN = 200


def render(context: PageContext) -> None:
    """Draw the page."""
    st.subheader("Likes and dislikes of answers")
    rows = list(islice(feedback_rows(context.database, page=_ROWS_SHOWN), _ROWS_SHOWN))
    if not rows:
        st.info("Nobody has liked or disliked an answer of the chat yet.")
        return
    likes = sum(bool(row["liked"]) for row in rows)
    st.caption(f"The newest {len(rows):,}: {likes:,} liked, {len(rows) - likes:,} disliked.")
    st.dataframe(
        [
            {
                "answer was": "liked" if row["liked"] else "disliked",
                "question": row["question"],
                "answer": row["answer"],
                "reason": row["reason"],
                "who": row["annotator"] or "",
                "when": str(row["created_at"])[:16].replace("T", " "),
                "model": row["model"],
            }
            for row in rows
        ],
        hide_index=True,
        column_config={
            "question": st.column_config.TextColumn(width="medium"),
            "answer": st.column_config.TextColumn(width="medium"),
            "reason": st.column_config.TextColumn(width="medium"),
        },
    )
    st.download_button(
        "All of them as CSV",
        partial(feedback_csv, context.database),
        "feedback.csv",
        "text/csv",
        on_click="ignore",
    )


render(page_context())
