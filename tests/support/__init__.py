"""Helpers of the tests: servers, processes, clients, and naive computations to compare with."""
