"""The golden image, and the role of accounts that get copies of it."""
