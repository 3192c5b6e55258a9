"""What several tests share: the servers, and waiting for things to happen."""
