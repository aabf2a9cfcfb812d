"""The pages of the curator, one file each, which Streamlit runs as scripts."""
