"""Delivery to Amazon OpenSearch Service: managed domains and serverless collections."""
