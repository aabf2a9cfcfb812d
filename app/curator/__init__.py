"""The Streamlit curator: many images, over days."""
