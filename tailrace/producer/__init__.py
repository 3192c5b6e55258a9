"""The mock producer: a small web shop's visitors, sent to the command service as they come."""
