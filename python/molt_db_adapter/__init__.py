"""molt_db_adapter: hands the database-heavy work of web applications to molt_sql or a molt-worker.

`molt_db_adapter.django` is for Django; `molt_db_adapter.core` is what all frameworks share.
"""
