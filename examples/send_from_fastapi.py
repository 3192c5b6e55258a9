"""Send events from FastAPI. Run it with `uvicorn send_from_fastapi:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from tailrace_client import AsyncClient

events = AsyncClient()


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Sends what waits when the application ends."""
    async with events:
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/orders/{user_id}")
async def order(user_id: int) -> dict[str, str]:
    """Takes an order."""
    event_id = events.send("order.completed", user_id=user_id, data={"amount": {"cents": 1250}})
    return {"event_id": event_id}
