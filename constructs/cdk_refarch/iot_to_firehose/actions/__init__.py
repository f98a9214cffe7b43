"""What a rule may do with a message besides handing it to Firehose."""
