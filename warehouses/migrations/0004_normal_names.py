from django.db import migrations, models

# As in config/text.py at this release.
BLANKS = r"\t-\r\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u2800\u3000"
INVISIBLE = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
NORMAL = f"btrim(regexp_replace(normalize(regexp_replace(name, '[{INVISIBLE}]', '', 'g')), '[{BLANKS}]+', ' ', 'g'))"
RENAME = f"DO $$ DECLARE same text := (SELECT string_agg(names, '; ') FROM (SELECT string_agg(format('“%s” (ID %s)', name, id), ', ' ORDER BY id) AS names FROM warehouses_warehouse GROUP BY lower({NORMAL}) HAVING count(*) > 1 OR min({NORMAL}) = '' ORDER BY min(id)) AS clash); BEGIN IF same IS NOT NULL THEN RAISE EXCEPTION 'Warehouses whose names look the same, or like nothing: %. Rename all but one of each and start again.', same; END IF; UPDATE warehouses_warehouse SET name = {NORMAL} WHERE name <> {NORMAL}; END $$"  # noqa: S608 (constants only)
OTHER_BLANKS = BLANKS.replace(r"\x20", "")
IS_NORMAL = models.Q(name=models.Func("name", function="normalize")) & ~models.Q(name__regex=f"[{INVISIBLE}]|  |[{OTHER_BLANKS}]")  # fmt: skip


class Migration(migrations.Migration):
    dependencies = [("warehouses", "0003_search_indexes")]
    operations = [migrations.RunSQL(RENAME, migrations.RunSQL.noop), migrations.AddConstraint("warehouse", models.CheckConstraint(condition=IS_NORMAL, name="warehouse_name_normal", violation_error_message="A name must not contain invisible characters."))]  # fmt: skip
