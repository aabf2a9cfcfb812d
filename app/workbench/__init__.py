"""The Gradio workbench: one image, now."""
