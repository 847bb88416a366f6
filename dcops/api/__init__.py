"""The HTTP face: applications and links for other agencies and programs. Parses, calls one service, renders."""
