from django.db import migrations, models
from django.db.models.functions import Lower

CHECK = "DO $$ DECLARE same text := (SELECT string_agg(names, '; ') FROM (SELECT string_agg(format('“%s” (ID %s)', name, id), ', ' ORDER BY id) AS names FROM warehouses_warehouse GROUP BY lower(name) HAVING count(*) > 1 ORDER BY min(id)) AS clash); BEGIN IF same IS NOT NULL THEN RAISE EXCEPTION 'Warehouses with the same name, but for upper and lower case: %. Rename all but one of each and start again.', same; END IF; END $$"
UNIQUE = {"name": "warehouse_name_unique", "violation_error_message": "This name is already in use."}


class Migration(migrations.Migration):
    dependencies = [("warehouses", "0001_initial")]
    operations = [migrations.RunSQL(CHECK, migrations.RunSQL.noop), migrations.RemoveConstraint("warehouse", "warehouse_name_unique"), migrations.AddConstraint("warehouse", models.UniqueConstraint(Lower("name"), **UNIQUE))]  # fmt: skip
