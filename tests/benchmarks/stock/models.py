"""The product's tables, as far as the four works need them."""

import uuid

from django.contrib.auth.models import AbstractBaseUser
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone


class User(AbstractBaseUser):
    uuid = models.UUIDField(default=uuid.uuid4)
    email = models.EmailField(unique=True)
    first_name = models.CharField(max_length=45)
    last_name = models.CharField(max_length=255)
    status = models.CharField(max_length=7)
    is_warehouse_user = models.BooleanField()

    USERNAME_FIELD = "email"

    class Meta:
        managed = False
        db_table = "users_user"

    class JSONAPIMeta:
        resource_name = "users"


class Session(models.Model):
    id = models.UUIDField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE)
    client_id = models.CharField(max_length=255)
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "users_session"


class Warehouse(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4)
    name = models.CharField(max_length=255)
    is_active = models.BooleanField()

    class Meta:
        managed = False
        db_table = "warehouses_warehouse"


class Assignment(models.Model):
    uuid = models.UUIDField(default=uuid.uuid4)
    user = models.ForeignKey(User, models.CASCADE)
    warehouse = models.ForeignKey(Warehouse, models.PROTECT)
    is_active = models.BooleanField()
    activation = models.PositiveIntegerField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        managed = False
        db_table = "assignments_warehouseuserassignment"
        ordering = ["id"]

    class JSONAPIMeta:
        resource_name = "warehouse-user-assignments"


class Grant(models.Model):
    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    refresh_digest = models.CharField(max_length=64)
    retry_used = models.BooleanField(default=False)
    session = models.ForeignKey(Session, models.CASCADE)
    assignment = models.ForeignKey(Assignment, models.DO_NOTHING)
    activation = models.PositiveIntegerField()

    class Meta:
        managed = False
        db_table = "assignments_warehousegrant"
