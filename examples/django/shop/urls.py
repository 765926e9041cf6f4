"""The list, both ways."""

from django.urls import path

from . import views

urlpatterns = [
    path("items/orm", views.items_orm),
    path("items", views.items),
    path("items/async", views.items_async),
]
