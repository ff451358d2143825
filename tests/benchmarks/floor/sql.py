"""The floor's statements. psycopg prepares each in the server once it has been sent five times."""

CALLER = """
    SELECT u.id, u.uuid, u.is_warehouse_user
    FROM users_session s JOIN users_user u ON u.id = s.user_id
    WHERE s.id = %s AND s.client_id = %s AND s.ended_at IS NULL AND s.expires_at > now()
      AND u.uuid = %s AND u.status = 'active'
"""

_COLUMNS = """
    a.id, a.uuid, a.is_active, a.user_id, w.uuid, w.name, w.is_active,
    u.uuid, u.email, u.first_name, u.last_name, u.status
"""
_JOINED = """
    JOIN warehouses_warehouse w ON w.id = a.warehouse_id
    JOIN users_user u ON u.id = a.user_id
"""

OWN = f"""
    SELECT {_COLUMNS} FROM assignments_warehouseuserassignment a {_JOINED}
    WHERE a.user_id = %s ORDER BY a.id LIMIT %s
"""
ALL = f"SELECT {_COLUMNS} FROM assignments_warehouseuserassignment a {_JOINED} ORDER BY a.id LIMIT %s"
ONE = f"""
    SELECT {_COLUMNS} FROM assignments_warehouseuserassignment a {_JOINED}
    WHERE a.uuid = %s AND (%s::bigint IS NULL OR a.user_id = %s)
"""

LOCK = "SELECT 1 FROM users_user WHERE id = %s AND is_warehouse_user AND status <> 'deleted' FOR NO KEY UPDATE"
CLEAR = """
    UPDATE assignments_warehouseuserassignment SET is_active = false, updated_at = now()
    WHERE user_id = %s AND is_active AND id <> %s
"""
SET = """
    UPDATE assignments_warehouseuserassignment
    SET is_active = %s, updated_at = now(), activation = activation + %s::boolean::int WHERE id = %s
"""

STANDS = """
    SELECT a.id, a.uuid, a.activation, w.id, w.uuid
    FROM assignments_warehouseuserassignment a
    JOIN warehouses_warehouse w ON w.id = a.warehouse_id
    JOIN users_user u ON u.id = a.user_id
    WHERE a.user_id = %s AND a.is_active AND w.is_active AND u.is_warehouse_user AND u.status = 'active'
"""
GRANT = """
    INSERT INTO assignments_warehousegrant
        (id, created_at, expires_at, refresh_digest, retry_used, session_id, assignment_id, activation)
    VALUES (%s, now(), now() + make_interval(secs => %s), %s, false, %s, %s, %s)
"""
