"""The chat as a page of Gradio: it shows and sends only what the HTTP API offers for conversations."""
