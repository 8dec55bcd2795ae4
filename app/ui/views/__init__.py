"""What the page shows, as HTML built by ``app.ui.markup`` from plain values. No Gradio, no state."""
