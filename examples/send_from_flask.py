"""Send events from Flask. Run it with `flask --app send_from_flask run`."""

from flask import Flask, Response, jsonify, request

from tailrace_client import Client

app = Flask(__name__)
events = Client()


@app.after_request
def record_view(response: Response) -> Response:
    """Sends an event for each request; the response does not wait for it."""
    data = {"path": request.path, "status": response.status_code}
    events.send("http_request", data=data)
    return response


@app.post("/orders/<int:user_id>")
def order(user_id: int) -> Response:
    """Takes an order."""
    event_id = events.send("order.completed", user_id=user_id, data={"amount": {"cents": 1250}})
    return jsonify(event_id=event_id)
