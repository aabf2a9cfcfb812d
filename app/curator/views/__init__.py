"""The pages of the curator, one file each; Streamlit runs them as scripts."""
