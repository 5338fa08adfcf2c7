"""Clients that cannot be redirected: the real venue's addresses lead to the mock exchange.

Every client process gets a proxy of its own on loopback, and a certificate authority made for the run, both by environment
variables. The proxy answers for the addresses of the case's dialect and refuses all others. It has no way out: nothing here
ever opens a connection.

    environment   the variables
    proxy         the proxy of one client process
    interception  what the proxies answer with: the exchanges of the cases, the certificates, what was refused
    driver        a driver whose client lives behind a proxy
"""
