"""Records through a Firehose stream into Amazon S3: what a user says about it, its checks, and the construct."""
