"""All ways to answer with the same list."""

from django.urls import path
from shop.urls import urlpatterns as shop

from . import views

urlpatterns = [
    *shop,
    path("items/models", views.items_models),
    path("items/driver", views.items_driver),
    path("items/json_agg", views.items_json_agg),
    path("hello", views.hello),
]
