"""The loop: the graph, the worker that drives it, and the door people and programs use."""
