"""The harness of the end-to-end and fault tests: the agent, the backends, host apps and a server that misbehaves."""
