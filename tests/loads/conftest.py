"""Fixtures of loads: servers, and a table that is declared."""

from load_servers import declare, mariadb_server, postgres_server, shop_db

__all__ = ["declare", "mariadb_server", "postgres_server", "shop_db"]
