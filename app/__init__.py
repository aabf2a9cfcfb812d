"""The browser app: draws and calls, and is the only place that imports gradio and streamlit."""
