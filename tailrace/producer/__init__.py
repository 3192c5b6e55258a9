"""The mock producer: sends the events of a small web shop's visitors to the command service."""
