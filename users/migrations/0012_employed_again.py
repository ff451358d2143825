from django.db import migrations

#: At the commit, when the old end may have passed since the write decided that it had not.
TRIGGER = """
CREATE FUNCTION users_employed_again() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.employed_until <= clock_timestamp() THEN
        UPDATE users_user SET signed_out_at = clock_timestamp() WHERE id = OLD.id;
        PERFORM FROM users_session WHERE user_id = OLD.id AND ended_at IS NULL ORDER BY id FOR NO KEY UPDATE;
        UPDATE users_session SET ended_at = clock_timestamp(), end_reason = 'employed again'
            WHERE user_id = OLD.id AND ended_at IS NULL;
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER users_employed_again AFTER UPDATE OF employed_until ON users_user
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (OLD.employed_until IS NOT NULL AND OLD.employed_until IS DISTINCT FROM NEW.employed_until)
    EXECUTE FUNCTION users_employed_again();
"""


class Migration(migrations.Migration):
    dependencies = [("users", "0011_employment_index")]
    operations = [migrations.RunSQL([TRIGGER], "DROP FUNCTION users_employed_again() CASCADE")]
