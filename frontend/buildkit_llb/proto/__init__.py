"""Generated from the .proto files beside it; made anew by `make proto`."""
