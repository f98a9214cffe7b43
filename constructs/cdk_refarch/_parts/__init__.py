"""Parts that several architectures share; private, without a promise of stability."""
