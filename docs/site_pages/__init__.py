"""Pages of the site that are made from the source, and files of the repository that it takes in."""
