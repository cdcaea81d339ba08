"""Any model behind the reasoner's port: what it is asked, what it is shown, and what is taken of its answer."""
