"""Images and labels from files, the embedded ones, and weights that are downloaded."""
