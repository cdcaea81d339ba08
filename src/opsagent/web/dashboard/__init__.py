"""The pages people look at: they show and send only what the HTTP API offers, so another front end can replace them."""
