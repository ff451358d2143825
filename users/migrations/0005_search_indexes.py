from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.models import F, Func

#: The people from before the trigger of 0004, in pieces: whoever renames somebody waits for one piece at most. It can
#: begin again.
FILL = """
DO $$ DECLARE last bigint := 0; next bigint; BEGIN
    LOOP
        SELECT max(id) INTO next FROM (SELECT id FROM users_user WHERE id > last ORDER BY id LIMIT 5000) AS piece;
        EXIT WHEN next IS NULL;
        INSERT INTO users_searchentry (user_id, name, email)
        SELECT id, first_name || ' ' || last_name, email FROM users_user WHERE id > last AND id <= next
        ORDER BY id FOR KEY SHARE ON CONFLICT DO NOTHING;
        COMMIT;
        last := next;
    END LOOP;
END $$
"""
#: By beginnings of names only, as the search was before.
OUTDATED = {column: f"user_search_{column}" for column in ("email", "first_name", "last_name")}
DROP = [f"DROP INDEX CONCURRENTLY IF EXISTS {name}" for name in OUTDATED.values()]
MAKE = [
    f"CREATE INDEX CONCURRENTLY {name} ON users_user (lower({column}) text_pattern_ops)"
    for column, name in OUTDATED.items()
]


def gin(column, name):
    return GinIndex(Func(F(column), function=name), fastupdate=False, name=name)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("users", "0004_search")]
    operations = [
        migrations.RunSQL([FILL], migrations.RunSQL.noop),
        AddIndexConcurrently("searchentry", gin("sought", "search_grams")),
        AddIndexConcurrently("searchentry", gin("names", "search_near")),
        migrations.RunSQL(DROP, MAKE),
    ]
