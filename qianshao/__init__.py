"""The program: puts the rooms together and holds no knowledge of its own."""
