// Send events from Express. Run it with `node send_from_express.mjs`; PORT and TAILRACE_COMMAND_URL are optional.

import express from "express";
import { createClient } from "tailrace-client";

const app = express();
const events = createClient({
  url: process.env.TAILRACE_COMMAND_URL ?? "http://localhost:8081",
  key: process.env.TAILRACE_WRITE_KEY,
});

app.post("/orders/:userId", (request, response) => {
  const eventId = events.send("order.completed", { amount: { cents: 1250 } }, { userId: Number(request.params.userId) });
  response.json({ event_id: eventId });
});

const server = app.listen(Number(process.env.PORT ?? 3001), () => console.log("listening"));

process.once("SIGTERM", () => server.close(() => events.flush()));
