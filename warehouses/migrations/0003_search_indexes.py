from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations
from django.db.models import Func

FOLDED = Func("name", function="search_text")


def gin(function):
    return GinIndex(Func(FOLDED, function=function), fastupdate=False, name=f"warehouse_{function}")


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("warehouses", "0002_name_in_any_case"), ("users", "0004_search")]
    operations = [
        AddIndexConcurrently("warehouse", gin("search_grams")),
        AddIndexConcurrently("warehouse", gin("search_near")),
    ]
