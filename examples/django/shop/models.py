"""One table."""

from django.db import models


class Item(models.Model):
    """Something that a user has to look at."""

    user_id = models.BigIntegerField()
    created_at = models.DateTimeField()
    status = models.CharField(max_length=16)
    title = models.CharField(max_length=200)
    score = models.FloatField()
    unread = models.BooleanField()

    class Meta:
        db_table = "items"
        indexes = [models.Index(fields=["user_id", "id"], name="items_by_user")]
