"""The thin shell: trio, sockets, TLS, HTTP and WebSocket framing around the pure exchange."""
