"""Training of float networks with torch (extra ``torch``): from scratch, or on with zeros and codes kept."""
