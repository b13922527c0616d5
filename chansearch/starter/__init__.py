"""A first configuration of one's own: from a folder of images and a budget to the two files a search needs."""
