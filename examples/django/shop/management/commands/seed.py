"""`manage.py seed`: the same items each time."""

import datetime
import random
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection

from shop.models import Item

BEGIN = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
WORDS = (
    "invoice",
    "Größe",
    "order",
    'the "big" one',
    "50% off",
    "日本",
    "under_score",
    "🚚",
    "a\tb",
)


class Command(BaseCommand):
    """Replaces all items."""

    help = "Replaces all items by the same ones each time."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--items", type=int, default=20_000)
        parser.add_argument("--users", type=int, default=20)

    def handle(self, *args: Any, **options: Any) -> None:
        chance = random.Random(7)
        Item.objects.all().delete()
        made = (
            Item(
                id=number,
                user_id=number % options["users"],
                created_at=BEGIN
                + datetime.timedelta(
                    seconds=number, microseconds=chance.choice((0, 120_000, 123_456))
                ),
                status=chance.choice(("open", "closed", "waiting")),
                title=f"{chance.choice(WORDS)} {number}",
                score=chance.choice((0.0, 1.5, 1 / 3, 1e16, -2.5e-7)) * number,
                unread=chance.random() < 0.5,
            )
            for number in range(1, options["items"] + 1)
        )
        Item.objects.bulk_create(made, batch_size=1000)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")  # As autovacuum does for PostgreSQL, sooner or later.
        self.stdout.write(f"{options['items']} items of {options['users']} users")
