"""A model of every field that is offloaded, and of some that are not."""

from django.db import models


class Keeper(models.Model):
    name = models.CharField(max_length=50)

    class Meta:
        ordering = ("name",)


class Animal(models.Model):
    keeper = models.ForeignKey(Keeper, on_delete=models.CASCADE, null=True)
    count = models.SmallIntegerField(null=True)
    weight = models.DecimalField(max_digits=10, decimal_places=3, null=True)
    speed = models.FloatField(null=True)
    name = models.TextField(null=True)
    slug = models.SlugField(default="a")
    tame = models.BooleanField(null=True)
    born = models.DateField(null=True)
    fed = models.TimeField(null=True)
    seen = models.DateTimeField(null=True)
    tag = models.UUIDField(null=True)
    nap = models.DurationField(null=True)
    notes = models.JSONField(null=True)
