"""Protobuf messages, generated from the .proto files in this directory by `make proto`."""
