"""The web page: one FastAPI application on loopback with Gradio Blocks mounted. ``app.ui.serving.server`` starts it."""
