"""Send events from Django. Run it with `python send_from_django.py runserver`."""

import sys

import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from tailrace_client import Client

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="example", ALLOWED_HOSTS=["localhost", "testserver"])
django.setup()
events = Client()


@csrf_exempt
@require_POST
def order(request: HttpRequest, user_id: int) -> JsonResponse:
    """Takes an order."""
    event_id = events.send("order.completed", user_id=user_id, data={"amount": {"cents": 1250}})
    return JsonResponse({"event_id": event_id})


urlpatterns = [path("orders/<int:user_id>", order)]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
