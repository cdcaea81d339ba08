"""Everything else: a mapping in YAML says where in a payload to look."""
