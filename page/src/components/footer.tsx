import type { JSX } from "preact";
import { timeZone } from "../format/times.ts";

const API = ["/stats", "/events", "/status", "/openapi.json"];

export function Footer(): JSX.Element {
  return (
    <footer class="foot">
      <p>Times in {timeZone().replaceAll("_", " ")}</p>
      <nav aria-label="API">
        {API.map((path) => (
          <a href={path} key={path}>
            {path}
          </a>
        ))}
      </nav>
    </footer>
  );
}
