"""What keeps vectors and finds the nearest."""
