"""The log: a NATS JetStream stream. One small client with two adapters, an ordered reader, the streams' set-up."""
