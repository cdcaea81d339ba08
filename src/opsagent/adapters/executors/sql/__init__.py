"""Runs SQL statements on PostgreSQL and on MySQL or MariaDB."""
