"""What the page shows, as HTML built by ``app.ui.views.markup`` from plain values. No Gradio, no state."""
