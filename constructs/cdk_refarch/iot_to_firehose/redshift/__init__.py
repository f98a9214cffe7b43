"""Delivery to Amazon Redshift Serverless, by way of Amazon S3."""
