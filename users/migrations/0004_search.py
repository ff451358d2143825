import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Concat

#: `search_text` folds case, accents, ß, and the letters that no accent makes; with ä, ö or ü, the text follows once more
#: as it is written without them. `search_grams` has the first four letters of each end of a word, so that a part of up
#: to four letters is the beginning of one, and a longer one has several. `search_near` has each word as it is and with
#: one letter less: two words that share one of these differ by one letter, or by the place of one.
FUNCTIONS = r"""
CREATE FUNCTION search_text(t text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN octet_length(t) = length(t) THEN lower(t) ELSE (
    SELECT string_agg(translate(replace(replace(replace(
        lower(regexp_replace(normalize(spelling, NFKD), '[\u0300-\u036f]+', '', 'g')),
        'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'ıøłđð’', 'ioldd'''), ' ')
    FROM unnest(CASE WHEN normalize(t, NFC) ~ '[äöüÄÖÜ]' THEN
        ARRAY[t, replace(replace(replace(lower(normalize(t, NFC)), 'ä', 'ae'), 'ö', 'oe'), 'ü', 'ue')]
    ELSE ARRAY[t] END) AS spelling
) END;
CREATE FUNCTION search_grams(t text) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    word text;
    grams text[] := '{}';
BEGIN
    FOREACH word IN ARRAY string_to_array(t, ' ') LOOP
        FOR i IN 1..length(word) LOOP
            grams := grams || substr(word, i, 4);
        END LOOP;
    END LOOP;
    RETURN array_to_tsvector(grams);
END $$;
CREATE FUNCTION search_query(word text) RETURNS tsquery LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN (
    SELECT string_agg((
        SELECT string_agg(
            '''' || replace(replace(substr(spelling, i, 4), '\', '\\'), '''', '''''') || '''' ||
            CASE WHEN length(spelling) < 4 THEN ':*' ELSE '' END, ' & ')
        FROM generate_series(1, greatest(length(spelling) - 3, 1)) AS i
    ), ' | ')::tsquery
    FROM string_to_table(search_text(word), ' ') AS spelling WHERE spelling <> ''
);
CREATE FUNCTION search_near(t text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE COST 10000 AS $$
DECLARE
    word text;
    near text[] := '{}';
BEGIN
    FOREACH word IN ARRAY regexp_split_to_array(t, '[-, '']+') LOOP
        CONTINUE WHEN length(word) < 3;
        FOR i IN 1..length(word) + 1 LOOP
            near := near || overlay(word PLACING '' FROM i FOR 1);
        END LOOP;
    END LOOP;
    RETURN near;
END $$;
"""  # noqa: RUF001
NO_FUNCTIONS = """
DROP FUNCTION search_near(text);
DROP FUNCTION search_query(text);
DROP FUNCTION search_grams(text);
DROP FUNCTION search_text(text);
"""
TRIGGER = """
CREATE FUNCTION users_keep_search_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM users_searchentry WHERE user_id = OLD.id;
    ELSE
        INSERT INTO users_searchentry (user_id, name, email)
        VALUES (NEW.id, NEW.first_name || ' ' || NEW.last_name, NEW.email)
        ON CONFLICT (user_id) DO UPDATE SET name = EXCLUDED.name, email = EXCLUDED.email;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER users_keep_search_entry AFTER INSERT OR DELETE OR UPDATE OF first_name, last_name, email ON users_user
    FOR EACH ROW EXECUTE FUNCTION users_keep_search_entry();
"""


def folded(text):
    return models.GeneratedField(
        db_persist=True, expression=models.Func(text, function="search_text"), output_field=models.TextField()
    )


class Migration(migrations.Migration):
    dependencies = [("users", "0003_session_is_app_session")]
    operations = [
        migrations.RunSQL([FUNCTIONS], NO_FUNCTIONS),
        migrations.CreateModel(
            name="SearchEntry",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="search_entry",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("name", models.TextField()),
                ("email", models.TextField()),
                ("names", folded("name")),
                ("sought", folded(Concat("name", models.Value(" ", models.TextField()), "email"))),
            ],
            options={"default_permissions": ()},
        ),
        migrations.RunSQL([TRIGGER], "DROP FUNCTION users_keep_search_entry() CASCADE"),
    ]
