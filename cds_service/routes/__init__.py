"""The addresses of the service, one module each, thin: HTTP in, HTTP out, no decisions."""
