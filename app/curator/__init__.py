"""The Streamlit curator: import, review, filter and export datasets of many images."""
